"""A program cut into parts that pass tensors on, one part a layer: what becomes a Process or a set of cores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
