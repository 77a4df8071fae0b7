"""A program: a dataflow of circuit invocations over tensors of bit patterns. Executors run it, others read it.

Every value has a shape without the batch. At run time a value that depends on an input has the batch as its first axis;
a constant has none. Axes are therefore counted from the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.formats import NumberFormat
from lava_nexus.populations import Operator
from lava_nexus.programs.nodes import Apply, Contract, Folded, Node, Populate, Rearrange, Reduce, Shape, Value, Wiring
from lava_nexus.programs.product import Exact, Native, Product

__all__ = ["Apply", "Contract", "Node", "Populate", "Program", "Rearrange", "Reduce", "Shape", "Value"]


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

    def value(self, shape: Shape, fmt: NumberFormat) -> Value:
        """A new value."""
        self._numbers += 1
        return Value(self._numbers - 1, tuple(shape), fmt)

    def input(self, name: str, shape: Shape, fmt: NumberFormat) -> Value:
        """A new input."""
        self.inputs[name] = self.value(shape, fmt)
        return self.inputs[name]

    def constant(self, patterns: NDArray[Any], fmt: NumberFormat) -> Value:
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
        assert fmt is not None
        result = self.value(shape, fmt)
        self.nodes.append(Apply(circuit, operands, result, layer))
        return result

    def reduce(self, fold: Folded | Exact | Native, operand: Value, layer: str) -> Value:
        """Adds a `Reduce` over the last axis and returns its result."""
        result = self.value(operand.shape[:-1], operand.format if isinstance(fold, Folded) else fold.format)
        self.nodes.append(Reduce(fold, (operand,), result, layer))
        return result

    def contract(self, product: Product, left: Value, right: Value, layer: str, bias: Value | None = None) -> Value:
        """Adds a `Contract` and returns its result; a bias is one more term of the product's order.

        Raises:
            NexusError: the last axes differ in length.
        """
        if left.shape[-1] != right.shape[-1]:
            raise NexusError(
                f"layer '{layer}': operands of shapes {left.shape} and {right.shape} do not share their last axis"
            )
        lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        result = self.value((*lead, left.shape[-2], right.shape[-2]), product.format)
        operands = (left, right) if bias is None else (left, right, bias)
        self.nodes.append(Contract(product, operands, result, layer))
        return result

    def populate(self, operator: Operator, operand: Value, layer: str) -> Value:
        """Adds a `Populate` and returns its result.

        Raises:
            NexusError: the operand has another format than the operator takes, or its last axis is not whole rows.
        """
        if operand.format != operator.in_format or operand.shape[-1] % operator.size:
            raise NexusError(
                f"layer '{layer}': {operator.label} takes rows of {operator.size} {operator.in_format}, "
                f"not {operand.format} of shape {operand.shape}"
            )
        width = operand.shape[-1] // operator.size * operator.results
        result = self.value((*operand.shape[:-1], width), operator.out_format)
        self.nodes.append(Populate(operator, (operand,), result, layer))
        return result

    def rearrange(self, kind: Wiring, operands: Sequence[Value], shape: Shape, layer: str, **how: Any) -> Value:
        """Adds a `Rearrange` to a shape, with its axes and bounds, and returns its result."""
        result = self.value(shape, operands[0].format)
        self.nodes.append(Rearrange(kind, tuple(operands), result, layer, **how))
        return result

    def invocations(self) -> Iterator[tuple[str, Circuit, int]]:
        """(layer, circuit, operand sets for one element of the batch) of every node."""
        for node in self.nodes:
            for circuit, count in node.invocations():
                yield node.layer, circuit, count

    def operators(self) -> Iterator[tuple[str, Operator | NativePart, int]]:
        """(layer, what is made of populations, operand sets for one element of the batch), where there is any."""
        for node in self.nodes:
            if isinstance(node, Populate):
                yield node.layer, node.operator, node.rows
            elif isinstance(node, Contract | Reduce):
                for part, count in node.populations():
                    yield node.layer, part, count

    def refuse_operators(self, who: str) -> None:
        """Raises NexusError where the program has operators of LIF populations, which `who` does not take."""
        for layer, operator, _ in self.operators():
            raise NexusError(
                f"{who} takes memoryless binary networks alone; layer '{layer}' is a population network, "
                f"{operator.label}"
            )

    @property
    def neurons(self) -> int:
        """Neurons with an instance of its circuit or operator for every invocation."""
        circuits = sum(circuit.neurons * count for _, circuit, count in self.invocations())
        return circuits + sum(operator.neurons * count for _, operator, count in self.operators())

    @property
    def synapses(self) -> int:
        """Synapses with an instance of its circuit or operator for every invocation."""
        circuits = sum(circuit.synapses * count for _, circuit, count in self.invocations())
        return circuits + sum(operator.synapses * count for _, operator, count in self.operators())

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
            if isinstance(node, Populate):
                what = f"{node.rows} {node.operator.label}"
            operands = " ".join(f"%{v.number}" for v in node.operands)
            kind = node.kind if isinstance(node, Rearrange) else type(node).__name__.lower()
            lines.append(
                f"  %{node.result.number} = {kind} {operands} : {node.result.format}{list(node.result.shape)}"
                f"  {what}  [{node.layer}]"
            )
        lines += [f"  output %{v.number} {name}" for name, v in self.outputs.items()]
        return "\n".join(lines)
