"""Ways to form a sum of products, or of values: which circuits, how often, how deep, in which order.

A node of a program holds one of these as data; how each runs through an executor stands with the executors, under the
same class. Another kind is a class here, its entry in `KINDS`, and its run there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.accumulator import Accumulator
from lava_nexus.circuits.bank import Bank
from lava_nexus.errors import NexusError
from lava_nexus.formats import NumberFormat
from lava_nexus.programs.native import Native, Paired, native_sum
from lava_nexus.programs.order import Order
from lava_nexus.programs.summation import Extent, Parts, Product, Summation

__all__ = [
    "KINDS",
    "Constant",
    "Exact",
    "Extent",
    "Fused",
    "Native",
    "Paired",
    "Parts",
    "Product",
    "Rounded",
    "Summation",
    "kind_of",
    "native_sum",
]


@dataclass(frozen=True)
class _Added(Product):
    """Products that are rounded, then added."""

    accumulates: ClassVar[tuple[str, ...]] = ("sequential", "pairwise")
    fused: ClassVar[bool | None] = False
    multiply: Circuit
    add: Circuit
    order: Order

    def depth(self, extent: Extent) -> int:
        """A product, then the deepest path of the order; later products wait for nothing."""
        add = self.add.depth
        start = self.multiply.depth + (add if self.order.from_zero else 0)
        return self.order.depth(start, lambda then: max(then, start) + add, add)

    def _with_additions(self, multiplied: int, extent: Extent) -> list[tuple[Circuit, int]]:
        added = extent.sums * (extent.length + extent.bias - 1 + self.order.zeros)
        return [(self.multiply, multiplied), (self.add, added)]


@dataclass(frozen=True)
class Rounded(_Added):
    """One rounded multiply a term, one rounded add to the next.

    Attributes:
        multiply: rounds a product.
    """

    name: ClassVar[str] = "rounded"
    title: ClassVar[str] = "rounded products"

    @classmethod
    def of(cls, parts: Parts, order: Order) -> Rounded:
        """Multiplier and adder."""
        return cls(parts.circuit("mul"), parts.circuit("add"), order)

    def invocations(self, extent: Extent) -> list[tuple[Circuit, int]]:
        """A multiply a term."""
        return self._with_additions(extent.sums * extent.length, extent)


@dataclass(frozen=True)
class Constant(_Added):
    """`Rounded` with constant weights, each a multiplier of its own.

    Attributes:
        multiply: the specialised multipliers; one invocation is a row of the left factor.
    """

    name: ClassVar[str] = "constant"
    title: ClassVar[str] = "weights 'constant' go into rounded products, which"
    of_weights: ClassVar[bool] = True
    multiply: Bank

    @classmethod
    def of(cls, parts: Parts, order: Order) -> Constant:
        """The bank of the weights, and an adder."""
        assert parts.weights is not None
        return cls(Bank.of(parts.circuit("mul"), parts.weights), parts.circuit("add"), order)

    def invocations(self, extent: Extent) -> list[tuple[Circuit, int]]:
        """A row of the left factor at a time."""
        return self._with_additions(extent.sums // extent.columns, extent)


@dataclass(frozen=True)
class Fused(Product):
    """A product is added to what there is by one fused multiply-add; a sum starts from a rounded product, or from +0.

    Attributes:
        multiply: rounds a product that a sum starts from.
        fma: product + sum.
        add: of partial sums, and of a bias.
        order: of fused multiply-adds, and of additions of partial sums.
    """

    name: ClassVar[str] = "fused"
    title: ClassVar[str] = "fused products"
    accumulates: ClassVar[tuple[str, ...]] = ("fma",)
    fused: ClassVar[bool | None] = True
    multiply: Circuit
    fma: Circuit
    add: Circuit
    order: Order

    @classmethod
    def of(cls, parts: Parts, order: Order) -> Fused:
        """Multiplier, fused multiply-add and adder."""
        return cls(parts.circuit("mul"), parts.circuit("fma"), parts.circuit("add"), order)

    def invocations(self, extent: Extent) -> list[tuple[Circuit, int]]:
        """What is not invoked is left out."""
        order, (sums, length, bias) = self.order, (extent.sums, extent.length, extent.bias)
        first = order.starts_from(length)
        rounded = 0 if order.from_zero else order.started - (bias and first)
        found = [
            (self.multiply, sums * rounded),
            (self.fma, sums * (length - rounded)),
            (self.add, sums * (order.joined + (bias and not first))),
        ]
        return [(circuit, count) for circuit, count in found if count]

    def depth(self, extent: Extent) -> int:
        """Along the deepest path of the order."""
        start, fma = self.multiply.depth, self.fma.depth
        return self.order.depth(fma if self.order.from_zero else start, lambda then: then + fma, self.add.depth)


@dataclass(frozen=True)
class Exact(Product):
    """The exact sum rounded once, of products or of values.

    Attributes:
        accumulator: the circuits that add terms to a register and round it.
    """

    name: ClassVar[str] = "exact"
    title: ClassVar[str] = "exact sums"
    accumulates: ClassVar[tuple[str, ...]] = ("exact",)
    fused: ClassVar[bool | None] = None
    accumulator: Accumulator
    order: None = field(default=None, init=False)

    @property
    def format(self) -> NumberFormat:
        """Of the rounded sum."""
        found = self.accumulator.finish.output.format
        assert found is not None
        return found

    @classmethod
    def of(cls, parts: Parts, order: Order) -> Exact:
        """The accumulator."""
        return cls(parts.accumulator())

    def invocations(self, extent: Extent) -> list[tuple[Circuit, int]]:
        """Steps of several terms each, then one rounding."""
        return [(self.accumulator.step, extent.sums * self._steps(extent)), (self.accumulator.finish, extent.sums)]

    def depth(self, extent: Extent) -> int:
        """One step after the other."""
        return self._steps(extent) * self.accumulator.step.depth + self.accumulator.finish.depth

    def _steps(self, extent: Extent) -> int:
        return -(-extent.length // self.accumulator.terms)


KINDS: dict[str, type[Product]] = {kind.name: kind for kind in (Rounded, Fused, Exact, Constant, Native, Paired)}
"""The kinds of products by name. Where nothing else is asked for, a sum is of the first kind that takes its order."""


def kind_of(wanted: str | None, order: Order, constant: bool) -> type[Product]:
    """The kind of a sum of products.

    Args:
        wanted: a name, or None for what the order asks for.
        order: of the sum.
        constant: whether the right factor is a constant matrix; a kind that needs one is not taken for other sums.

    Raises:
        NexusError: there is no kind of that name, or it does not take the order.
    """
    if wanted is not None and wanted not in KINDS:
        raise NexusError(f"product '{wanted}' does not exist; choose one of {', '.join(KINDS)}")
    if wanted is None or (KINDS[wanted].of_weights and not constant):
        return next(kind for kind in KINDS.values() if not kind.of_weights and kind.takes(order))
    KINDS[wanted].check(order)
    return KINDS[wanted]
