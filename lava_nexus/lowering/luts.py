"""A graph of look-up operations with at most three inputs, each function of the same inputs held once.

A truth table is an 8-bit integer: bit (a + 2 b + 4 c) is the value for inputs a, b, c; a table over fewer inputs does
not depend on the others. Nodes are numbered in the order they are made: FALSE, TRUE, the leaves, then look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.lowering import nodes, tables
from lava_nexus.lowering.nodes import ASKED, FIRST, FULL, HEAD, LOOKS, ROOM, ROW
from lava_nexus.lowering.tables import AND, FALSE, MAJORITY, NOT, OR, OR3, PROJECTIONS, SELECT, TRUE, XOR3

__all__ = ["AND", "FALSE", "MAJORITY", "NOT", "OR", "OR3", "PROJECTIONS", "SELECT", "TRUE", "XOR3", "LookGraph"]

N_CONSTANTS = 2

Look = tuple[int, tuple[int, ...]]

compose = cache(tables.composed)
depends = cache(tables.dependent)

_ROOM = 1 << 10
"""Look-ups that a graph has room for at first; a power of two."""


@cache
def representative(table: int) -> tuple[int, tuple[int, ...]]:
    """The least table that is this one with its inputs in another order; its input i is input order[i] of this."""
    orders = permutations(range(3))
    return min((compose(table, *(PROJECTIONS[order.index(i)] for i in range(3))), order) for order in orders)


REPRESENTATIVES = tuple(sorted({representative(table)[0] for table in range(256)}))
"""The 80 truth tables that are left if the order of inputs is free."""


class LookGraph:
    """Hash-consed look-ups.

    Attributes:
        n_leaves: leaves, numbered from N_CONSTANTS.
        first: number of the first look-up.
        memory: the look-ups and what has been asked; see `nodes`.
    """

    def __init__(self, n_leaves: int) -> None:
        self.n_leaves = n_leaves
        self.first = N_CONSTANTS + n_leaves
        self._looks: list[Look] = []
        self.memory = _memory(self.first, _ROOM)

    @property
    def looks(self) -> list[Look]:
        """(table, inputs ascending) of the nodes past the leaves."""
        behind = int(self.memory[LOOKS])
        if len(self._looks) < behind:
            rows = self.memory[HEAD + ROW * len(self._looks) : HEAD + ROW * behind].reshape(-1, ROW)[:, :4].tolist()
            self._looks += [(table, (a, b, c) if c else (a, b) if b else (a,)) for table, a, b, c in rows]
        return self._looks

    def inputs(self, node: int) -> tuple[int, ...]:
        """The nodes that a node reads; none for constants and leaves."""
        row = node - self.first
        if row < 0:
            return ()
        return self._looks[row][1] if row < len(self._looks) else self.looks[row][1]

    def look(self, table: int, a: int, b: int = FALSE, c: int = FALSE) -> int:
        """The node table(a, b, c): constants, equal and unused inputs folded, look-ups that fit drawn in."""
        return self.run(nodes.look, table, a, b, c)

    def run(self, kernel: Any, *arguments: Any) -> int:
        """What a compiled function of the memory and arguments returns, room made for the look-ups that it makes."""
        made, asked = self.memory[LOOKS], self.memory[ASKED]
        while True:
            found = int(kernel(self.memory, *arguments))
            if not self.memory[FULL]:
                return found
            more = _memory(self.first, 2 * int(self.memory[ROOM]))
            more[LOOKS], more[ASKED] = made, asked
            nodes.move_kernel(self.memory, more)
            self.memory = more

    def table_over(self, node: int, leaves: tuple[int, ...], depth: int = 2) -> int | None:
        """The node's truth table over given nodes, if it depends on no others; looks at most `depth` look-ups down."""
        if node in leaves:
            return PROJECTIONS[leaves.index(node)]
        if node < self.first or depth == 0:
            return None
        row = node - self.first
        table, inputs = self._looks[row] if row < len(self._looks) else self.looks[row]
        operands = [0, 0, 0]
        for position, source in enumerate(inputs):
            operand = self.table_over(source, leaves, depth - 1)
            if operand is None:
                return None
            operands[position] = operand
        return compose(table, *operands)

    def any_of(self, nodes: Iterable[int]) -> int:
        """The `or` of nodes, the earliest first, so that a longer one shares the beginning of a shorter one."""
        return self.any_in_order(sorted(set(nodes)))

    def any_in_order(self, chain: Sequence[int]) -> int:
        """The `or` of nodes, taken from the first to the last."""
        if len(chain) < 2:
            return chain[0] if chain else FALSE
        return self.run(nodes.chain_kernel, np.array(chain, np.int64))

    def complement(self, node: int) -> int | None:
        """The node known to be the negation, if any; makes none."""
        found = int(nodes.complement(self.memory, node))
        return None if found < 0 else found


def _memory(first: int, room: int) -> NDArray[np.int64]:
    """Memory of no look-ups yet."""
    memory = np.zeros(nodes.words(room), np.int64)
    memory[FIRST], memory[ROOM] = first, room
    return memory


def trimmed(table: int, leaves: tuple[int, ...]) -> Look:
    """The look-up without the inputs that it does not depend on."""
    kept = [position for position in range(len(leaves)) if depends(table, position)]
    if len(kept) == len(leaves):
        return table, leaves
    operands = [0, 0, 0]
    for new, old in enumerate(kept):
        operands[old] = PROJECTIONS[new]
    return compose(table, *operands), tuple(leaves[position] for position in kept)
