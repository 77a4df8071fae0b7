"""Writes layers into a program: one format, one basis, one order of accumulation, and the circuits for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.accumulator import Accumulator, TermKind, accumulator
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.populations.catalogue import GATES, Nonlinear, SpikingLinear
from lava_nexus.populations.native.pairs import Fresh
from lava_nexus.programs.excerpt import Excerpt
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.order import Accumulate, Operators, Order, Orders, Placed, Reduction, named_order
from lava_nexus.programs.product import Exact, Native, Paired, Parts, Product, kind_of, native_sum
from lava_nexus.programs.program import Program, Rearrange, Value


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
        weight_format: what weights of linear layers are rounded to first; None for `format`.
        accumulate_format: of products and sums, which are then rounded to `format`; None for `format`.
        norm_format: inside norms, softmax, RoPE's sums and the steps of SiLU, rounded to `format` behind each; None
            for `format`.
        style: what circuits are built for: "neurons", "depth" or "energy".
        weights: whether the weights of linear layers are operands of their multipliers or constants of them.
        product: kind of the sums of products (`KINDS`), where their factors allow it; None for what `accumulate` and
            `weights` ask for.
        attention: where `product` is native, whether product neurons or gates form products of two activations.
        fresh: which elements of the right factor of such a product are new; see `programs.native`.
        operators: "steps", each operation of norms, softmax and RoPE rounded, or "shared": one reciprocal root a row,
            one division a value behind attention, products and their sums rounded once; with exact sums alone.
            "deferred": the same, with the root of RMSNorm multiplied in behind the linear layers that it leads to.
    """

    program: Program
    format: FloatFormat
    basis: str = "threshold"
    accumulate: Accumulate | Orders = "sequential"
    layer: str = ""
    nonlinear: Nonlinear = GATES
    spikes: SpikingLinear | None = None
    weights: Literal["operand", "constant"] = "operand"
    style: str = "neurons"
    weight_format: FloatFormat | None = None
    accumulate_format: FloatFormat | None = None
    product: str | None = None
    norm_format: FloatFormat | None = None
    attention: Literal["neurons", "gates"] = "neurons"
    fresh: Fresh = "all"
    operators: Operators = "steps"

    def __post_init__(self) -> None:
        if self.operators != "steps" and self.accumulate != "exact":
            raise NexusError(f"operators '{self.operators}' take accumulate exact, not accumulate '{self.accumulate}'")

    def inside(self, name: str) -> Writer:
        """The same writer in a layer below."""
        return replace(self, layer=f"{self.layer}.{name}" if self.layer else name)

    def of_kind(self, kind: str) -> Writer:
        """The same writer, with the kind of its layer noted in the program."""
        self.program.kinds[self.layer] = kind
        return self

    def circuit(self, name: str) -> Circuit:
        """The circuit of an operation in this format and basis."""
        return circuit(name, self.format, basis=self.basis, style=self.style)

    def apply(self, name: str, *operands: Value) -> Value:
        """The operation on values, element by element."""
        return self.program.apply(self.circuit(name), *operands, layer=self.layer)

    def reduce(self, name: str, operand: Value, excerpt: Excerpt | None = None) -> Value:
        """The operation folded over the last axis; sums in the writer's order, all else in sequence.

        Args:
            excerpt: the matrix of which the last two axes are a part, where they are.
        """
        length = operand.shape[-1]
        order = named_order("pairwise" if self.operators != "steps" else "sequential", length)
        wide = replace(self, format=self.accumulate_format or self.format)
        if name == "add" and wide.format != self.format:
            summed = replace(wide, accumulate_format=None).reduce("add", wide.converted(operand), excerpt)
            return self.converted(summed)
        if name == "add":
            order = self._orders("sum", length, operand.shape[:-1], excerpt=excerpt)[0].order
        fold = Folded(self.circuit(name), order) if order.tree is not None else self._exact_fold(length)
        return self.program.reduce(fold, operand, self.layer)

    def _exact_fold(self, length: int) -> Exact | Native:
        if self.product == Native.name:
            return native_sum(self.format, self.accumulate_format or self.format, length)
        return Exact(self._accumulator("values", length))

    def exact(self, left: Value, right: Value | None = None, to: FloatFormat | None = None) -> Value:
        """The exact sum of `contract`, or of the last axis of one operand, rounded once, to `to` where it is given."""
        w = replace(self, accumulate_format=to or self.format)
        length = left.shape[-1]
        if right is None:
            return self.program.reduce(w._exact_fold(length), left, self.layer)
        return self.program.contract(w._product(right, named_order("exact", length), length), left, right, self.layer)

    def contract(
        self, left: Value, right: Value, bias: Value | None = None, *, excerpt: Excerpt | None = None
    ) -> Value:
        """result[..., t, n] = sum over k of left[..., t, k] * right[..., n, k], then + bias[n].

        A bias is added last, unless the order has it among its terms. Parts of the result that are formed in different
        orders are nodes of their own. An `excerpt` says of which larger product this is a part.
        """
        weights = right.number in self.program.constants or self.program.kinds.get(self.layer) == "linear"
        reduction: Reduction = "linear" if weights else "attention"
        right = self._rounded_weights(right)
        lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        shape = (*lead, left.shape[-2], right.shape[-2])
        placed = self._orders(reduction, left.shape[-1], shape, bias is not None, self._is_swapped(right), excerpt)
        if placed[0].matrices:
            return self._by_matrix(left, right, placed, lead)
        return self._by_region(left, right, bias, placed)

    def _by_matrix(self, left: Value, right: Value, placed: Sequence[Placed], lead: tuple[int, ...]) -> Value:
        """A product of matrices [*lead, ...] formed in different orders; neighbours formed alike are one node."""
        left, right = self._flat(left, lead), self._flat(right, lead)
        orders = [[one for one in placed if number in one.matrices] for number in range(prod(lead))]
        starts = [i for i, one in enumerate(orders) if i == 0 or one != orders[i - 1]]
        parts = [
            self._by_region(self.take(left, -3, start, stop), self.take(right, -3, start, stop), None, orders[start])
            for start, stop in zip(starts, [*starts[1:], len(orders)], strict=True)
        ]
        return self.reshape(self.concatenate(parts, -3), *lead, left.shape[-2], right.shape[-2])

    def _flat(self, operand: Value, lead: tuple[int, ...]) -> Value:
        """Matrices [..., rows, columns], broadcast to [*lead, ...], as [matrices, rows, columns]."""
        *given, rows, columns = operand.shape
        x = self.reshape(operand, *[1] * (len(lead) - len(given)), *operand.shape)
        for axis, size in enumerate(lead, -2 - len(lead)):
            x = x if x.shape[axis] == size else self.concatenate([x] * size, axis)
        return self.reshape(x, prod(lead), rows, columns)

    def _by_region(self, left: Value, right: Value, bias: Value | None, placed: Sequence[Placed]) -> Value:
        """A product whose rows and columns are formed in the orders stated."""
        if len(placed) == 1:
            return self._contracted(left, right, bias, placed[0].order)
        rows = []
        for span in dict.fromkeys(one.rows for one in placed):
            part = self.take(left, -2, *span)
            columns = [
                self._contracted(
                    part,
                    self._slice(right, -2, *one.columns),
                    None if bias is None else self._slice(bias, -1, *one.columns),
                    one.order,
                )
                for one in placed
                if one.rows == span
            ]
            rows.append(self.concatenate(columns, -1))
        return self.concatenate(rows, -2)

    def _contracted(self, left: Value, right: Value, bias: Value | None, order: Order) -> Value:
        """A contraction in one order: products and sums in the format of accumulation, then rounded to the writer's."""
        wide = replace(self, format=self.accumulate_format or self.format)
        bias = None if bias is None else wide.converted(bias)
        product = self._product(right, order, left.shape[-1])
        y = self.program.contract(product, left, right, self.layer, bias if order.bias_inside else None)
        return self.converted(y if bias is None or order.bias_inside else wide.apply("add", y, bias))

    def _product(self, right: Value, order: Order, length: int) -> Product:
        """The kind of a sum of products, from the circuits of this writer."""
        to, weights = self.accumulate_format or self.format, self.program.constants.get(right.number)
        matrix = weights if weights is not None and weights.ndim == 2 else None

        def made(name: str) -> Circuit:
            of = to if name == "add" else self.format
            return circuit(name, of, to=to, basis=self.basis, style=self.style)

        wanted = self.product or ("constant" if self.weights == "constant" else None)
        linear = matrix is not None or self.program.kinds.get(self.layer) == "linear"
        if wanted == Native.name and not linear and self.attention == "neurons":
            wanted = Paired.name
        try:
            kind = kind_of(wanted, order, matrix is not None)
        except NexusError as error:
            raise NexusError(f"layer '{self.layer}': {error}") from None
        of = (lambda: self._accumulator("products", length), (self.format, to), matrix, self.layer)
        return kind.of(Parts(made, *of, (right.shape[-2], length), self.fresh), order)

    def _rounded_weights(self, weight: Value) -> Value:
        """Constant weights rounded to their own format, as numbers of the writer's."""
        if self.weight_format is None or weight.number not in self.program.constants:
            return weight
        values = self.format.from_patterns(self.program.constants[weight.number]).astype(np.float64)
        rounded = values.astype(self.weight_format.dtype).astype(np.float64)
        with np.errstate(over="ignore"):
            held = rounded.astype(self.format.dtype)
        if not np.array_equal(held.astype(np.float64), rounded, equal_nan=True):
            raise NexusError(
                f"layer '{self.layer}': weights in {self.weight_format} are no numbers of {self.format}, in which they "
                "are multiplied"
            )
        return self.program.constant(self.format.to_patterns(held), self.format)

    def _accumulator(self, kind: TermKind, length: int) -> Accumulator:
        found = accumulator(self.format, kind, self.accumulate_format, basis=self.basis)
        if length > found.register.longest:
            raise NexusError(
                f"layer '{self.layer}': an exact sum of {length} terms of {self.format} is longer than "
                f"{found.register.longest}, which the register holds"
            )
        return found

    def _orders(
        self,
        reduction: Reduction,
        length: int,
        shape: tuple[int, ...],
        bias: bool = False,
        plain: bool = False,
        excerpt: Excerpt | None = None,
    ) -> list[Placed]:
        if isinstance(self.accumulate, str):
            return [Placed(named_order(self.accumulate, length), (0, 1), (0, 1))]
        if excerpt is None:
            return self.accumulate.orders(reduction, length, shape, bias, plain, self.format)
        rows, columns, terms = excerpt.rows.whole, excerpt.columns.whole, excerpt.terms.whole
        whole = (*shape[:-1], rows) if reduction == "sum" else (*shape[:-2], rows, columns)
        return excerpt.placed(self.accumulate.orders(reduction, terms, whole, bias, plain, self.format))

    def _is_swapped(self, value: Value) -> bool:
        """Whether the value is another one with its last two axes exchanged."""
        maker = next((node for node in reversed(self.program.nodes) if node.result == value), None)
        return isinstance(maker, Rearrange) and maker.kind == "transpose" and maker.axes[-2:] == (-1, -2)

    def _slice(self, value: Value, axis: int, start: int, stop: int) -> Value:
        """`take`; of a constant a constant."""
        if value.number not in self.program.constants:
            return self.take(value, axis, start, stop)
        part = np.moveaxis(np.moveaxis(self.program.constants[value.number], axis, 0)[start:stop], 0, axis)
        return self.program.constant(part, value.format)

    def constant(self, values: ArrayLike) -> Value:
        """A constant; values are rounded to the format here, once, before anything runs."""
        array = np.asarray(values)
        rounded = array if array.dtype == self.format.dtype else np.asarray(array, np.float32).astype(self.format.dtype)
        return self.program.constant(self.format.to_patterns(rounded), self.format)

    def reshape(self, operand: Value, *shape: int) -> Value:
        """The operand's elements, in order, in another shape."""
        return self.program.rearrange("reshape", [operand], shape, self.layer)

    def transpose(self, operand: Value, *axes: int) -> Value:
        """Axis i of the result is axis axes[i] (counted from the end) of the operand."""
        shape = tuple(operand.shape[a] for a in axes)
        return self.program.rearrange("transpose", [operand], shape, self.layer, axes=axes)

    def swapped(self, operand: Value) -> Value:
        """The last two axes exchanged."""
        return self.transpose(operand, *range(-len(operand.shape), -2), -1, -2)

    def take(self, operand: Value, axis: int, start: int, stop: int) -> Value:
        """The slice start:stop of an axis, counted from the end; the operand itself where that is all of it."""
        shape = list(operand.shape)
        if start == 0 and stop == shape[axis]:
            return operand
        shape[axis] = stop - start
        bounds = (start, stop)
        return self.program.rearrange("take", [operand], tuple(shape), self.layer, axes=(axis,), bounds=bounds)

    def concatenate(self, operands: Sequence[Value], axis: int) -> Value:
        """The operands one after the other along an axis, counted from the end."""
        if len(operands) == 1:
            return operands[0]
        shape = list(operands[0].shape)
        shape[axis] = sum(operand.shape[axis] for operand in operands)
        return self.program.rearrange("concatenate", operands, tuple(shape), self.layer, axes=(axis,))

    def converted(self, operand: Value) -> Value:
        """The operand rounded to the writer's format by a circuit; itself where it has that format."""
        if operand.format == self.format:
            return operand
        narrow = circuit("convert", operand.format, to=self.format, basis=self.basis)
        return self.program.apply(narrow, operand, layer=self.layer)
