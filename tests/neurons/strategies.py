"""Gate lists as they are written down, and what they mean before any builder has seen them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from lava_nexus.neurons import FALSE, TRUE, Builder, Signal

WIDTH = 3
FREE = 2 * WIDTH


@dataclass(frozen=True)
class GateList:
    """Gates over nodes: 0 is the constant 0, 1 the constant 1, then 2 * WIDTH free bits, then the gates in order."""

    gates: tuple[tuple[tuple[tuple[int, int], ...], int], ...]

    def truth(self) -> NDArray[np.bool_]:
        """bool [2 ** FREE vectors, nodes] by the definition [sum w * s >= T]; free bit i is bit i of the row."""
        rows = np.arange(1 << FREE)
        nodes = [np.zeros(len(rows), int), np.ones(len(rows), int), *(rows >> i & 1 for i in range(FREE))]
        for terms, threshold in self.gates:
            nodes.append((sum((w * nodes[n] for n, w in terms), np.zeros(len(rows), int)) >= threshold).astype(int))
        return np.array(nodes, dtype=bool).T

    def build(self) -> tuple[Builder, list[Signal]]:
        """A builder that was given every gate, and the signal of every node."""
        builder = Builder()
        signals = [FALSE, TRUE, *builder.input("a", width=WIDTH), *builder.input("b", width=WIDTH)]
        for terms, threshold in self.gates:
            signals.append(builder.gate([(signals[n], w) for n, w in terms], threshold))
        return builder, signals


@st.composite
def gate_lists(draw: st.DrawFn, most: int = 12) -> GateList:
    """Any gates: constants, repeated sources, zero and negative weights, thresholds out of reach."""
    gates = []
    for k in range(draw(st.integers(1, most))):
        node = st.integers(0, 2 + FREE + k - 1)
        terms = draw(st.lists(st.tuples(node, st.integers(-4, 4)), max_size=5))
        gates.append((tuple(terms), draw(st.integers(-6, 8))))
    return GateList(tuple(gates))


def free_patterns() -> list[NDArray[np.uint8]]:
    """Operands a and b of every vector, in the order of `GateList.truth`."""
    rows = np.arange(1 << FREE)
    return [(rows & ((1 << WIDTH) - 1)).astype(np.uint8), (rows >> WIDTH).astype(np.uint8)]
