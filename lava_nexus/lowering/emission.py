"""Look-ups put in order, given slots and written down as a word program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.lowering.cover import cover
from lava_nexus.lowering.luts import FALSE, OR, OR3, TRUE, Look, LookGraph, representative
from lava_nexus.lowering.program import (
    COUNTED,
    ONE_COUNT,
    ONE_SLOT,
    RESERVED_SLOTS,
    SPARE_SLOT,
    ZERO_COUNT,
    ZERO_SLOT,
    WordProgram,
)
from lava_nexus.lowering.schedule import allocate, deepest_first, depth_first, eager, thrifty

_MOST_SLOTS = 1 << 16


@dataclass(frozen=True)
class Lowered:
    """A network as nodes of a look-up graph.

    Attributes:
        graph: the look-ups, live or not.
        inputs: nodes of the input bits, ports in order, each LSB first.
        outputs: nodes of the output bits, ports in order, each LSB first.
        signals: node of every signal whose spikes are counted.
        probes: node of every neuron whose active updates are counted.
    """

    graph: LookGraph
    inputs: list[int]
    outputs: list[int]
    signals: list[int]
    probes: list[int]


def emit(lowered: Lowered) -> WordProgram:
    """The word program of the nodes that are counted or put out, in the order that keeps the fewest values alive.

    Raises:
        NexusError: more than 65,536 values are alive at once.
    """
    counted = {*lowered.signals, *lowered.probes}
    looks = cover(lowered.graph, [*lowered.outputs, *counted])
    order, slots, n_slots = _placed(looks, lowered)
    if n_slots > _MOST_SLOTS:
        raise NexusError(f"network keeps {n_slots} values at once, more than the {_MOST_SLOTS} slots of a word program")
    operations = [_operation(looks[node], slots, slots.get(node, SPARE_SLOT), node in counted) for node in order]
    counts = {FALSE: ZERO_COUNT, TRUE: ONE_COUNT}
    for node in [*lowered.inputs, *(node for node in order if node in counted)]:
        counts[node] = len(counts)
    return WordProgram(
        operations=np.array(operations, dtype=np.uint16).reshape(-1, 5),
        input_slots=np.array([slots[node] for node in lowered.inputs], dtype=np.int32),
        output_slots=np.array([slots[node] for node in lowered.outputs], dtype=np.int32),
        n_slots=n_slots,
        signal_counts=np.array([counts[node] for node in lowered.signals], dtype=np.int32),
        probe_counts=np.array([counts[node] for node in lowered.probes], dtype=np.int32),
        idle=_idle(looks, order, counts),
    )


def _placed(looks: dict[int, Look], lowered: Lowered) -> tuple[list[int], dict[int, int], int]:
    """Order, slots and number of slots: the best of the order of making and some depth first from the outputs.

    Of each, operations are drawn forward, without and with the `or`s: a table's columns then grow side by side while
    the lines that they share are there.
    """
    reads = {node: inputs for node, (_, inputs) in looks.items()}
    ors = {node for node, (table, _) in looks.items() if table in (OR, OR3)}
    orders = [list(reads)]
    for way in (reads, deepest_first(reads)):
        orders += [eager(reads, depth_first(way, lowered.outputs[::step])) for step in (1, -1)]
    orders += [thrifty(reads, order, lowered.outputs, hurried) for order in orders for hurried in ((), ors)]
    fixed = {FALSE: ZERO_SLOT, TRUE: ONE_SLOT}
    best: tuple[list[int], dict[int, int], int] | None = None
    for order in orders:
        slots, n_slots = allocate(reads, order, lowered.inputs, lowered.outputs, RESERVED_SLOTS)
        if best is None or n_slots < best[2]:
            best = order, {**fixed, **slots}, n_slots
    assert best is not None
    return best


def _operation(look: Look, slots: dict[int, int], result: int, counted: bool) -> list[int]:
    table, inputs = look
    operands = [slots[source] for source in inputs] + [ZERO_SLOT] * (3 - len(inputs))
    least, order = representative(table)
    return [least | (COUNTED if counted else 0), *(operands[i] for i in order), result]


def _idle(looks: dict[int, Look], order: Sequence[int], counts: dict[int, int]) -> NDArray[np.uint8]:
    """The counts that one all-zero operand set adds."""
    value = {TRUE: 1}
    for node in order:
        table, inputs = looks[node]
        value[node] = table >> sum(value.get(source, 0) << i for i, source in enumerate(inputs)) & 1
    idle = np.zeros(len(counts), dtype=np.uint8)
    for node, count in counts.items():
        idle[count] = value.get(node, 0)
    return idle
