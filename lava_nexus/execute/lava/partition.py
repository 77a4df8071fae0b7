"""A program cut into what becomes Lava Processes: operators, those of one transformer block together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from lava_nexus.errors import NexusError
from lava_nexus.programs.excerpt import Segment, segments
from lava_nexus.programs.program import Node, Program, Rearrange, Value

_BLOCK = re.compile(r"block\d+")


@dataclass(frozen=True)
class Block:
    """The segments of one transformer block.

    Attributes:
        name: first word of their layers, `block<i>`.
        segments: what is inside.
        inputs: values that come from outside.
        outputs: values that others read.
    """

    name: str
    segments: tuple[Segment, ...]
    inputs: list[Value]
    outputs: list[Value]


Part: TypeAlias = Segment | Block


def partition(program: Program, processes: int) -> list[Part]:
    """Segments outside of blocks, and blocks of at most `processes` segments each.

    A block of more layers than that is cut along shorter layer paths: `block0.attention` for `block0.attention.query`
    and its like.

    Raises:
        NexusError: `processes` is below 1, or parts that would wait for each other.
    """
    if processes < 1:
        raise NexusError(f"limit of {processes} processes a block is below 1")
    wired = absorb_wires(program)
    cut = segments(wired, _shortened({node.layer for node in wired.nodes}, processes).__getitem__)
    _check_order(program, cut)
    names = dict.fromkeys(_block_of(segment.name) or segment.name for segment in cut)
    inside = {name: [s for s in cut if _block_of(s.name) == name] for name in names}
    single = {segment.name: segment for segment in cut}
    return [_block(name, inside[name], cut, program) if inside[name] else single[name] for name in names]


def absorb_wires(program: Program) -> Program:
    """The program with layers of wires alone given to the layer that makes what they carry, else to the reader's."""
    working = {node.layer for node in program.nodes if not isinstance(node, Rearrange)}
    nodes: list[Node] = []
    made_in: dict[int, str] = {}
    for node in program.nodes:
        makers = [v.number for v in node.operands if v.number in made_in]
        if node.layer not in working and makers:
            node = replace(node, layer=made_in[max(makers)])
        nodes.append(node)
        made_in[node.result.number] = node.layer
    read_in: dict[int, str] = {}
    for i, node in reversed(list(enumerate(nodes))):
        if node.layer not in working and node.result.number in read_in:
            nodes[i] = node = replace(node, layer=read_in[node.result.number])
        read_in |= {value.number: node.layer for value in node.operands}
    return replace(program, nodes=nodes)


def _block_of(layer: str) -> str:
    """First word of a layer inside a block; empty outside."""
    first = layer.partition(".")[0]
    return first if _BLOCK.fullmatch(first) else ""


def _shortened(layers: Iterable[str], processes: int) -> dict[str, str]:
    """For each layer the longest start of its path with which its block has at most `processes` parts."""
    by_block: dict[str, list[str]] = {}
    for layer in layers:
        by_block.setdefault(_block_of(layer), []).append(layer)
    short = {layer: layer for layer in by_block.pop("", [])}
    for inside in by_block.values():
        for words in range(max(layer.count(".") for layer in inside) + 1, 0, -1):
            part = {layer: ".".join(layer.split(".")[:words]) for layer in inside}
            if len(set(part.values())) <= processes:
                break
        short |= part
    return short


def _check_order(program: Program, cut: list[Segment]) -> None:
    maker = {value.number: segment.name for segment in cut for value in segment.outputs}
    waits = {s.name: {maker[v.number] for v in s.inputs if v.number in maker} for s in cut}
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        circle = " and ".join(f"'{name}'" for name in dict.fromkeys(error.args[1]))
        raise NexusError(f"program '{program.name}': layers {circle} wait for each other's results") from None


def _block(name: str, inside: list[Segment], cut: list[Segment], program: Program) -> Block:
    outside = [segment for segment in cut if segment not in inside]
    made = {v.number for segment in inside for v in segment.outputs}
    read = {v.number for segment in outside for v in segment.inputs} | {v.number for v in program.outputs.values()}
    inputs = {v.number: v for segment in inside for v in segment.inputs if v.number not in made}
    outputs = [v for segment in inside for v in segment.outputs if v.number in read]
    return Block(name, tuple(inside), list(inputs.values()), outputs)
