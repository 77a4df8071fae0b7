"""How a program becomes few large steps: nodes that do not wait for each other, and do the same, are one.

Every value is elements of a flat buffer, known by their numbers; wires are arrangements of these numbers, made once on
the host. So the scores, softmax and weighted sums of all tokens and heads of causal attention, which have as many terms
as the token sees, are a handful of launches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.cuda.native.planned import Formed, factors_of
from lava_nexus.execute.cuda.plan import Plan
from lava_nexus.execute.cuda.steps import Added, Applied, Copied, Folding, Operand, Step, Summing
from lava_nexus.execute.cuda.tables import Elements, Kept, Spans, Words
from lava_nexus.execute.tallies import Tallies, Tally
from lava_nexus.formats import NumberFormat
from lava_nexus.programs.nodes import Apply, Contract, Folded, Rearrange, Reduce
from lava_nexus.programs.product import Fused, Native, Paired, Rounded
from lava_nexus.programs.program import Program

Numbers = NDArray[Any]
Work = Apply | Reduce | Contract


@dataclass
class _Group:
    """Nodes that are one step.

    Attributes:
        level: steps before it at least.
        buffer: number of that of its results.
        nodes: with where their results begin, and the elements of their operands.
        size: elements so far.
    """

    level: int
    buffer: int
    nodes: list[tuple[Work, int, list[tuple[int, Numbers]]]] = field(default_factory=list)
    size: int = 0


class Planner:
    """Makes the plan of a program; see `plans.plan_of`."""

    def __init__(self, program: Program, batches: Mapping[str, int], counting: bool) -> None:
        self._program, self._batches, self._counting = program, batches, counting
        self._formats: list[NumberFormat | None] = []
        self.values: dict[int, tuple[int, Numbers]] = {}
        self._levels: dict[int, int] = {}
        self._groups: dict[Any, _Group] = {}
        self._copies: dict[int, list[Copied]] = {}
        self._numbers = np.empty(0, np.int64)
        self._owners: dict[int, Numbers] = {}

    def plan(self) -> Plan:
        """Groups of nodes, then their steps."""
        program, feeds, constants = self._program, {}, {}
        for name, value in program.inputs.items():
            feeds[name] = self._new(value.format)
            self.values[value.number] = feeds[name], self._all((self._batches[name], *value.shape))
        for number, patterns in program.constants.items():
            buffer = self._new(None)
            constants[buffer] = patterns
            self.values[number] = buffer, self._all((1, *patterns.shape))
        for node in program.nodes:
            if isinstance(node, Rearrange):
                self._wire(node)
            else:
                assert isinstance(node, Apply | Reduce | Contract)
                self._work(node)
        steps = list(self._steps())
        outputs = {}
        for name, value in program.outputs.items():
            buffer, at = self.values[value.number]
            outputs[name] = Elements(buffer, at.reshape(-1)), at.shape
        kept = {elements.buffer for elements, _ in outputs.values()}
        last: dict[int, int] = {}
        for i, step in enumerate(steps):
            last |= dict.fromkeys((*step.reads, step.buffer), i)
        ending: dict[int, list[int]] = {}
        for buffer, i in last.items():
            if buffer not in kept:
                ending.setdefault(i, []).append(buffer)
        read = {number for step in steps for number in step.reads} | kept
        constants = {number: patterns for number, patterns in constants.items() if number in read}
        return Plan(steps, feeds, constants, outputs, self._formats, ending, self._tallies())

    def _new(self, fmt: NumberFormat | None) -> int:
        self._formats.append(fmt)
        return len(self._formats) - 1

    def _span(self, first: int, size: int) -> Numbers:
        """Numbers of neighbours, a view, so that arrangements of them are views too."""
        if first + size > len(self._numbers):
            self._numbers = np.arange(max(first + size, 2 * len(self._numbers)), dtype=np.int64)
            self._owners[id(self._numbers)] = self._numbers
        return self._numbers[first : first + size]

    def _all(self, shape: tuple[int, ...]) -> Numbers:
        return self._span(0, prod(shape)).reshape(shape)

    def _wire(self, node: Rearrange) -> None:
        given = [self.values[value.number] for value in node.operands]
        self._levels[node.result.number] = max(self._levels.get(value.number, 0) for value in node.operands)
        if len(given) == 1:
            buffer, at = given[0]
            self.values[node.result.number] = buffer, node.arranged([at])
        else:
            self.values[node.result.number] = self._joined(node, given)

    def _joined(self, node: Rearrange, parts: Sequence[tuple[int, Numbers]]) -> tuple[int, Numbers]:
        """Elements of several values in one buffer, in the order of a concatenation."""
        level, lead = self._levels[node.result.number], max(len(at) for _, at in parts)
        parts = [(buffer, np.broadcast_to(at, (lead, *at.shape[1:]))) for buffer, at in parts]
        firsts = np.cumsum([0, *(at.size for _, at in parts)])
        ats = [self._span(int(first), at.size).reshape(at.shape) for first, (_, at) in zip(firsts, parts, strict=False)]
        order = node.arranged(ats)
        buffer, found = self._copied(parts, level, node.layer, order)
        return buffer, found.reshape(order.shape)

    def _copied(
        self, parts: Sequence[tuple[int, Numbers]], level: int, layer: str, order: Numbers | None = None
    ) -> tuple[int, Numbers]:
        """Elements of several buffers in one, in an order: its number, and all numbers there."""
        buffer = self._new(self._formats[parts[0][0]])
        flat = np.empty(0, np.int64) if order is None else order.reshape(-1)
        moved = bool((np.diff(flat) != 1).any())
        operand = self._operand(parts)
        self._copies.setdefault(level, []).append(Copied(layer, buffer, operand, Kept(flat) if moved else None))
        return buffer, self._span(0, sum(at.size for _, at in parts))

    def _work(self, node: Work) -> None:
        level = 1 + max(self._levels.get(value.number, 0) for value in node.operands)
        given = [self.values[value.number] for value in node.operands]
        lead = np.broadcast_shapes(*(at.shape[:1] for _, at in given))
        group = self._groups.get(key := (level, *self._kind(node)))
        if group is None:
            group = self._groups[key] = _Group(level, self._new(node.result.format))
        shape = (*lead, *node.result.shape)
        group.nodes.append((node, group.size, given))
        self.values[node.result.number] = group.buffer, self._span(group.size, prod(shape)).reshape(shape)
        self._levels[node.result.number] = level
        group.size += prod(shape)

    def _kind(self, node: Work) -> tuple[Any, ...]:
        """What nodes have in common that are one step."""
        layer = node.layer if self._counting else ""
        if isinstance(node, Reduce | Contract) and isinstance(node.how, Native | Paired):
            return "formed", id(node.how.layer), node.operands[0].shape[-2:] if len(node.operands) > 1 else (), layer
        if isinstance(node, Apply):
            return "apply", node.circuit.digest, layer
        if isinstance(node, Reduce):
            assert isinstance(node.fold, Folded)
            return "fold", node.fold.circuit.digest, layer
        assert isinstance(node.product, Rounded | Fused)
        then = node.product.fma if isinstance(node.product, Fused) else node.product.add
        return "contract", node.product.multiply.digest, then.digest, len(node.operands), layer

    def _steps(self) -> Iterator[Step]:
        levels = sorted({*self._copies, *(group.level for group in self._groups.values())})
        for level in levels:
            for group in [group for group in self._groups.values() if group.level == level]:
                node = group.nodes[0][0]
                if isinstance(node, Reduce | Contract) and isinstance(node.how, Native | Paired):
                    yield self._formed(group, node, node.how)
                elif isinstance(node, Apply):
                    yield self._applied(group, node)
                elif isinstance(node, Reduce):
                    yield self._reduced(group, node)
                else:
                    yield from self._contracted(group, node)
            yield from self._copies.get(level, ())

    def _operand(self, parts: Sequence[tuple[int, Numbers]]) -> Operand:
        """Elements of one buffer, or of several one after the other."""
        if len({buffer for buffer, _ in parts}) == 1:
            flat = [at.reshape(-1) for _, at in parts]
            return (Elements(parts[0][0], flat[0] if len(flat) == 1 else np.concatenate(flat)),)
        return tuple(Elements(buffer, at.reshape(-1)) for buffer, at in parts)

    def _formed(self, group: _Group, first: Reduce | Contract, how: Native | Paired) -> Step:
        ranks = (max(at.ndim for _, at in given) for _, _, given in group.nodes)
        nodes = [
            [(buffer, _lead(at, rank)) for buffer, at in given]
            for (_, _, given), rank in zip(group.nodes, ranks, strict=True)
        ]
        return Formed(first.layer, group.buffer, how, factors_of(how, nodes, self._operand), self._counting)

    def _applied(self, group: _Group, first: Apply) -> Step:
        operands: list[Operand] = []
        for place in range(len(first.operands)):
            given = [node[2][place] for node in group.nodes]
            whole = [self._broadcast(node, place) for node in group.nodes]
            alone = {(buffer, int(at.flat[0])) for buffer, at in given if at.size == 1}
            if len(alone) == 1 and all(at.size == 1 for _, at in given):
                operands.append((Elements(given[0][0], given[0][1].reshape(-1), once=True),))
            else:
                operands.append(self._operand(whole))
        return Applied(first.layer, group.buffer, first.circuit, operands, group.size, self._counting)

    @staticmethod
    def _broadcast(member: tuple[Work, int, list[tuple[int, Numbers]]], place: int) -> tuple[int, Numbers]:
        """An operand as large as the result."""
        node, _, given = member
        shape = (max(len(at) for _, at in given), *node.result.shape)
        buffer, at = given[place]
        return buffer, np.broadcast_to(_lead(at, len(shape)), shape)

    def _reduced(self, group: _Group, first: Reduce) -> Step:
        assert isinstance(first.fold, Folded)
        operand = self._operand([given[0] for _, _, given in group.nodes])
        tables, behind = [], 0
        for node, into, ((_, at),) in group.nodes:
            rows = at.size // node.operands[0].shape[-1]
            terms = node.operands[0].shape[-1]
            tables.append(Words.of_rows(behind + np.arange(rows) * terms, terms, into))
            behind += at.size
        words = Words.joined(tables)
        return Folding(first.layer, group.buffer, first.fold.circuit, operand, words, group.size, self._counting)

    def _contracted(self, group: _Group, first: Contract) -> Iterator[Step]:
        assert isinstance(first.product, Rounded | Fused)
        left = self._operand([given[0] for _, _, given in group.nodes])
        spans, sums, behind = Spans(), [], 0
        for node, into, given in group.nodes:
            (_, x), (buffer, w) = given[:2]
            if not self._even(w):
                buffer, flat = self._copied([(buffer, w)], group.level, node.layer)
                w = flat.reshape(w.shape)
                yield self._copies[group.level].pop()
            rank = max(x.ndim, w.ndim)
            x, w = _lead(x, rank), _lead(w, rank)
            rows = behind + np.arange(x.size // x.shape[-1]).reshape(x.shape[:-1]) * x.shape[-1]
            behind += x.size
            lead = np.broadcast_shapes(x.shape[:-2], w.shape[:-2])
            chosen = np.repeat(np.broadcast_to(spans.numbers(buffer, w), lead).reshape(-1), x.shape[-2])
            rows = np.broadcast_to(rows, (*lead, x.shape[-2])).reshape(-1)
            sums.append((rows, chosen, w.shape[-2], w.shape[-1], into))
        matrices, start = spans.matrices()
        words = [Words.of_products(rows, start[chosen], n, k, into) for rows, chosen, n, k, into in sums]
        counted = group.size, self._counting
        yield Summing(first.layer, group.buffer, first.product, left, matrices, Words.joined(words), *counted)
        if len(first.operands) > 2:
            bias = self._operand([self._bias(member) for member in group.nodes])
            yield Added(first.layer, group.buffer, first.product.add, bias, self._counting)

    def _even(self, at: Numbers) -> bool:
        """Whether numbers lie at even distances along every axis, as they do in a view of all numbers."""
        while isinstance(at.base, np.ndarray):
            at = at.base
        return id(at) in self._owners

    @staticmethod
    def _bias(member: tuple[Work, int, list[tuple[int, Numbers]]]) -> tuple[int, Numbers]:
        node, _, given = member
        shape = (max(len(at) for _, at in given), *node.result.shape)
        buffer, at = given[2]
        at = _lead(at, len(shape) - 1)
        return buffer, np.broadcast_to(at[..., None, :], shape)

    def _tallies(self) -> dict[str, Tallies]:
        layers: dict[str, Tallies] = {}
        for node in self._program.nodes:
            tallies = layers.setdefault(node.layer, Tallies())
            if not self._counting and isinstance(node, Apply | Reduce | Contract):
                at = self.values[node.result.number][1]
                populations = () if isinstance(node, Apply) else node.how.populations(node.extent)
                for unit, sets in (*node.invocations(), *populations):
                    if sets:
                        tallies.add(Tally(unit, sets * len(at)))
        return layers


def _lead(at: Numbers, rank: int) -> Numbers:
    """Axes of length 1 behind the batch, so that ranks agree."""
    return at.reshape(at.shape[0], *[1] * (rank - at.ndim), *at.shape[1:])
