"""Programs and products in parts: parts that pass tensors on, one a layer; parts of a product formed by themselves.

A part of a program becomes a Process or a set of cores. A part of a product, a row of causal attention say, is formed
in the order that the whole product has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from lava_nexus.programs.order import Order, Part, Placed, Sum, ranges
from lava_nexus.programs.program import Program, Value


@dataclass(frozen=True)
class Segment:
    """Part of a program that runs on its own.

    Attributes:
        name: the layer.
        kind: what sort of operator it is, as the program's `kinds` has it.
        program: its nodes and constants; inputs and outputs are named `v<number>` after the values of the whole.
    """

    name: str
    kind: str
    program: Program

    @property
    def inputs(self) -> list[Value]:
        """Values that come from outside, in order of use."""
        return list(self.program.inputs.values())

    @property
    def outputs(self) -> list[Value]:
        """Values that others read."""
        return list(self.program.outputs.values())


def port_name(value: Value) -> str:
    """What a value is called where it passes between segments."""
    return f"v{value.number}"


def segments(program: Program, part_of: Callable[[str], str] = lambda layer: layer) -> list[Segment]:
    """The program cut by `part_of` of each node's layer, in an order in which the parts can run."""
    parts: dict[str, Program] = {}
    for node in program.nodes:
        part = parts.setdefault(part_of(node.layer), Program(part_of(node.layer)))
        part.nodes.append(node)
    wanted = {value.number for value in program.outputs.values()}
    for name, part in parts.items():
        made = {node.result.number for node in part.nodes}
        for node in part.nodes:
            for value in node.operands:
                if value.number in program.constants:
                    part.constants[value.number] = program.constants[value.number]
                elif value.number not in made:
                    part.inputs[port_name(value)] = value
        read_elsewhere = {
            value.number for other, q in parts.items() if other != name for node in q.nodes for value in node.operands
        }
        for node in part.nodes:
            if node.result.number in read_elsewhere | wanted:
                part.outputs[port_name(node.result)] = node.result
    return [Segment(name, program.kinds.get(name, "other"), part) for name, part in parts.items()]


@dataclass(frozen=True)
class Span:
    """start .. stop - 1 of the `whole` places along an axis."""

    start: int
    stop: int
    whole: int

    @classmethod
    def all(cls, whole: int) -> Span:
        """Every place."""
        return cls(0, whole, whole)

    def within(self, other: tuple[int, int]) -> tuple[int, int] | None:
        """Where this span and the places start .. stop - 1 of the whole meet, counted from this span's start."""
        start, stop = max(self.start, other[0]), min(self.stop, other[1])
        return (start - self.start, stop - self.start) if start < stop else None


@dataclass(frozen=True)
class Excerpt:
    """A part of a product [rows, columns] of sums over terms; terms left out are +0 or -0 in the whole.

    Attributes:
        rows, columns: of the result.
        terms: of every sum.
    """

    rows: Span
    columns: Span
    terms: Span

    def placed(self, orders: list[Placed]) -> list[Placed]:
        """The orders of the whole's parts, as orders of this one's parts."""
        found = []
        for one in orders:
            rows, columns = self.rows.within(one.rows), self.columns.within(one.columns)
            if rows and columns:
                found.append(Placed(restricted(one.order, self.terms), rows, columns, one.matrices))
        return found


@lru_cache(maxsize=4096)
def restricted(order: Order, terms: Span) -> Order:
    """The order without the terms outside the span, renumbered from 0; a bias keeps its place.

    The sum is that of the whole order in every bit where the terms left out are zeros; a sum that is zero may have the
    other sign, unless sums start from +0.
    """
    if order.tree is None or (terms.start, terms.stop) == (0, terms.whole):
        return order
    tree = _kept(order.tree, terms)
    assert tree is not None
    return replace(order, tree=tree)


def _kept(tree: Sum, terms: Span) -> Sum | None:
    parts: list[Part] = []
    for part in tree.parts:
        if isinstance(part, range):
            parts += [range(term, term + 1) for term in _renumbered(part, terms)]
        elif (inner := _kept(part, terms)) is not None:
            parts.append(inner)
    if len(parts) == 1 and isinstance(parts[0], Sum):
        return parts[0]
    return Sum(tuple(ranges(parts))) if parts else None


def _renumbered(part: range, terms: Span) -> Iterator[int]:
    for term in part:
        if terms.start <= term < terms.stop:
            yield term - terms.start
        elif term == terms.whole:  # the bias
            yield terms.stop - terms.start
