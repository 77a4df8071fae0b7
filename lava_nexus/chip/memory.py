"""Registers, operands and a cache made of neurons with states (`populations.native.memory`), in place of gates.

- A collector adds up the bits of a result, 16 a neuron, and sends them on as one payload.
- Registers stand in blocks: a block takes what one collector sends, and a line for loading and one for reading a word.
- The cache has a neuron for some positions of one channel; channels that lie together share the lines of positions.
- An operand of a circuit is a neuron a bit, which takes its own from the payload that comes.

Nothing spikes while a word waits. What it costs to write and to read a word is counted for a token, and spread over its
steps: `CircuitUse.synops` of what is no circuit is that of a step.
"""

from __future__ import annotations

from collections.abc import Mapping

from lava_nexus.chip.description import Chip
from lava_nexus.chip.liveness import registers
from lava_nexus.chip.packing import Piece
from lava_nexus.chip.workload import Memory, Workload, cached_values, kept_inputs, word_bits
from lava_nexus.circuits import Circuit
from lava_nexus.populations.native.memory import halves_of, memory_neuron, words_of
from lava_nexus.programs.nodes import Contract
from lava_nexus.programs.schedule import FINAL, Schedule

BLOCK = 64
"""Neurons that take what one collector sends; channels of a cache that share the lines of positions."""

HANDOVER = 3
"""Steps from a result to its use: collector, memory, bits (a word's second half comes in the step behind)."""

Around = list[tuple[Piece, int]]


def word_memory(
    workload: Workload,
    schedules: tuple[tuple[Schedule, int], ...],
    instances: Mapping[str, int],
    memory: Memory,
    chip: Chip,
) -> Around:
    """(piece, synapses of one) for all words that a token keeps."""
    bits = word_bits(workload)
    kept = [registers(schedule, kept_inputs(schedule.program)) for schedule, _ in schedules]
    words = max(one.words for one in kept)
    written, read = (sum(times * _moved(schedule)[i] for schedule, times in schedules) for i in (0, 1))
    steps = max(1, sum(schedule.steps * times for schedule, times in schedules))
    half = halves_of(bits)
    each = (written * (bits / 2 + half * BLOCK + 1) + read * (half * bits + 1)) / steps
    found: Around = []
    if memory.registers == "chip":
        blocks = -(-words // (BLOCK * words_of(bits)))
        found.append(_block("registers", BLOCK, half, BLOCK * words_of(bits), bits, blocks, each, chip))
    collectors = sum(n for digest, n in instances.items() if digest in _circuits(workload))
    found.append(_simple("bits to a word", half, bits, bits, half, collectors))
    operands = _operands(schedules, instances)
    found.append(_simple("word to bits", bits, BLOCK, BLOCK * -(-bits // _per_word(chip)), bits, operands))
    if memory.cache == "chip":
        for value_bits, positions, channels in cached_values(workload):
            groups = -(-positions // words_of(value_bits))
            label = f"cache of {positions} positions"
            part = _block(label, groups, halves_of(value_bits), 0, value_bits, -(-channels // BLOCK), 0.0, chip)
            found.append(_shared(part, groups, positions, chip))
    return found


def _block(
    label: str, neurons: int, halves: int, lines: int, bits: int, count: int, synops: float, chip: Chip
) -> tuple[Piece, int]:
    """Neurons that take one collector's payloads, with so many words' lines for loading and for reading."""
    room = chip.room_of(len(memory_neuron(bits).states))
    data = halves * -(-neurons // _per_word(chip))
    piece = Piece(
        name=label, kind="memory", neurons=neurons * room, delay_bits=0, synapse_words=data + 2 * lines,
        axons_in=halves + 2 * lines, axons_out=neurons, synops=synops / max(1, count), count=count, reads=0.0,
    )  # fmt: skip
    return piece, neurons * halves + 2 * lines


def _shared(one: tuple[Piece, int], groups: int, positions: int, chip: Chip) -> tuple[Piece, int]:
    """A block of channels, `groups` neurons each, that share two lines a position."""
    piece, synapses = one
    lines = 2 * positions
    words = BLOCK * piece.synapse_words + lines * -(-BLOCK // _per_word(chip))
    grown = Piece(
        name=piece.name, kind=piece.kind, neurons=BLOCK * piece.neurons, delay_bits=0, synapse_words=words,
        axons_in=BLOCK * piece.axons_in + lines, axons_out=BLOCK * groups, synops=0.0, count=piece.count,
    )  # fmt: skip
    return grown, BLOCK * (synapses + lines)


def _simple(label: str, neurons: int, axons: int, words: int, out: int, count: int) -> tuple[Piece, int]:
    piece = Piece(
        name=label, kind=label, neurons=neurons, delay_bits=0, synapse_words=words, axons_in=axons, axons_out=out,
        synops=0.0, count=count,
    )  # fmt: skip
    return piece, axons * neurons


def _circuits(workload: Workload) -> set[str]:
    """Digests of circuits whose results are kept."""
    return {digest for digest, (what, _) in workload.invocations.items() if isinstance(what, Circuit)}


def _operands(schedules: tuple[tuple[Schedule, int], ...], instances: Mapping[str, int]) -> int:
    """Operands of all instances that read words."""
    places = set()
    for schedule, _ in schedules:
        for one in schedule.rounds:
            if one.role not in ("stage", "result"):
                node, digest = schedule.program.nodes[one.node], schedule.pools[one.pool].circuit.digest
                places |= {(digest, i) for i in range(_read_by(node, one.role))}
    return sum(instances[digest] for digest, _ in places)


def _read_by(node: object, role: str) -> int:
    """Operands that a round reads."""
    if isinstance(node, Contract):
        return 1 if node.populations() else 2  # of a native sum one a round
    return len(getattr(node, "operands", ())) if role == "apply" else 1


def _moved(schedule: Schedule) -> tuple[int, int]:
    """(words written, words read) by one run of a program."""
    written = sum(one.count for one in schedule.rounds if one.role in FINAL)
    read = 0
    for one in schedule.rounds:
        if one.role in ("apply", "fold", "multiply", "take"):
            node = schedule.program.nodes[one.node]
            terms = -(-node.operands[0].shape[-1] // one.turns) if one.role == "take" and one.turns > 1 else 1
            read += one.count * one.turns * terms * _read_by(node, one.role)
    return written, read


def _per_word(chip: Chip) -> int:
    return chip.limits.synapses_per_word.most
