"""Writes layers into a program: one format, one basis, one order of accumulation, and the circuits for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.formats import FloatFormat
from lava_nexus.layers.order import Accumulate, Order, Orders, Reduction, named_order
from lava_nexus.layers.program import Program, Value
from lava_nexus.layers.spiking import GATES, Nonlinear, SpikingLinear


@dataclass(frozen=True)
class Writer:
    """A program being written, and how its arithmetic is done.

    Attributes:
        program: where nodes go.
        format: of every value.
        basis: of every circuit.
        accumulate: order of every sum, by name, or where orders come from.
        layer: dotted path of the layer being written.
        nonlinear: which nonlinear operators are LIF populations.
        spikes: how linear layers are computed by spike counts; None for exact ones.
    """

    program: Program
    format: FloatFormat
    basis: str = "threshold"
    accumulate: Accumulate | Orders = "sequential"
    layer: str = ""
    nonlinear: Nonlinear = GATES
    spikes: SpikingLinear | None = None

    def inside(self, name: str) -> Writer:
        """The same writer in a layer below."""
        return replace(self, layer=f"{self.layer}.{name}" if self.layer else name)

    def of_kind(self, kind: str) -> Writer:
        """The same writer, with the kind of its layer noted in the program."""
        self.program.kinds[self.layer] = kind
        return self

    def circuit(self, name: str) -> Circuit:
        """The circuit of an operation in this format and basis."""
        return circuit(name, self.format, basis=self.basis)

    def apply(self, name: str, *operands: Value) -> Value:
        """The operation on values, element by element."""
        return self.program.apply(self.circuit(name), *operands, layer=self.layer)

    def reduce(self, name: str, operand: Value) -> Value:
        """The operation folded over the last axis; sums in the writer's order, all else in sequence."""
        length = operand.shape[-1]
        order = self._order("sum", length, operand.shape[:-1]) if name == "add" else named_order("sequential", length)
        return self.program.reduce(self.circuit(name), operand, self.layer, order)

    def contract(self, left: Value, right: Value, bias: Value | None = None) -> Value:
        """result[..., t, n] = sum over k of left[..., t, k] * right[..., n, k], then + bias[n].

        A bias is added last, unless the order has it among its terms.
        """
        reduction: Reduction = "linear" if right.number in self.program.constants else "attention"
        lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        order = self._order(reduction, left.shape[-1], (*lead, left.shape[-2], right.shape[-2]), bias is not None)
        fma = self.circuit("fma") if order.fused else None
        inside = bias if order.bias_inside else None
        multiply, add = self.circuit("mul"), self.circuit("add")
        y = self.program.contract(multiply, add, left, right, self.layer, order, inside, fma)
        return y if bias is None or order.bias_inside else self.apply("add", y, bias)

    def _order(self, reduction: Reduction, length: int, shape: tuple[int, ...], bias: bool = False) -> Order:
        if isinstance(self.accumulate, str):
            return named_order(self.accumulate, length)
        return self.accumulate.order(reduction, length, shape, bias)

    def constant(self, values: ArrayLike) -> Value:
        """A constant; values are rounded to the format here, once, before anything runs."""
        array = np.asarray(values)
        rounded = array if array.dtype == self.format.dtype else np.asarray(array, np.float32).astype(self.format.dtype)
        return self.program.constant(self.format.to_patterns(rounded), self.format)

    def reshape(self, operand: Value, *shape: int) -> Value:
        """The operand's elements, in order, in another shape."""
        return self.program.reshape(operand, shape, self.layer)

    def transpose(self, operand: Value, *axes: int) -> Value:
        """Axis i of the result is axis axes[i] (counted from the end) of the operand."""
        return self.program.transpose(operand, axes, self.layer)

    def swapped(self, operand: Value) -> Value:
        """The last two axes exchanged."""
        return self.transpose(operand, *range(-len(operand.shape), -2), -1, -2)

    def take(self, operand: Value, axis: int, start: int, stop: int) -> Value:
        """The slice start:stop of an axis, counted from the end; the operand itself where that is all of it."""
        whole = start == 0 and stop == operand.shape[axis]
        return operand if whole else self.program.take(operand, axis, start, stop, self.layer)

    def concatenate(self, operands: Sequence[Value], axis: int) -> Value:
        """The operands one after the other along an axis, counted from the end."""
        return operands[0] if len(operands) == 1 else self.program.concatenate(operands, axis, self.layer)

    def converted(self, operand: Value) -> Value:
        """The operand rounded to the writer's format by a circuit; itself where it has that format."""
        if operand.format == self.format:
            return operand
        narrow = circuit("convert", operand.format, to=self.format, basis=self.basis)
        return self.program.apply(narrow, operand, layer=self.layer)
