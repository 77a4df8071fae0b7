"""Walks a program once for every executor: all of them differ in `invoke` only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.native.layer import check_native
from lava_nexus.execute.sums import contract, reduce
from lava_nexus.execute.tallies import ProgramResult as ProgramResult
from lava_nexus.execute.tallies import Tallies
from lava_nexus.execute.watch import Watch
from lava_nexus.programs.product import Native, Paired
from lava_nexus.programs.program import Apply, Contract, Node, Populate, Program, Reduce
from lava_nexus.progress import doing, track

Patterns = NDArray[Any]


def run_program(
    program: Program,
    feeds: Mapping[str, Patterns],
    executor: Executor,
    keep: Collection[int] = (),
    watch: Watch | None = None,
) -> ProgramResult:
    """Runs a program on patterns of shape (batch, *input shape); `keep` names values whose patterns are wanted.

    `watch` is told of every node and its result where the program is walked, else as `Executor.run_watched` can.

    The executor runs it in a form of its own where it has one and nothing is to be kept (`Executor.run_whole`), else
    the program is walked node by node.

    Raises:
        NexusError: an input is missing or has another shape, or a run that failed.
    """
    check_feeds(program, feeds)
    for node in program.nodes:
        how = node.product if isinstance(node, Contract) else node.fold if isinstance(node, Reduce) else None
        if isinstance(how, Native | Paired):
            check_native(how.layer, executor, node.layer)
    with doing(program.name or "program"):
        whole = None
        if not keep:
            whole = executor.run_watched(program, feeds, watch) if watch else executor.run_whole(program, feeds)
    if whole is not None:
        executor.tallies.merge(whole.tallies)
        return whole
    values: dict[int, Patterns] = dict(program.constants)
    values |= {value.number: executor.place(feeds[name]) for name, value in program.inputs.items()}
    last = _last_use(program)
    layers: dict[str, Tallies] = {}
    kept: dict[int, Patterns] = {}
    for i, node in enumerate(track(program.nodes, program.name or "program", "nodes")):
        for value in node.operands:
            if value.number in program.constants:
                values[value.number] = executor.place(program.constants[value.number])
        operands = [_ranked(values, v.number, len(v.shape)) for v in node.operands]
        with executor.apart() as tallies:
            values[node.result.number] = _run(node, operands, executor)
        layers.setdefault(node.layer, Tallies()).merge(tallies)
        if watch is not None:
            watch(node, executor.fetch(values[node.result.number]))
        if node.result.number in keep:
            kept[node.result.number] = executor.fetch(values[node.result.number])
        for value in node.operands:
            if last[value.number] == i:
                values.pop(value.number, None)
    outputs = {name: executor.fetch(values[v.number]) for name, v in program.outputs.items()}
    return ProgramResult(outputs, layers, kept=kept, levels=(("all layers", executor.level),))


def check_feeds(program: Program, feeds: Mapping[str, Patterns]) -> None:
    """Raises NexusError where an input is missing, has another shape, or holds no bit patterns."""
    for name, value in program.inputs.items():
        if name not in feeds:
            raise NexusError(f"program '{program.name}' misses its input '{name}'")
        if feeds[name].shape[1:] != value.shape:
            raise NexusError(
                f"input '{name}' of program '{program.name}' has shape {feeds[name].shape[1:]} for each element of "
                f"the batch, not {value.shape}"
            )
        if feeds[name].dtype.kind not in "iu":
            raise NexusError(
                f"input '{name}' of program '{program.name}' holds {feeds[name].dtype}, not bit patterns; its format's "
                "to_patterns makes them of numbers"
            )


def _ranked(values: dict[int, Patterns], number: int, rank: int) -> Patterns:
    """The patterns with a batch axis, of length 1 for constants."""
    patterns = values[number]
    return patterns if patterns.ndim == rank + 1 else patterns[None]


def _last_use(program: Program) -> dict[int, int]:
    last: dict[int, int] = {}
    for i, node in enumerate(program.nodes):
        for value in node.operands:
            last[value.number] = i
    for value in program.outputs.values():
        last[value.number] = len(program.nodes)
    return last


def _run(node: Node, operands: list[Patterns], executor: Executor) -> Patterns:
    if isinstance(node, Apply):
        rank = max(p.ndim for p in operands)
        return executor.invoke(node.circuit, [_lead(p, rank) for p in operands])
    if isinstance(node, Reduce):
        whole: Patterns | None = None if isinstance(node.fold, Native) else executor.folded(node.fold, operands[0])
        return reduce(node, operands[0], executor) if whole is None else whole
    if isinstance(node, Contract):
        rank = max(p.ndim for p in operands[:2])
        given = [*(_lead(p, rank) for p in operands[:2]), *(_lead(p, rank - 1) for p in operands[2:])]
        left, right, *bias = given
        own: Patterns | None = executor.contracted(node.product, left, right, bias[0] if bias else None)
        return contract(node.product, given, executor) if own is None else own
    if isinstance(node, Populate):
        populated: Patterns = executor.place(executor.operate(node.operator, executor.fetch(operands[0])))
        return populated
    return node.arranged(operands)


def _lead(patterns: Patterns, rank: int) -> Patterns:
    """Axes of length 1 behind the batch, so that ranks agree."""
    return patterns.reshape(patterns.shape[0], *[1] * (rank - patterns.ndim), *patterns.shape[1:])
