"""A program: a dataflow of circuit invocations over tensors of bit patterns. Executors run it, others read it.

Every value has a shape without the batch. At run time a value that depends on an input has the batch as its first axis;
a constant has none. Axes are therefore counted from the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat

Shape: TypeAlias = tuple[int, ...]
Order = Literal["sequential"]


@dataclass(frozen=True)
class Value:
    """A tensor of patterns of one format, known by its number in the program."""

    number: int
    shape: Shape
    format: FloatFormat


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
    """result[...] = the circuit folded over the last axis of the operand, in the order stated."""

    circuit: Circuit
    operands: tuple[Value]
    result: Value
    order: Order
    layer: str

    @property
    def length(self) -> int:
        """Elements that are folded into one."""
        return self.operands[0].shape[-1]

    def invocations(self) -> list[tuple[Circuit, int]]:
        """(circuit, operand sets) for one element of the batch."""
        return [(self.circuit, prod(self.result.shape) * (self.length - 1))]

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        return self.circuit.depth * (self.length - 1)


@dataclass(frozen=True)
class Contract:
    """result[..., t, n] = sum over k of left[..., t, k] * right[..., n, k], each product and each sum rounded.

    `sequential` starts from the product at k = 0 and adds the others in the order of k.
    """

    multiply: Circuit
    add: Circuit
    operands: tuple[Value, Value]
    result: Value
    order: Order
    layer: str

    @property
    def length(self) -> int:
        """Products in one sum."""
        return self.operands[0].shape[-1]

    def invocations(self) -> list[tuple[Circuit, int]]:
        """(circuit, operand sets) for one element of the batch."""
        sums = prod(self.result.shape)
        return [(self.multiply, sums * self.length), (self.add, sums * (self.length - 1))]

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        return self.multiply.depth + self.add.depth * (self.length - 1)


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


Node: TypeAlias = Apply | Reduce | Contract | Rearrange


@dataclass
class Program:
    """Nodes in an order in which they can run.

    Attributes:
        name: for reports.
        inputs: values fed in at run time, by name.
        constants: patterns by value number (weights and the like).
        nodes: what is computed.
        outputs: values handed out, by name.
        kinds: what sort of operator each layer is ("linear", "norm", ...), by its dotted path.
    """

    name: str
    inputs: dict[str, Value] = field(default_factory=dict)
    constants: dict[int, NDArray[Any]] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    outputs: dict[str, Value] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    _numbers: int = 0

    def value(self, shape: Shape, fmt: FloatFormat) -> Value:
        """A new value."""
        self._numbers += 1
        return Value(self._numbers - 1, tuple(shape), fmt)

    def input(self, name: str, shape: Shape, fmt: FloatFormat) -> Value:
        """A new input."""
        self.inputs[name] = self.value(shape, fmt)
        return self.inputs[name]

    def constant(self, patterns: NDArray[Any], fmt: FloatFormat) -> Value:
        """A constant from patterns."""
        value = self.value(patterns.shape, fmt)
        self.constants[value.number] = np.ascontiguousarray(patterns)
        return value

    def apply(self, circuit: Circuit, *operands: Value, layer: str) -> Value:
        """Adds an `Apply` and returns its result."""
        try:
            shape = np.broadcast_shapes(*(v.shape for v in operands))
        except ValueError:
            raise NexusError(
                f"layer '{layer}': operands of '{circuit.name}' have shapes {[v.shape for v in operands]}, "
                "which do not broadcast"
            ) from None
        fmt = circuit.output.format
        assert isinstance(fmt, FloatFormat)
        result = self.value(shape, fmt)
        self.nodes.append(Apply(circuit, operands, result, layer))
        return result

    def reduce(self, circuit: Circuit, operand: Value, layer: str, order: Order = "sequential") -> Value:
        """Adds a `Reduce` over the last axis and returns its result."""
        result = self.value(operand.shape[:-1], operand.format)
        self.nodes.append(Reduce(circuit, (operand,), result, order, layer))
        return result

    def contract(
        self, multiply: Circuit, add: Circuit, left: Value, right: Value, layer: str, order: Order = "sequential"
    ) -> Value:
        """Adds a `Contract` and returns its result.

        Raises:
            NexusError: the last axes differ in length.
        """
        if left.shape[-1] != right.shape[-1]:
            raise NexusError(
                f"layer '{layer}': operands of shapes {left.shape} and {right.shape} do not share their last axis"
            )
        lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        result = self.value((*lead, left.shape[-2], right.shape[-2]), left.format)
        self.nodes.append(Contract(multiply, add, (left, right), result, order, layer))
        return result

    def reshape(self, operand: Value, shape: Shape, layer: str) -> Value:
        """The operand's elements, in order, in another shape."""
        return self._rearrange("reshape", (operand,), shape, layer)

    def transpose(self, operand: Value, axes: tuple[int, ...], layer: str) -> Value:
        """Axis i of the result is axis axes[i] (counted from the end) of the operand."""
        shape = tuple(operand.shape[a] for a in axes)
        return self._rearrange("transpose", (operand,), shape, layer, axes=axes)

    def take(self, operand: Value, axis: int, start: int, stop: int, layer: str) -> Value:
        """The slice start:stop of an axis, counted from the end."""
        shape = list(operand.shape)
        shape[axis] = stop - start
        return self._rearrange("take", (operand,), tuple(shape), layer, axes=(axis,), bounds=(start, stop))

    def _rearrange(self, kind: Any, operands: tuple[Value, ...], shape: Shape, layer: str, **how: Any) -> Value:
        result = self.value(shape, operands[0].format)
        self.nodes.append(Rearrange(kind, operands, result, layer, **how))
        return result

    def invocations(self) -> Iterator[tuple[str, Circuit, int]]:
        """(layer, circuit, operand sets for one element of the batch) of every node."""
        for node in self.nodes:
            for circuit, count in node.invocations():
                yield node.layer, circuit, count

    @property
    def neurons(self) -> int:
        """Neurons with an instance of its circuit for every invocation."""
        return sum(circuit.neurons * count for _, circuit, count in self.invocations())

    @property
    def synapses(self) -> int:
        """Synapses with an instance of its circuit for every invocation."""
        return sum(circuit.synapses * count for _, circuit, count in self.invocations())

    @property
    def depth(self) -> int:
        """Time steps on the longest path from an input to an output."""
        at: dict[int, int] = {}
        for node in self.nodes:
            at[node.result.number] = node.depth + max(at.get(v.number, 0) for v in node.operands)
        return max((at.get(v.number, 0) for v in self.outputs.values()), default=0)

    def __str__(self) -> str:
        lines = [f"program {self.name}: {len(self.nodes)} nodes, depth {self.depth}"]
        lines += [f"  input %{v.number} {name} {v.format}{list(v.shape)}" for name, v in self.inputs.items()]
        for node in self.nodes:
            what = " + ".join(f"{count} {circuit.name}" for circuit, count in node.invocations())
            operands = " ".join(f"%{v.number}" for v in node.operands)
            kind = node.kind if isinstance(node, Rearrange) else type(node).__name__.lower()
            lines.append(
                f"  %{node.result.number} = {kind} {operands} : {node.result.format}{list(node.result.shape)}"
                f"  {what}  [{node.layer}]"
            )
        lines += [f"  output %{v.number} {name}" for name, v in self.outputs.items()]
        return "\n".join(lines)
