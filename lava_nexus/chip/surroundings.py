"""What stands around the arithmetic on a chip: registers, operand selectors, sequencer, tables and cache.

All are networks that are built and counted, as much of each as a token's schedules need.

- A register bit keeps its spike until it is loaded: set = [load + d >= 2], then q' = [q - load + 2 set >= 1], where q
  is its own output: two neurons a bit, and one a word for `load` one step later.
- A selector lets one of several words through: an AND for each bit of each word.
- Each operand of an instance has an OR for each bit, and the instance a neuron for its strobe.
- The sequencer is a neuron for each step in which a round takes operands, a chain that passes one spike on, and a
  binary counter for a round of several turns.
- A weight table is an axon for each step that needs a weight, with a synapse for every set bit of the weights of all
  instances; the axon's neuron is the sequencer's.
"""

from __future__ import annotations

from functools import cache

from lava_nexus.chip.description import Chip
from lava_nexus.chip.liveness import Registers, registers
from lava_nexus.chip.packing import Piece, network_piece
from lava_nexus.chip.workload import Memory, Workload, kept_inputs, word_bits
from lava_nexus.circuits import Circuit
from lava_nexus.neurons import Builder, ThresholdNetwork
from lava_nexus.programs.nodes import Rearrange
from lava_nexus.programs.schedule import Schedule


@cache
def register_gates(bits: int) -> ThresholdNetwork:
    """What sets the bits of a word: bits + 1 neurons."""
    builder = Builder()
    data = builder.input("data", width=bits)
    (load,) = builder.input("load", width=1)
    chosen = [builder.gate([(load, 1), (d, 1)], 2) for d in data]
    return builder.finish([("set", chosen, None), ("clear", [load], None)])


@cache
def register_cells(bits: int) -> ThresholdNetwork:
    """What holds the bits of a word: a neuron each, `held` is fed by its own output."""
    builder = Builder()
    chosen, held = builder.input("set", width=bits), builder.input("held", width=bits)
    (clear,) = builder.input("clear", width=1)
    out = [builder.gate([(q, 1), (clear, -1), (s, 2)], 1) for s, q in zip(chosen, held, strict=True)]
    return builder.finish([("out", out, None)])


@cache
def selector(ways: int, bits: int) -> ThresholdNetwork:
    """What lets one of `ways` words through: ways * bits neurons."""
    builder = Builder()
    words = [builder.input(f"word{i}", width=bits) for i in range(ways)]
    lines = builder.input("select", width=ways)
    chosen = [builder.gate([(b, 1), (line, 1)], 2) for word, line in zip(words, lines, strict=True) for b in word]
    return builder.finish([("out", chosen, None)])


@cache
def operands(bits: int) -> ThresholdNetwork:
    """What all operands of an instance, of so many bits, come in by: an OR a bit, and its strobe."""
    builder = Builder()
    lines = builder.input("chosen", width=bits + 1)
    return builder.finish([("out", [builder.gate([(line, 1)], 1) for line in lines], None)])


@cache
def bank_port(bits: int) -> ThresholdNetwork:
    """What one more word adds to the port that a bank of registers is read by: an AND a bit, its OR counted apart."""
    builder = Builder()
    word = builder.input("word", width=bits)
    (line,) = builder.input("select", width=1)
    return builder.finish([("out", [builder.gate([(b, 1), (line, 1)], 2) for b in word], None)])


@cache
def counter(bits: int) -> ThresholdNetwork:
    """A binary counter: q' = q + step, reset by `clear`; `q` is fed by the output."""
    builder = Builder()
    held = builder.input("q", width=bits)
    (carry,) = builder.input("step", width=1)
    (clear,) = builder.input("clear", width=1)
    out = []
    for bit in held:
        both = builder.gate([(bit, 1), (carry, 1)], 2)
        out.append(builder.gate([(bit, 1), (carry, 1), (both, -2), (clear, -1)], 1))
        carry = both
    return builder.finish([("out", out, None)])


@cache
def step_neuron() -> ThresholdNetwork:
    """One neuron of the sequencer's chain."""
    builder = Builder()
    (before,) = builder.input("before", width=1)
    return builder.finish([("out", [before], None)])


def handover() -> int:
    """Steps from a result to its use as an operand: into a register, out of it through a selector."""
    return register_gates(1).depth + register_cells(1).depth + selector(1, 1).depth + operands(1).depth


def surroundings(
    workload: Workload,
    schedules: tuple[tuple[Schedule, int], ...],
    instances: dict[str, int],
    memory: Memory,
    chip: Chip,
) -> list[tuple[Piece, int]]:
    """(piece, synapses of one) for all that is not arithmetic; each is as large as the section that needs most of it.

    SynOps take half of the bits as set: a register bit holds itself and reaches its ports.
    """
    bits = word_bits(workload)
    half = bits / 2
    found: list[tuple[Piece, int]] = []

    def count(label: str, network: ThresholdNetwork, times: int, synops: float, recurrent: int = 0) -> None:
        found.append((network_piece(label, network, chip, times, synops, recurrent), network.synapses))

    def bank(label: str, words: int, ports: int) -> None:
        count(f"{label}, cells of a word", register_cells(bits), words, half, bits)
        count(f"{label}, gates of a word", register_gates(bits), words, 0.0)
        count(f"{label}, port of a word", bank_port(bits), ports, half)

    kept = [registers(schedule, kept_inputs(schedule.program)) for schedule, _ in schedules]
    if memory.registers == "chip":
        bank("register", max(one.words for one in kept), max(one.ports for one in kept))
    for ways, times in sorted(_selectors(schedules, kept, instances, memory).items()):
        count(f"operand selector, {ways} ways", selector(ways, bits), times, half)
    for circuit, _ in workload.invocations.values():
        if isinstance(circuit, Circuit):
            width = sum(port.width for port in circuit.inputs)
            count(f"operands of {circuit.label}", operands(width), instances[circuit.digest], width / 2)
    count("sequencer, a step", step_neuron(), sum(s.width(one) for s, _ in schedules for one in s.rounds), 0.0)
    for width, times in sorted(_counters(schedules).items()):
        count(f"sequencer, counter of {width} bits", counter(width), times, float(width), width)
    if memory.cache == "chip":
        bank("cache", workload.words("cache"), workload.words("cache"))
    if memory.weights == "chip" and workload.words("weights"):
        found.append(_weight_table(workload.words("weights"), bits, max(instances.values()), chip))
    return found


def _selectors(
    schedules: tuple[tuple[Schedule, int], ...], kept: list[Registers], instances: dict[str, int], memory: Memory
) -> dict[int, int]:
    """How many selectors of how many ways: an operand comes from results, banks of registers, tables or the host."""
    most: dict[tuple[str, int], int] = {}
    for (schedule, _), one in zip(schedules, kept, strict=True):
        names = [pool.circuit.digest for pool in schedule.pools]
        fed = _fed_operands(schedule)
        for place in {*one.ways, *fed}:
            ways = one.ways.get(place, 0) if memory.registers == "chip" else min(1, one.ways.get(place, 0))
            name = names[place[0]], place[1]
            most[name] = max(most.get(name, 0), ways + (place in fed))
    found: dict[int, int] = {}
    for (digest, _), ways in most.items():
        if ways > 1:
            found[ways] = found.get(ways, 0) + instances[digest]
    return found


def _fed_operands(schedule: Schedule) -> set[tuple[int, int]]:
    """(pool, operand) that take words from tables or from the host."""
    held, found = _fed(schedule), set()
    for one in schedule.rounds:
        if one.role != "add":
            operands = schedule.program.nodes[one.node].operands[:2]
            found |= {(one.pool, i) for i, value in enumerate(operands) if value.number in held}
    return found


def _fed(schedule: Schedule) -> set[int]:
    """Values that no circuit computes and no register holds."""
    program = schedule.program
    kept = kept_inputs(program)
    held = {v.number for v in program.inputs.values() if v.number not in kept} | set(program.constants)
    for node in program.nodes:
        if isinstance(node, Rearrange) and any(v.number in held for v in node.operands):
            held.add(node.result.number)
    return held


def _counters(schedules: tuple[tuple[Schedule, int], ...]) -> dict[int, int]:
    """How many counters of how many bits: one for each round of several turns."""
    found: dict[int, int] = {}
    for schedule, _ in schedules:
        for one in schedule.rounds:
            if one.turns > 1:
                width = one.turns.bit_length()
                found[width] = found.get(width, 0) + 1
    return found


def _weight_table(weights: int, bits: int, readers: int, chip: Chip) -> tuple[Piece, int]:
    """Tables of as many weights as one core's synapse memory holds, half of their bits set; an axon a weight."""
    words = -(-(bits // 2) // chip.limits.synapses_per_word.most)
    most = min(chip.most("synapse_words") // words, chip.most("axons_in"))
    each = max(1, min(most, -(-weights // readers)))
    piece = Piece(
        name=f"weight table, {each} words",
        kind="weight table",
        neurons=bits,
        delay_bits=0,
        synapse_words=words * each,
        axons_in=each,
        axons_out=bits,
        synops=float(bits // 2),
        count=-(-weights // each),
        reads=float(words),
    )
    return piece, each * (bits // 2)
