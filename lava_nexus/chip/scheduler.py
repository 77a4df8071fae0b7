"""Schedules a program on shared instances: each node as early as its operands and its instances allow.

A sum of K terms is a chain of K - 1 additions that wait for one another. As many sums as fill the adders' pipelines run
interleaved: the adders then take an operand set in every step, and a partial sum returns just when its turn comes.
Exact and native sums pass through their circuits one behind the other; the neurons between the gates of a native layer
are busy for their window.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.programs.nodes import Apply, Contract, Folded, Node, Populate, Rearrange, Reduce, Value
from lava_nexus.programs.product import Exact, Product, Rounded, Summation
from lava_nexus.programs.program import Program
from lava_nexus.programs.schedule import Pool, Role, Round, Schedule

_TRIES = 4  # periods of start times that are tried before a round goes behind all others


def schedule_program(program: Program, instances: Mapping[str, int], handover: int) -> Schedule:
    """A schedule for a number of instances of each circuit, by its digest.

    Raises:
        NexusError: a sum in another order than `sequential`, fewer than one instance, or none given for a circuit.
    """
    circuits: dict[str, Circuit | NativePart] = {
        circuit.digest: circuit for _, circuit, count in program.invocations() if count
    }
    for layer, part, count in program.operators():
        if not isinstance(part, NativePart):
            raise NexusError(f"layer '{layer}' is made of LIF populations, schedules know circuits only")
        if count:
            circuits[part.digest] = part
    for digest, circuit in circuits.items():
        if instances.get(digest, 0) < 1:
            raise NexusError(
                f"circuit '{circuit.label}' has {instances.get(digest, 0)} instances, at least 1 is needed"
            )
    pools = tuple(Pool(circuit, instances[digest]) for digest, circuit in circuits.items())
    plan = _Plan(pools, handover)
    for index, node in enumerate(program.nodes):
        plan.add(index, node)
    return Schedule(program, pools, tuple(plan.rounds), handover)


class _Plan:
    """What is scheduled so far."""

    def __init__(self, pools: tuple[Pool, ...], handover: int) -> None:
        self.pools = pools
        self.number = {pool.circuit.digest: i for i, pool in enumerate(pools)}
        self.handover = handover
        self.busy = [_Timeline() for _ in pools]
        self.rounds: list[Round] = []
        # Step from which each element can be an operand; None for what is there from the beginning.
        self.ready: dict[int, NDArray[np.int64] | None] = {}

    def add(self, index: int, node: Node) -> None:
        """Schedules one node."""
        if isinstance(node, Rearrange):
            self.ready[node.result.number] = self._wires(node)
            return
        if isinstance(node, Populate):
            raise NexusError(f"layer '{node.layer}' is made of LIF populations, schedules know circuits only")
        if isinstance(node, Apply):
            done = self._apply(index, node)
        elif isinstance(node, Reduce):
            if isinstance(node.fold, Folded) and node.fold.accumulate == "pairwise":
                done = self._halved(index, node, node.fold)
            elif isinstance(node.fold, Folded):
                done = self._reduce(index, node, _sequential(node, Folded))
            else:
                done = self._staged(index, node)
        elif isinstance(node.product, Exact) or node.populations():
            done = self._staged(index, node)
        else:
            done = self._contract(index, node, _sequential(node, Rounded))
        self.ready[node.result.number] = done.reshape(node.result.shape)

    def _of(self, value: Value) -> NDArray[np.int64]:
        known = self.ready.get(value.number)
        return np.broadcast_to(np.int64(0), value.shape) if known is None else known

    def _wires(self, node: Rearrange) -> NDArray[np.int64] | None:
        if all(self.ready.get(v.number) is None for v in node.operands):
            return None
        return node.arranged([self._of(v) for v in node.operands])

    def _apply(self, index: int, node: Apply) -> NDArray[np.int64]:
        when = [np.broadcast_to(self._of(v), node.result.shape).ravel() for v in node.operands]
        pool, count = self.number[node.circuit.digest], prod(node.result.shape)
        start = self._start(pool, np.maximum.reduce(when), count)
        self.rounds.append(Round(index, pool, "apply", 0, count, start))
        return self._done(pool, start, count)

    def _reduce(self, index: int, node: Reduce, fold: Folded) -> NDArray[np.int64]:
        terms = self._of(node.operands[0]).reshape(-1, node.length)
        if node.length == 1:
            return terms[:, 0]
        pool, turns = self.number[fold.circuit.digest], node.length - 1
        period = self.pools[pool].circuit.depth + self.handover
        wait = np.maximum(terms[:, 0], (terms[:, 1:] - period * np.arange(turns)).max(axis=1))
        done = np.zeros(len(terms), np.int64)
        for first, count in _tiles(len(terms), self.pools[pool].instances * period):
            start = self._start(pool, wait[first : first + count], count, turns, period)
            self.rounds.append(Round(index, pool, "fold", first, count, start, turns, period))
            done[first : first + count] = self._done(pool, start + (turns - 1) * period, count)
        return done

    def _halved(self, index: int, node: Reduce, fold: Folded) -> NDArray[np.int64]:
        """Neighbours folded level by level."""
        sums, left = prod(node.result.shape), node.length
        ready = np.full(sums, self._of(node.operands[0]).max(initial=0))
        while left > 1:
            role: Role = "take" if left == node.length else "result" if left == 2 else "stage"
            pairs = left // 2
            left -= pairs
            made = self._stage(index, role, 0, fold.circuit, np.full(sums * pairs, ready.max()))
            ready = np.full(sums, made.max(initial=0))
        return ready + self.handover

    def _contract(self, index: int, node: Contract, product: Rounded) -> NDArray[np.int64]:
        multiply = self.number[product.multiply.digest]
        add = self.number.get(product.add.digest, multiply)  # of products alone there may be no adder
        turns, sums = node.length - 1, prod(node.result.shape)
        period = self.pools[add].circuit.depth + self.handover
        rows, columns = (self._row_wait(value, period) for value in node.operands[:2])
        wait = np.broadcast_to(np.maximum(rows[..., :, None], columns[..., None, :]), node.result.shape).ravel()
        done = np.zeros(sums, np.int64)
        together = period * min(self.pools[multiply].instances, self.pools[add].instances)
        for first, count in _tiles(sums, together):
            start = self._start(multiply, wait[first : first + count], count, node.length, period)
            self.rounds.append(Round(index, multiply, "multiply", first, count, start, node.length, period))
            made = self._done(multiply, start, count)
            if turns:
                # The product of turn 1 is the later operand of the first addition.
                start = self._start(add, made + period, count, turns, period)
                self.rounds.append(Round(index, add, "add", first, count, start, turns, period))
                made = self._done(add, start + (turns - 1) * period, count)
            done[first : first + count] = made
        return done

    def _staged(self, index: int, node: Contract | Reduce) -> NDArray[np.int64]:
        """Sums that pass through several circuits: operands, all of them, then stage after stage."""
        how: Product | Summation = node.product if isinstance(node, Contract) else node.fold
        waits = [int(self._of(value).max(initial=0)) for value in node.operands]
        if isinstance(how, Exact):
            return self._exact(index, node, how, prod(node.result.shape), max(waits))
        *fronts, back = node.invocations()
        (core, rows), bits = node.populations()
        held = 1  # what stands side by side: matrices, or sums of values
        if isinstance(node, Reduce) or isinstance(core.network, PairCore):
            held = prod(node.result.shape if isinstance(node, Reduce) else node.result.shape[:-2])
        done = np.array([max(waits)])
        for i, (what, count) in enumerate(fronts):
            done = np.maximum(done, self._stage(index, "take", i, what, np.full(count, waits[i])).max(initial=0))
        done = self._stage(index, "stage", 0, core, np.full(max(1, rows // held), done[0]))
        done = self._stage(index, "stage", 0, bits[0], np.full(bits[1], done.max()))
        return self._stage(index, "result", 0, back[0], done) + self.handover

    def _stage(
        self, index: int, role: Role, first: int, what: Circuit | NativePart, ready: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """One of several circuits: when each result is there for the next one, to which it is wired."""
        pool = self.number[what.digest]
        start = self._start(pool, ready, len(ready))
        self.rounds.append(Round(index, pool, role, first, len(ready), start))
        return self._done(pool, start, len(ready)) - self.handover

    def _exact(self, index: int, node: Contract | Reduce, how: Exact, sums: int, ready: int) -> NDArray[np.int64]:
        """Registers that take `terms` terms a turn, then are rounded."""
        step, finish = (self.number[one.digest] for one in (how.accumulator.step, how.accumulator.finish))
        turns, period = -(-node.length // how.accumulator.terms), self.pools[step].circuit.depth + self.handover
        done = np.zeros(sums, np.int64)
        for first, count in _tiles(sums, self.pools[step].instances * period):
            start = self._start(step, np.full(count, ready), count, turns, period)
            self.rounds.append(Round(index, step, "take", first, count, start, turns, period))
            made = self._done(step, start + (turns - 1) * period, count)
            start = self._start(finish, made, count)
            self.rounds.append(Round(index, finish, "result", first, count, start))
            done[first : first + count] = self._done(finish, start, count)
        return done

    def _row_wait(self, value: Value, period: int) -> NDArray[np.int64]:
        """Earliest start for each row of an operand whose element k is needed k periods after the start."""
        known = self.ready.get(value.number)
        if known is None:
            return np.broadcast_to(np.int64(0), value.shape[:-1])
        return np.asarray((known - period * np.arange(value.shape[-1])).max(axis=-1))

    def _start(self, pool: int, ready: NDArray[np.int64], count: int, turns: int = 1, period: int = 0) -> int:
        """Reserves the first steps in which element i finds its operands and an instance."""
        one = self.pools[pool]
        earliest = max(0, int((ready - np.arange(count) // one.lanes * one.interval).max()))
        width = -(-count // one.lanes) * one.interval
        if one.own:
            return earliest  # no other node asks for it
        return self.busy[pool].reserve(earliest, width, turns, max(period, width))

    def _done(self, pool: int, start: int, count: int) -> NDArray[np.int64]:
        one = self.pools[pool]
        return start + np.arange(count) // one.lanes * one.interval + one.circuit.depth + self.handover


_Kind = TypeVar("_Kind", bound=Summation)


def _sequential(node: Contract | Reduce, kind: type[_Kind]) -> _Kind:
    """Sums of a kind, one term after the other.

    Raises:
        NexusError: they are of another kind, or in another order.
    """
    how: Summation = node.product if isinstance(node, Contract) else node.fold
    layer = node.layer
    if how.accumulate != "sequential":
        raise NexusError(f"layer '{layer}' sums in the order '{how.accumulate}', schedules know 'sequential'")
    if not isinstance(how, kind):
        raise NexusError(f"layer '{layer}' has sums of kind '{how.name}', schedules know '{kind.name}'")
    return how


class _Timeline:
    """Steps in which a pool is taken: reservations of `width` steps in each of `turns` periods."""

    def __init__(self) -> None:
        self.taken = np.zeros((0, 4), np.int64)  # start, width, period, end
        self.end = 0

    def reserve(self, earliest: int, width: int, turns: int, period: int) -> int:
        """The first start from `earliest` on at which `width` steps are free in each of `turns` periods; takes them."""
        start, last = earliest, earliest + _TRIES * period
        while start < self.end:
            step = self._clash(start, width, turns, period)
            if not step:
                break
            start += step
            if start > last:
                start = max(start, self.end)
        end = start + (turns - 1) * period + width
        self.taken = np.concatenate([self.taken, [[start, width, period if turns > 1 else 0, end]]])
        self.end = max(self.end, end)
        return start

    def _clash(self, start: int, width: int, turns: int, period: int) -> int:
        """0 where all steps are free, else after how many steps to look again.

        Reservations of one period clash where their steps in the period do; those of different periods are kept apart
        altogether. A single turn has the period of the other one.
        """
        end = start + (turns - 1) * period + width
        near = self.taken[(self.taken[:, 0] < end) & (self.taken[:, 3] > start)]
        if not len(near):
            return 0
        own = np.where(near[:, 2] > 0, near[:, 2], period if turns > 1 else 0)
        apart = (own == 0) | ((near[:, 2] > 0) & (turns > 1) & (near[:, 2] != period))
        later = np.where(apart, 0, (start - near[:, 0]) % np.maximum(own, 1))  # steps of this one behind the other's
        clear = ~apart & (later >= near[:, 1]) & (later + width <= own)
        if clear.all():
            return 0
        wait = np.where(apart, near[:, 3] - start, np.where(later < near[:, 1], near[:, 1] - later, own - later))
        return max(1, int(wait[~clear].min()))


def _tiles(total: int, most: int) -> list[tuple[int, int]]:
    """(first, count) of parts of at most `most`."""
    return [(first, min(most, total - first)) for first in range(0, total, most)]
