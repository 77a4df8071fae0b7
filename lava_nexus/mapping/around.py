"""How much stands around the arithmetic: registers, selectors, sequencer, tables and cache of a token's schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lava_nexus.layers.nodes import Rearrange
from lava_nexus.layers.schedule import Schedule
from lava_nexus.mapping.chip import Chip
from lava_nexus.mapping.liveness import Registers, registers
from lava_nexus.mapping.packing import Piece
from lava_nexus.mapping.surroundings import bank_port, counter, register_cells, register_gates, selector, step_neuron
from lava_nexus.mapping.templates import network_piece
from lava_nexus.mapping.workload import Workload, kept_inputs, word_bits
from lava_nexus.neurons import ThresholdNetwork

if TYPE_CHECKING:
    from lava_nexus.mapping.mapper import Memory


@dataclass(frozen=True)
class Around:
    """(piece, synapses of one) for everything that is not arithmetic."""

    pieces: tuple[tuple[Piece, int], ...]


def surroundings(
    workload: Workload,
    schedules: tuple[tuple[Schedule, int], ...],
    instances: dict[str, int],
    memory: Memory,
    chip: Chip,
) -> Around:
    """What the sections share: each is as large as the section that needs most of it.

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
        count(f"operand selector, {ways} ways", selector(ways, bits), times, 2 * half)
    count("sequencer, a step", step_neuron(), sum(s.width(one) for s, _ in schedules for one in s.rounds), 0.0)
    for width, times in sorted(_counters(schedules).items()):
        count(f"sequencer, counter of {width} bits", counter(width), times, float(width), width)
    if memory.cache == "chip":
        bank("cache", workload.words("cache"), workload.words("cache"))
    if memory.weights == "chip" and workload.words("weights"):
        found.append(_weight_table(workload.words("weights"), bits, max(instances.values()), chip))
    return Around(tuple(found))


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
    )
    return piece, each * (bits // 2)
