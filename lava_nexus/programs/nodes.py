"""The nodes of a program: circuits applied, folded and contracted over tensors, and wires."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.accumulator import Accumulator
from lava_nexus.circuits.bank import Bank
from lava_nexus.formats import FloatFormat, NumberFormat
from lava_nexus.populations import Operator
from lava_nexus.programs.order import Order

Shape: TypeAlias = tuple[int, ...]


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
class Reduce:
    """result[...] = the circuit folded over the last axis of the operand, in the order stated.

    Attributes:
        accumulator: what sums instead of the circuit, where the order is `exact`.
    """

    circuit: Circuit
    operands: tuple[Value]
    result: Value
    order: Order
    layer: str
    accumulator: Accumulator | None = None

    @property
    def length(self) -> int:
        """Elements that are folded into one."""
        return self.operands[0].shape[-1]

    def invocations(self) -> list[tuple[Circuit, int]]:
        """(circuit, operand sets) for one element of the batch."""
        if self.accumulator is not None:
            return exact_invocations(self.accumulator, prod(self.result.shape), self.length)
        return [(self.circuit, prod(self.result.shape) * (self.length - 1 + self.order.zeros))]

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        if self.accumulator is not None:
            return exact_depth(self.accumulator, self.length)
        start = self.circuit.depth if self.order.from_zero else 0
        return self.order.depth(start, lambda then: then + self.circuit.depth, self.circuit.depth)


def exact_invocations(accumulator: Accumulator, sums: int, length: int) -> list[tuple[Circuit, int]]:
    """(circuit, operand sets) of exact sums."""
    return [(accumulator.step, sums * -(-length // accumulator.terms)), (accumulator.finish, sums)]


def exact_depth(accumulator: Accumulator, length: int) -> int:
    """Time steps of an exact sum."""
    return -(-length // accumulator.terms) * accumulator.step.depth + accumulator.finish.depth


@dataclass(frozen=True)
class Contract:
    """result[..., t, n] = sum over k of left[..., t, k] * right[..., n, k], in the order stated.

    Attributes:
        multiply: rounds a product, where the order does.
        add: of a product or partial sum to what there is.
        operands: left, right and, where the order has the bias among its terms, a bias [..., n].
        order: the terms are the products in the order of k, then the bias.
        fma: product + sum, where the order fuses them.
        accumulator: what sums instead of all these, where the order is `exact`.
        bank: what multiplies instead of `multiply`, where the weights (right) are constants of their circuits.
    """

    multiply: Circuit
    add: Circuit
    operands: tuple[Value, ...]
    result: Value
    order: Order
    layer: str
    fma: Circuit | None = None
    accumulator: Accumulator | None = None
    bank: Bank | None = None

    @property
    def length(self) -> int:
        """Products in one sum."""
        return self.operands[0].shape[-1]

    def invocations(self) -> list[tuple[Circuit, int]]:
        """(circuit, operand sets) for one element of the batch."""
        sums, bias = prod(self.result.shape), len(self.operands) > 2
        if self.accumulator is not None:
            return exact_invocations(self.accumulator, sums, self.length)
        if self.fma is None:
            rows = sums // self.result.shape[-1]
            multiplied = (self.multiply, sums * self.length) if self.bank is None else (self.bank, rows)
            return [multiplied, (self.add, sums * (self.length + bias - 1 + self.order.zeros))]
        rounded = 0 if self.order.from_zero else self.order.started - (bias and self.order.starts_from(self.length))
        found = [
            (self.multiply, sums * rounded),
            (self.fma, sums * (self.length - rounded)),
            (self.add, sums * (self.order.joined + (bias and not self.order.starts_from(self.length)))),
        ]
        return [(circuit, count) for circuit, count in found if count]

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        if self.accumulator is not None:
            return exact_depth(self.accumulator, self.length)
        start, add, fma = (self.bank or self.multiply).depth, self.add.depth, self.fma
        if fma is None:
            start += add if self.order.from_zero else 0
            return self.order.depth(start, lambda then: max(then, start) + add, add)
        return self.order.depth(fma.depth if self.order.from_zero else start, lambda then: then + fma.depth, add)


@dataclass(frozen=True)
class Rearrange:
    """result = the operands' elements in another arrangement: wires only, no neuron.

    Attributes:
        kind: `reshape` to the result's shape; `transpose` with `axes` a permutation of -rank..-1; `take` the slice
            start:stop of the axis; `concatenate` along the axis.
    """

    kind: Literal["reshape", "transpose", "take", "concatenate"]
    operands: tuple[Value, ...]
    result: Value
    layer: str
    axes: tuple[int, ...] = ()
    bounds: tuple[int, int] = (0, 0)

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
