"""What every way to form a sum says of itself: which circuits, how often, how deep, in which order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.accumulator import Accumulator
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat, NumberFormat
from lava_nexus.populations.native.pairs import Fresh
from lava_nexus.programs.order import Order


@dataclass(frozen=True)
class Extent:
    """How much a node sums, for one element of the batch.

    Attributes:
        sums: results.
        columns: results that share a row of the left factor.
        length: products, or values, in one sum.
        bias: whether each sum has one more term, which is no product.
        matrices: how many right factors there are.
    """

    sums: int
    columns: int
    length: int
    bias: bool = False
    matrices: int = 1


@dataclass(frozen=True)
class Parts:
    """What kinds are made of.

    Attributes:
        circuit: "mul" and "fma" from the factors' format to that of the sum, and "add" of the latter.
        accumulator: the circuits of an exact sum.
        weights: patterns [columns, length] of the right factor, where it is constant; else None.
        formats: of the factors, and of the sum.
        layer: for messages.
        shape: (columns, length) of the right factor.
        fresh: which elements of it are written for the sums, where neurons hold it (`programs.native`).
    """

    circuit: Callable[[str], Circuit]
    accumulator: Callable[[], Accumulator]
    formats: tuple[FloatFormat, FloatFormat]
    weights: NDArray[Any] | None = None
    layer: str = ""
    shape: tuple[int, int] = (1, 1)
    fresh: Fresh = "all"


class Summation(ABC):
    """How terms become sums.

    Attributes:
        name: of the kind, as `KINDS` and messages have it.
        order: of the additions; None where none matters.
    """

    name: ClassVar[str]
    order: Order | None

    @abstractmethod
    def invocations(self, extent: Extent) -> list[tuple[Circuit, int]]:
        """(circuit, operand sets) for one element of the batch."""

    def populations(self, extent: Extent) -> list[tuple[NativePart, int]]:
        """(neurons that are no gates, operand sets) for one element of the batch."""
        return []

    @abstractmethod
    def depth(self, extent: Extent) -> int:
        """Time steps from factors, or values, to sums."""

    @property
    def accumulate(self) -> str:
        """The order as configs call it."""
        return self.name if self.order is None else self.order.name


class Product(Summation):
    """How a sum of products is formed.

    Attributes:
        title: for messages.
        accumulates: the orders that the kind takes, as configs call them.
        fused: whether these are of fused multiply-adds; None where the kind takes no order of additions.
        of_weights: whether the right factor has to be constant; other products of a program are then of another kind.
        add: of what there is and a term; its format is that of the sum.
    """

    title: ClassVar[str]
    accumulates: ClassVar[tuple[str, ...]]
    fused: ClassVar[bool | None]
    of_weights: ClassVar[bool] = False
    add: Circuit

    @classmethod
    def takes(cls, order: Order) -> bool:
        """Whether sums of this kind can be formed in an order."""
        return cls.fused is (None if order.tree is None else order.fused)

    @classmethod
    @abstractmethod
    def of(cls, parts: Parts, order: Order) -> Product:
        """The kind in an order that it takes."""

    @classmethod
    def check(cls, order: Order) -> None:
        """Raises NexusError where an order is not taken."""
        if not cls.takes(order):
            taken = " or ".join(cls.accumulates)
            raise NexusError(f"{cls.title} take accumulate {taken}, not accumulate '{order.name}'")

    def __post_init__(self) -> None:
        if self.order is not None:
            self.check(self.order)

    @property
    def format(self) -> NumberFormat:
        """Of the sum."""
        found = self.add.output.format
        assert found is not None
        return found
