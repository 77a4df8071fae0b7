"""Writes layers into a program: one format, one basis, one order of accumulation, and the circuits for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.formats import FloatFormat
from lava_nexus.layers.program import Order, Program, Value


@dataclass(frozen=True)
class Writer:
    """A program being written, and how its arithmetic is done.

    Attributes:
        program: where nodes go.
        format: of every value.
        basis: of every circuit.
        accumulate: order of every sum.
        layer: dotted path of the layer being written.
    """

    program: Program
    format: FloatFormat
    basis: str = "threshold"
    accumulate: Order = "sequential"
    layer: str = ""

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
        """The operation folded over the last axis."""
        return self.program.reduce(self.circuit(name), operand, self.layer, self.accumulate)

    def contract(self, left: Value, right: Value) -> Value:
        """result[..., t, n] = sum over k of left[..., t, k] * right[..., n, k]."""
        return self.program.contract(self.circuit("mul"), self.circuit("add"), left, right, self.layer, self.accumulate)

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
