"""Truth tables of three inputs and the nodes that they are over, compiled.

A truth table is an 8-bit integer: bit (a + 2 b + 4 c) is the value for inputs a, b, c. Leaves are three numbers of
nodes, ascending; one that is not there is 0.
"""

from __future__ import annotations

from typing import Any

from lava_nexus.neurons.compiled import within

FALSE = 0
TRUE = 1

PROJECTIONS = (0xAA, 0xCC, 0xF0)
"""Tables of the three inputs themselves."""

NOT, AND, OR, XOR3, MAJORITY, OR3, SELECT = 0x55, 0x88, 0xEE, 0x96, 0xE8, 0xFE, 0xD8
"""not a; a and b; a or b; a xor b xor c; at least two of three; a or b or c; b where a is set, else c."""

NONE = -1


def composed(table: int, x: int, y: int, z: int) -> int:
    """The table of f(x, y, z) where x, y, z are tables over common inputs."""
    low = (-(table & 1) & ~x | -(table >> 1 & 1) & x) & ~y | (-(table >> 2 & 1) & ~x | -(table >> 3 & 1) & x) & y
    table >>= 4
    high = (-(table & 1) & ~x | -(table >> 1 & 1) & x) & ~y | (-(table >> 2 & 1) & ~x | -(table >> 3 & 1) & x) & y
    return (low & ~z | high & z) & 0xFF


def dependent(table: int, position: int) -> bool:
    """Whether the table depends on its input at the position."""
    shift = 1 << position
    low = 0xFF & ~PROJECTIONS[position]
    return (table & low) != (table >> shift & low)


compose, _depends = within(composed), within(dependent)


@within
def joined(leaves: Any, node: int) -> Any:
    """At most three leaves, ascending, and one more; NONE at the front once there are too many."""
    a, b, c = leaves
    if a < 0 or node in (0, a, b, c):
        return leaves
    if c:
        return NONE, b, c
    if not a or node < a:
        return node, a, b
    if not b or node < b:
        return a, node, b
    return a, b, node


@within
def filled(a: int, b: int, c: int) -> int:
    """Inputs that are there."""
    return 3 if c else 2 if b else 1 if a else 0


@within
def table_of(node: int, leaves: Any) -> int:
    """The table of a constant, or of one of the leaves."""
    if node <= TRUE:
        return 0xFF if node == TRUE else 0
    if node == leaves[0]:
        return 0xAA
    if node == leaves[1]:
        return 0xCC
    return 0xF0 if node == leaves[2] else 0


@within
def trimmed3(table: int, a: int, b: int, c: int) -> Any:
    """A look-up (table, inputs) without the inputs that it does not depend on."""
    x, y, z = 0, 0, 0
    leaves = (0, 0, 0)
    if a and _depends(table, 0):
        leaves = (a, 0, 0)
        x = 0xAA
    if b and _depends(table, 1):
        leaves = joined(leaves, b)
        y = table_of(b, leaves)
    if c and _depends(table, 2):
        leaves = joined(leaves, c)
        z = table_of(c, leaves)
    return compose(table, x, y, z), leaves[0], leaves[1], leaves[2]
