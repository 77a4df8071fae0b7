"""Look-ups in order given slots: a word program, the list of word operations that the kernel runs."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.lowering.luts import FALSE, N_CONSTANTS, TRUE, depends, representative
from lava_nexus.lowering.ordered import OrderedGraph, Variant, ordered_graph, restricted
from lava_nexus.lowering.schedule import Reads, last_reads
from lava_nexus.neurons import ThresholdNetwork

ZERO_SLOT, ONE_SLOT, SPARE_SLOT, RESERVED_SLOTS = 0, 1, 2, 3
"""Slots that always hold 0, always hold 1, and take what nobody reads."""

ZERO_COUNT, ONE_COUNT, RESERVED_COUNTS = 0, 1, 2
"""Counts of a signal that never spikes, and of one that always does."""

COUNTED = 0x100
"""Flag beside the truth table of an operation whose result is counted."""


@dataclass(frozen=True, eq=False)
class WordProgram:
    """Word operations that evaluate a network for as many operand sets as there are bits in a slot.

    Counts are numbered: never, always, the bits of the input ports in order, then the counted operations in order.

    Attributes:
        operations: uint16 [operations, 5]: truth table (one of REPRESENTATIVES) | COUNTED, slots of inputs a, b, c,
            slot of the result.
        input_slots: int32 [input bits], ports in order, each LSB first.
        output_slots: int32 [output bits], ports in order, each LSB first.
        n_slots: slots in use.
        signal_counts: int32 [signals], the count that holds a signal's spikes; empty where spikes are not counted.
        probe_counts: int32 [neurons], the count of a neuron's active updates; empty where they are not counted.
        idle: uint8 [counts]: 1 where an all-zero operand set is counted (the strobe is taken as always there, so a lane
            that pads a block is counted as such a set, to be subtracted).
    """

    operations: NDArray[np.uint16]
    input_slots: NDArray[np.int32]
    output_slots: NDArray[np.int32]
    n_slots: int
    signal_counts: NDArray[np.int32]
    probe_counts: NDArray[np.int32]
    idle: NDArray[np.uint8]

    @property
    def n_counts(self) -> int:
        """Length of the vector of counts."""
        return len(self.idle)

    @property
    def counting(self) -> bool:
        """Whether anything is counted."""
        return len(self.signal_counts) > 0

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all fields: equal digests mean the same program."""
        state = hashlib.sha256(repr([("n_slots", self.n_slots)]).encode())
        for name in sorted(field.name for field in fields(self) if field.name != "n_slots"):
            array = np.ascontiguousarray(getattr(self, name))
            state.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
            state.update(array.tobytes())
        return state.hexdigest()


_MOST_SLOTS = 1 << 16
_programs: dict[tuple[str, Variant, int], WordProgram] = {}


def word_program(network: ThresholdNetwork, variant: Variant = "spikes", zeros: int = 0) -> WordProgram:
    """The network's word program, for second operands whose lowest `zeros` bits are 0; made once, kept in memory."""
    name = (network.digest, variant, zeros)
    if name not in _programs:
        graph = ordered_graph(network, variant)
        if zeros:
            first = network.inputs[0].width
            graph = restricted(graph, range(first, first + zeros))
        _programs[name] = allocated(graph)
    return _programs[name]


def allocated(graph: OrderedGraph) -> WordProgram:
    """The word program of look-ups in order.

    Raises:
        NexusError: more than 65,536 values are alive at once.
    """
    inputs = range(N_CONSTANTS, graph.first)
    order = range(graph.first, graph.first + len(graph.tables))
    reads = dict(zip(order, map(_read, graph.tables.tolist(), graph.reads.tolist()), strict=True))
    given, n_slots = allocate(reads, order, inputs, graph.outputs.tolist(), RESERVED_SLOTS)
    if n_slots > _MOST_SLOTS:
        raise NexusError(f"network keeps {n_slots} values at once, more than the {_MOST_SLOTS} slots of a word program")
    slots = {FALSE: ZERO_SLOT, TRUE: ONE_SLOT, **given}
    counted = graph.counted
    counts = {FALSE: ZERO_COUNT, TRUE: ONE_COUNT}
    for value in [*inputs, *(value for value in order if value in counted)]:
        counts[value] = len(counts)
    operations = [
        _operation(table, [slots[source] for source in reads[value]], slots.get(value, SPARE_SLOT), value in counted)
        for value, table in zip(order, graph.tables.tolist(), strict=True)
    ]
    return WordProgram(
        operations=np.array(operations, dtype=np.uint16).reshape(-1, 5),
        input_slots=np.array([slots[value] for value in inputs], dtype=np.int32),
        output_slots=np.array([slots[value] for value in graph.outputs.tolist()], dtype=np.int32),
        n_slots=n_slots,
        signal_counts=np.array([counts[value] for value in graph.signals.tolist()], dtype=np.int32),
        probe_counts=np.array([counts[value] for value in graph.probes.tolist()], dtype=np.int32),
        idle=_idle(graph, counts),
    )


def allocate(
    reads: Reads, order: Sequence[int], sources: Sequence[int], kept: Iterable[int], reserved: int
) -> tuple[dict[int, int], int]:
    """A slot for each source and each operation's result, used again once its value has been read for the last time.

    Args:
        reads: inputs of every operation.
        order: operations in order of execution.
        sources: values that are there from the start.
        kept: values that must last to the end.
        reserved: slots 0 .. reserved - 1 are not given out.

    Returns:
        The slot of every value, and the number of slots; results that nobody reads have none.
    """
    last = last_reads(reads, order, kept)
    slots: dict[int, int] = {}
    free: list[int] = []
    size = reserved
    for source in sources:
        slots[source] = size
        size += 1
        if source not in last:
            heapq.heappush(free, slots[source])
    for time, node in enumerate(order):
        for source in set(reads[node]):
            if last[source] == time and source in slots:
                heapq.heappush(free, slots[source])
        if node in last:
            if free:
                slots[node] = heapq.heappop(free)
            else:
                slots[node] = size
                size += 1
    return slots, size


def _read(table: int, inputs: Sequence[int]) -> tuple[int, ...]:
    """The inputs that the table depends on."""
    return tuple(source for position, source in enumerate(inputs) if depends(table, position))


def _operation(table: int, operands: list[int], result: int, counted: bool) -> list[int]:
    least, order = representative(table)
    operands = operands + [ZERO_SLOT] * (3 - len(operands))
    return [least | (COUNTED if counted else 0), *(operands[i] for i in order), result]


def _idle(graph: OrderedGraph, counts: dict[int, int]) -> NDArray[np.uint8]:
    """The counts that one all-zero operand set adds."""
    values = [0, 1] + [0] * graph.n_inputs
    for table, (a, b, c) in zip(graph.tables.tolist(), graph.reads.tolist(), strict=True):
        values.append(table >> (values[a] + 2 * values[b] + 4 * values[c]) & 1)
    idle = np.zeros(len(counts), dtype=np.uint8)
    for value, count in counts.items():
        idle[count] = values[value]
    return idle
