"""Look-ups in flat arrays, compiled: each function of the same inputs held once, small ones drawn in.

Functions that make look-ups set FULL where there is no room; the caller then takes back what they made, makes room and
calls again.
"""

from __future__ import annotations

from typing import Any

from lava_nexus.lowering.tables import FALSE, NONE, NOT, OR3, TRUE, compose, filled, joined, table_of, trimmed3
from lava_nexus.neurons.compiled import Indices, kept, within

FIRST, LOOKS, ASKED, VISITS, FULL, ROOM = range(6)
"""Places at the head of a graph's memory: number of the first look-up, look-ups, queries, walks so far, whether room
was lacking, look-ups that there is room for (a power of two)."""

HEAD, ROW, QUERY = 6, 6, 5
"""Words of the head, of a look-up (table, inputs ascending, COMMITTED, VISITED) and of a query (table, a, b, c, node).

Look-ups stand behind the head, then come ROOM words for walks; 4 ROOM with the numbers of look-ups by their hash, 0
where free; 2 ROOM queries; and 4 ROOM with the numbers of queries, counted from 1, by their hash. An input that is not
there is 0.
"""

COMMITTED, VISITED = 4, 5
"""Whether a gate has a look-up; the last walk that met it."""

Memory = Indices


def words(room: int) -> int:
    """Length of a graph's memory."""
    return HEAD + (ROW + 1 + 4 + 2 * QUERY + 4) * room


@within
def _hash(table: int, a: int, b: int, c: int) -> int:
    mixed = table * 7919 + a * 1000003 + b * 2097593 + c * 4194319
    return mixed ^ mixed >> 13


@within
def place(g: Memory, node: int) -> int:
    """Where a look-up stands."""
    return HEAD + ROW * (node - g[FIRST])


@within
def find(g: Memory, table: int, a: int, b: int, c: int) -> int:
    """Where the number of a look-up stands, or where it is to stand."""
    mask = 4 * g[ROOM] - 1
    start = HEAD + (ROW + 1) * g[ROOM]
    at = _hash(table, a, b, c) & mask
    while g[start + at]:
        row = place(g, g[start + at])
        if g[row] == table and g[row + 1] == a and g[row + 2] == b and g[row + 3] == c:
            break
        at = (at + 1) & mask
    return start + at


@within
def _replaced(g: Memory, look: Any, chosen: int, inputs: int) -> Any:
    """The look-up with the chosen inputs replaced by what they read, its table NONE if that is too much."""
    leaves = (0, 0, 0)
    for i in range(inputs):
        node = look[1 + i]
        if not chosen >> (inputs - 1 - i) & 1:
            leaves = joined(leaves, node)
        elif node < g[FIRST]:
            return NONE, 0, 0, 0
        else:
            for source in range(1, 4):
                leaves = joined(leaves, g[place(g, node) + source])
    if leaves[0] < 0:
        return NONE, 0, 0, 0
    x, y, z = 0, 0, 0
    for i in range(inputs):
        table = table_of(look[1 + i], leaves)
        if chosen >> (inputs - 1 - i) & 1:
            row = place(g, look[1 + i])
            table = compose(
                g[row], table_of(g[row + 1], leaves), table_of(g[row + 2], leaves), table_of(g[row + 3], leaves)
            )
        x, y, z = y, z, table
    if inputs == 1:
        x, y, z = z, 0, 0
    elif inputs == 2:
        x, y, z = y, z, 0
    return trimmed3(compose(look[0], x, y, z), leaves[0], leaves[1], leaves[2])


@within
def _rank(g: Memory, look: Any) -> int:
    """What is to be least first: inputs, then whether the look-up is not there yet."""
    known = g[find(g, look[0], look[1], look[2], look[3])]
    return 16 * filled(look[1], look[2], look[3]) + (0 if known else 8)


@within
def _collapsed(g: Memory, best: Any) -> Any:
    """The same function with inputs replaced by what they read, as long as at most three inputs remain.

    Fewest inputs win, then a node that is known, then the deepest replacement.
    """
    while True:
        look, least = best, _rank(g, best)
        inputs = least >> 4
        for chosen in range(1, 1 << inputs):
            other = _replaced(g, look, chosen, inputs)
            if other[0] != NONE:
                rank = _rank(g, other) - (chosen & 1) - (chosen >> 1 & 1) - (chosen >> 2)
                if rank < least:
                    best, least = other, rank
        if best == look:
            return look


@within
def _query(g: Memory, table: int, a: int, b: int, c: int) -> int:
    """Where the number of a query stands, or where it is to stand."""
    mask = 4 * g[ROOM] - 1
    queries = HEAD + (ROW + 5) * g[ROOM] - QUERY
    start = queries + QUERY + 2 * QUERY * g[ROOM]
    at = _hash(table, a, b, c) & mask
    while g[start + at]:
        row = queries + QUERY * g[start + at]
        if g[row] == table and g[row + 1] == a and g[row + 2] == b and g[row + 3] == c:
            break
        at = (at + 1) & mask
    return start + at


def looked(g: Memory, table: int, a: int, b: int, c: int) -> int:
    """The node table(a, b, c): constants, equal and unused inputs folded, look-ups that fit drawn in."""
    at = _query(g, table, a, b, c)
    row = HEAD + (ROW + 5) * g[ROOM] + QUERY * (g[at] - 1)
    if g[at]:
        return g[row + 4]
    if g[ASKED] == 2 * g[ROOM] or g[LOOKS] == g[ROOM] or g[FULL]:
        g[FULL] = 1
        return FALSE
    leaves = joined(joined(joined((0, 0, 0), a if a > TRUE else 0), b if b > TRUE else 0), c if c > TRUE else 0)
    whole = compose(table, table_of(a, leaves), table_of(b, leaves), table_of(c, leaves))
    node = _node(g, _collapsed(g, trimmed3(whole, leaves[0], leaves[1], leaves[2])))
    g[ASKED] += 1
    row += QUERY * g[ASKED]
    g[row], g[row + 1], g[row + 2], g[row + 3], g[row + 4] = table, a, b, c, node
    g[at] = g[ASKED]
    return node


look = kept(looked)


@within
def _node(g: Memory, look: Any) -> int:
    """The number of a look-up, which is made if there is none."""
    table, a, b, c = look
    if not a:
        return TRUE if table else FALSE
    if table == 0xAA:
        return a
    at = find(g, table, a, b, c)
    if not g[at]:
        g[at] = g[FIRST] + g[LOOKS]
        g[LOOKS] += 1
        row = place(g, g[at])
        g[row], g[row + 1], g[row + 2], g[row + 3] = table, a, b, c
    return g[at]


def complemented(g: Memory, node: int) -> int:
    """The node known to be the negation, NONE where there is none; makes none."""
    if node <= TRUE:
        return TRUE - node
    found = 0
    if node >= g[FIRST]:
        row = place(g, node)
        if not g[row + 2]:
            return g[row + 1]
        found = g[find(g, g[row] ^ 0xFF, g[row + 1], g[row + 2], g[row + 3])]
    if not found:
        found = g[find(g, NOT, node, 0, 0)]
    return found if found else NONE


complement = kept(complemented)


def committed(g: Memory, root: int, commit: bool) -> int:
    """Look-ups that the root reaches and that no gate has yet; `commit` gives them to one."""
    stack = HEAD + ROW * g[ROOM]
    g[VISITS] += 1
    found, height = 0, 0
    if root >= g[FIRST] and not g[place(g, root) + COMMITTED]:
        g[stack], height = root, 1
        g[place(g, root) + VISITED] = g[VISITS]
    while height:
        height -= 1
        row = place(g, g[stack + height])
        found += 1
        if commit:
            g[row + COMMITTED] = 1
        for source in range(1, 4):
            node = g[row + source]
            if node >= g[FIRST]:
                below = place(g, node)
                if not g[below + COMMITTED] and g[below + VISITED] != g[VISITS]:
                    g[below + VISITED] = g[VISITS]
                    g[stack + height] = node
                    height += 1
    return found


uncommitted = kept(committed)


def chained(g: Memory, chain: Indices) -> int:
    """The `or` of nodes, taken from the first to the last."""
    root = chain[0]
    for i in range(1, chain.shape[0], 2):
        root = look(g, OR3, root, chain[i], chain[i + 1] if i + 1 < chain.shape[0] else FALSE)
    return root


def moved(g: Memory, more: Memory) -> int:
    """Look-ups and queries of one memory, that many as the head of the other says, into the other."""
    for i in range(ROW * more[LOOKS]):
        more[HEAD + i] = g[HEAD + i]
    for row in range(HEAD, HEAD + ROW * more[LOOKS], ROW):
        more[row + VISITED] = 0
        at = find(more, more[row], more[row + 1], more[row + 2], more[row + 3])
        more[at] = more[FIRST] + (row - HEAD) // ROW
    old, new = HEAD + (ROW + 5) * g[ROOM], HEAD + (ROW + 5) * more[ROOM]
    for i in range(QUERY * more[ASKED]):
        more[new + i] = g[old + i]
    for i in range(more[ASKED]):
        row = new + QUERY * i
        more[_query(more, more[row], more[row + 1], more[row + 2], more[row + 3])] = i + 1
    return 0


chain_kernel, move_kernel = kept(chained), kept(moved)
