"""A graph of look-up operations with at most three inputs, each function of the same inputs held once.

A truth table is an 8-bit integer: bit (a + 2 b + 4 c) is the value for inputs a, b, c; a table over fewer inputs does
not depend on the others. Nodes are numbered in the order they are made: FALSE, TRUE, the leaves, then look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import permutations, product

FALSE = 0
TRUE = 1
N_CONSTANTS = 2

PROJECTIONS = (0xAA, 0xCC, 0xF0)
"""Tables of the three inputs themselves."""

NOT, AND, OR, XOR3, MAJORITY, OR3, SELECT = 0x55, 0x88, 0xEE, 0x96, 0xE8, 0xFE, 0xD8
"""not a; a and b; a or b; a xor b xor c; at least two of three; a or b or c; b where a is set, else c."""

Look = tuple[int, tuple[int, ...]]

_CHOICES = [[chosen for chosen in product((0, 1), repeat=inputs) if any(chosen)] for inputs in range(4)]
"""For each number of inputs, which of them may be replaced."""


@cache
def compose(table: int, x: int, y: int, z: int) -> int:
    """The table of f(x, y, z) where x, y, z are tables over common inputs."""
    result = 0
    for minterm in range(8):
        if table >> minterm & 1:
            result |= (x if minterm & 1 else ~x) & (y if minterm & 2 else ~y) & (z if minterm & 4 else ~z)
    return result & 0xFF


@cache
def depends(table: int, position: int) -> bool:
    """Whether the table depends on its input at the position."""
    shift = 1 << position
    low = 0xFF & ~PROJECTIONS[position]
    return (table & low) != (table >> shift & low)


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
        looks: (table, inputs ascending) of the nodes past the leaves.
    """

    def __init__(self, n_leaves: int) -> None:
        self.n_leaves = n_leaves
        self.first = N_CONSTANTS + n_leaves
        self.looks: list[Look] = []
        self._known: dict[Look, int] = {}
        self._asked: dict[tuple[int, int, int, int], int] = {}

    def inputs(self, node: int) -> tuple[int, ...]:
        """The nodes that a node reads; none for constants and leaves."""
        return self.looks[node - self.first][1] if node >= self.first else ()

    def reached(self, roots: Iterable[int]) -> list[int]:
        """Look-ups that the roots depend on, roots included, ascending."""
        found: set[int] = set()
        stack = [root for root in roots if root >= self.first]
        while stack:
            node = stack.pop()
            if node not in found:
                found.add(node)
                stack.extend(source for source in self.inputs(node) if source >= self.first)
        return sorted(found)

    def look(self, table: int, a: int, b: int = FALSE, c: int = FALSE) -> int:
        """The node table(a, b, c): constants, equal and unused inputs folded, look-ups that fit drawn in."""
        asked = (table, a, b, c)
        if asked not in self._asked:
            leaves = tuple(sorted({node for node in (a, b, c) if node > TRUE}))
            look = trimmed(compose(table, *(_constant_or_projection(node, leaves) for node in (a, b, c))), leaves)
            self._asked[asked] = self._node(self._collapsed(look))
        return self._asked[asked]

    def table_over(self, node: int, leaves: tuple[int, ...], depth: int = 2) -> int | None:
        """The node's truth table over given nodes, if it depends on no others; looks at most `depth` look-ups down."""
        if node in leaves:
            return PROJECTIONS[leaves.index(node)]
        if node < self.first or depth == 0:
            return None
        table, inputs = self.looks[node - self.first]
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

    def any_in_order(self, nodes: Sequence[int]) -> int:
        """The `or` of nodes, taken from the first to the last."""
        chain = list(nodes)
        while len(chain) > 1:
            chain = [self.look(OR3, *chain[:3]), *chain[3:]]
        return chain[0] if chain else FALSE

    def complement(self, node: int) -> int | None:
        """The node known to be the negation, if any; makes none."""
        if node <= TRUE:
            return TRUE - node
        if node >= self.first:
            table, leaves = self.looks[node - self.first]
            if len(leaves) == 1:
                return leaves[0]
            found = self._known.get((table ^ 0xFF, leaves))
            if found is not None:
                return found
        return self._known.get((NOT, (node,)))

    def _node(self, look: Look) -> int:
        table, leaves = look
        if not leaves:
            return TRUE if table else FALSE
        if table == PROJECTIONS[0]:
            return leaves[0]
        if look not in self._known:
            self._known[look] = self.first + len(self.looks)
            self.looks.append(look)
        return self._known[look]

    def _collapsed(self, look: Look) -> Look:
        """The same function with inputs replaced by what they read, as long as at most three inputs remain.

        Fewest inputs win, then a node that is known, then the deepest replacement.
        """
        while True:
            parts = [((node,), self.inputs(node)) for node in look[1]]
            best, best_rank = look, (len(look[1]), look not in self._known, 0)
            for chosen in _CHOICES[len(parts)]:
                read = [part[choice] for part, choice in zip(parts, chosen, strict=True)]
                leaves = {leaf for nodes in read for leaf in nodes}
                if len(leaves) <= 3 and all(read):
                    candidate = self._replaced(look, chosen, tuple(sorted(leaves)))
                    rank = (len(candidate[1]), candidate not in self._known, -sum(chosen))
                    if rank < best_rank:
                        best, best_rank = candidate, rank
            if best == look:
                return look
            look = best

    def _replaced(self, look: Look, chosen: tuple[int, ...], leaves: tuple[int, ...]) -> Look:
        """The look-up over the leaves, with the chosen inputs replaced by what they read."""
        table, inputs = look
        operands = [0, 0, 0]
        for position, (node, replace) in enumerate(zip(inputs, chosen, strict=True)):
            if replace:
                inner, read = self.looks[node - self.first]
                operands[position] = compose(inner, *[*(PROJECTIONS[leaves.index(leaf)] for leaf in read), 0, 0][:3])
            else:
                operands[position] = PROJECTIONS[leaves.index(node)]
        return trimmed(compose(table, *operands), leaves)


def _constant_or_projection(node: int, leaves: tuple[int, ...]) -> int:
    if node <= TRUE:
        return 0xFF if node == TRUE else 0
    return PROJECTIONS[leaves.index(node)]


def trimmed(table: int, leaves: tuple[int, ...]) -> Look:
    """The look-up without the inputs that it does not depend on."""
    kept = [position for position in range(len(leaves)) if depends(table, position)]
    if len(kept) == len(leaves):
        return table, leaves
    operands = [0, 0, 0]
    for new, old in enumerate(kept):
        operands[old] = PROJECTIONS[new]
    return compose(table, *operands), tuple(leaves[position] for position in kept)
