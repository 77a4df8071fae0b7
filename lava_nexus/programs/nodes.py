"""The nodes of a program: circuits applied, folded and contracted over tensors, and wires."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.formats import FloatFormat, NumberFormat
from lava_nexus.populations import Operator
from lava_nexus.programs.order import Order, Sum
from lava_nexus.programs.product import Exact, Extent, Fused, Native, Product, Rounded, Summation

Shape: TypeAlias = tuple[int, ...]
Wiring: TypeAlias = Literal["reshape", "transpose", "take", "concatenate"]


@dataclass(frozen=True)
class Value:
    """A tensor of patterns of one format, known by its number in the program."""

    number: int
    shape: Shape
    format: NumberFormat

    @property
    def float_format(self) -> FloatFormat:
        """The format, where it is one of floating-point numbers, as outside of `Populate` it always is."""
        assert isinstance(self.format, FloatFormat)
        return self.format


@dataclass(frozen=True)
class Apply:
    """result = circuit(operands), element by element, operands broadcast.

    Attributes:
        layer: the layer that it belongs to, for reports: a dotted path.
    """

    circuit: Circuit
    operands: tuple[Value, ...]
    result: Value
    layer: str

    def invocations(self) -> list[tuple[Circuit, int]]:
        """(circuit, operand sets) for one element of the batch."""
        return [(self.circuit, prod(self.result.shape))]

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        return self.circuit.depth


@dataclass(frozen=True)
class Folded(Summation):
    """Values folded by a circuit.

    Attributes:
        circuit: of what there is and the next value.
    """

    name: ClassVar[str] = "folded"
    circuit: Circuit
    order: Order

    def invocations(self, extent: Extent) -> list[tuple[Circuit, int]]:
        """One circuit, one operand set less than there are values."""
        return [(self.circuit, extent.sums * (extent.length - 1 + self.order.zeros))]

    def depth(self, extent: Extent) -> int:
        """Along the deepest path of the order."""
        start = self.circuit.depth if self.order.from_zero else 0
        return self.order.depth(start, lambda then: then + self.circuit.depth, self.circuit.depth)


def in_order(how: Summation, length: int, bias: bool = False) -> bool:
    """Whether the kind is one of values, or rounded or fused products, added in index order from the first on."""
    if not isinstance(how, Rounded | Fused | Folded):
        return False
    return how.order.tree == Sum((range(length + bias),)) and not how.order.from_zero


class _Summed(ABC):
    """Sums over the last axis of the first operand, formed as the node's data says."""

    operands: tuple[Value, ...]

    @property
    @abstractmethod
    def how(self) -> Summation:
        """How its sums are formed."""

    @property
    @abstractmethod
    def extent(self) -> Extent:
        """How much it sums, for one element of the batch."""

    @property
    def length(self) -> int:
        """Elements, or products, in one sum."""
        return self.operands[0].shape[-1]

    def invocations(self) -> list[tuple[Circuit, int]]:
        """(circuit, operand sets) for one element of the batch."""
        return self.how.invocations(self.extent)

    def populations(self) -> list[tuple[NativePart, int]]:
        """(neurons that are no gates, operand sets) for one element of the batch."""
        return self.how.populations(self.extent)

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        return self.how.depth(self.extent)


@dataclass(frozen=True)
class Reduce(_Summed):
    """result[...] = the last axis of the operand as one number.

    Attributes:
        fold: what values become one by: a circuit in an order, or an exact sum.
    """

    fold: Folded | Exact | Native
    operands: tuple[Value]
    result: Value
    layer: str

    @property
    def how(self) -> Summation:
        """As the node has it."""
        return self.fold

    @property
    def extent(self) -> Extent:
        """Of the result."""
        return Extent(prod(self.result.shape), 1, self.length)


@dataclass(frozen=True)
class Contract(_Summed):
    """result[..., t, n] = sum over k of left[..., t, k] * right[..., n, k].

    Attributes:
        product: how the sums are formed; the terms of its order are the products in the order of k, then the bias.
        operands: left, right and, where the order has the bias among its terms, a bias [..., n].
    """

    product: Product
    operands: tuple[Value, ...]
    result: Value
    layer: str

    @property
    def how(self) -> Summation:
        """As the node has it."""
        return self.product

    @property
    def extent(self) -> Extent:
        """Of the result."""
        *lead, _, columns = self.result.shape
        return Extent(prod(self.result.shape), columns, self.length, len(self.operands) > 2, prod(lead))


@dataclass(frozen=True)
class Rearrange:
    """result = the operands' elements in another arrangement: wires only, no neuron.

    Attributes:
        kind: `reshape` to the result's shape; `transpose` with `axes` a permutation of -rank..-1; `take` the slice
            start:stop of the axis; `concatenate` along the axis.
    """

    kind: Wiring
    operands: tuple[Value, ...]
    result: Value
    layer: str
    axes: tuple[int, ...] = ()
    bounds: tuple[int, int] = (0, 0)

    def arranged(self, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The result for arrays in the shapes of the operands, or with axes of a batch in front of them."""
        first = operands[0]
        lead = first.ndim - len(self.operands[0].shape)
        if self.kind == "reshape":
            return first.reshape(*first.shape[:lead], *self.result.shape)
        if self.kind == "transpose":
            return np.transpose(first, [*range(lead), *(a % first.ndim for a in self.axes)])
        if self.kind == "take":
            part = [slice(None)] * first.ndim
            part[self.axes[0]] = slice(*self.bounds)
            return first[tuple(part)]
        return np.concatenate(operands, axis=self.axes[0])

    def invocations(self) -> list[tuple[Circuit, int]]:
        """None: wires cost no neuron."""
        return []

    @property
    def depth(self) -> int:
        """0: wires take no step."""
        return 0


@dataclass(frozen=True)
class Populate:
    """result = the operator of LIF populations on every row of the operand, fixed-point integers to integers.

    Rows are runs of `operator.size` elements along the last axis.
    """

    operator: Operator
    operands: tuple[Value]
    result: Value
    layer: str

    @property
    def rows(self) -> int:
        """Operand sets for one element of the batch."""
        return prod(self.operands[0].shape) // self.operator.size

    def invocations(self) -> list[tuple[Circuit, int]]:
        """None: what is invoked is an operator, no circuit."""
        return []

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        return self.operator.depth


Node: TypeAlias = Apply | Reduce | Contract | Rearrange | Populate
