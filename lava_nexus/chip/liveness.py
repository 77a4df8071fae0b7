"""Words that a schedule keeps waiting: the registers that it needs, and the ports that they are read by."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from lava_nexus.programs.nodes import Contract, Rearrange, Reduce
from lava_nexus.programs.schedule import FINAL, Round, Schedule

Steps = NDArray[np.int64]
Place = tuple[int, int]  # pool, operand


@dataclass(frozen=True)
class Registers:
    """What a schedule keeps.

    Attributes:
        words: most words that wait at once.
        ports: the same, each word counted once for each stream that reads its value at a time.
        ways: for each operand of each pool, by (pool, operand), the values that it reads from registers, and one more
            where it takes results as they come.
    """

    words: int
    ports: int
    ways: dict[Place, int]


@dataclass(frozen=True)
class _Read:
    """One operand of a round: which elements, and when each of them last."""

    place: Place
    node: int
    elements: Steps
    when: Steps


def registers(schedule: Schedule, kept_inputs: frozenset[int]) -> Registers:
    """Counts the words that wait: results longer than their handover, and the inputs that are kept from the beginning.

    Args:
        schedule: what runs.
        kept_inputs: numbers of the input values that registers hold; all others are fed in when they are needed.
    """
    elements = _Elements(schedule, kept_inputs)
    reads = [read for one in schedule.rounds for read in _reads(schedule, one, elements)]
    last = elements.born.copy()
    for read in reads:
        np.maximum.at(last, read.elements, read.when)
    ports, ways = _streams(elements, reads)
    products = _products(schedule)
    words = _peak([(elements.born, last, np.ones_like(last)), *products])
    weighted = _peak([(elements.born, last, ports[elements.home]), *products])
    for one in schedule.rounds:
        if one.role == "add":
            ways |= {(one.pool, operand): ways.get((one.pool, operand), set()) | {-1} for operand in (0, 1)}
    return Registers(words, weighted, {place: len(found) for place, found in ways.items()})


class _Elements:
    """The elements of all values that are computed or kept, numbered through.

    Attributes:
        of: numbers by value, in its shape; -1 for what is fed in.
        born: step from which each element can be an operand.
        home: number of the node, or input, that each element comes from.
    """

    def __init__(self, schedule: Schedule, kept_inputs: frozenset[int]) -> None:
        self.of: dict[int, Steps] = {}
        self._born: list[Steps] = []
        self._used = 0
        rounds: dict[int, list[Round]] = {}
        for one in schedule.rounds:
            rounds.setdefault(one.node, []).append(one)
        program = schedule.program
        for value in program.inputs.values():
            if value.number in kept_inputs:
                self._new(value.number, value.shape, np.zeros(prod(value.shape), np.int64))
        for index, node in enumerate(program.nodes):
            known = [self.of.get(v.number) for v in node.operands]
            if index in rounds:
                self._new(node.result.number, node.result.shape, _done(schedule, index, rounds[index]))
            elif isinstance(node, Rearrange):
                if any(k is not None for k in known):
                    full = [np.full(v.shape, -1) if k is None else k for v, k in zip(node.operands, known, strict=True)]
                    self.of[node.result.number] = node.arranged(full)
            elif known[0] is not None:
                self.of[node.result.number] = known[0].reshape(node.result.shape)
        self.born = np.concatenate([np.zeros(0, np.int64), *self._born])
        self.home = np.repeat(np.arange(len(self._born)), [len(born) for born in self._born])

    def _new(self, number: int, shape: tuple[int, ...], born: Steps) -> None:
        self.of[number] = np.arange(self._used, self._used + len(born)).reshape(shape)
        self._used += len(born)
        self._born.append(born)


def _done(schedule: Schedule, index: int, rounds: list[Round]) -> Steps:
    """Step from which each element of a node's result can be used."""
    node = schedule.program.nodes[index]
    done = np.zeros(prod(node.result.shape), np.int64)
    for one in rounds:
        if one.role in FINAL or (one.role == "multiply" and isinstance(node, Contract) and node.length == 1):
            done[one.first : one.first + one.count] = _last_turn(schedule, one) + _latency(schedule, one)
    return done


def _latency(schedule: Schedule, one: Round) -> int:
    return schedule.pools[one.pool].circuit.depth + schedule.handover


def _last_turn(schedule: Schedule, one: Round) -> Steps:
    element = np.arange(one.count) // schedule.pools[one.pool].lanes
    return np.asarray(one.start + (one.turns - 1) * one.period + element)


def _reads(schedule: Schedule, one: Round, elements: _Elements) -> list[_Read]:
    """What a round reads of the values that are numbered."""
    node, part = schedule.program.nodes[one.node], slice(one.first, one.first + one.count)
    if one.role in ("add", "stage", "result"):
        return []
    if one.role == "take":
        return _taken(schedule, one, elements)
    found = []
    for operand, value in enumerate(node.operands[:2] if isinstance(node, Contract) else node.operands):
        names = elements.of.get(value.number)
        if names is None:
            continue
        if one.role == "apply":
            read = np.broadcast_to(names, node.result.shape).ravel()[part]
            when = _last_turn(schedule, one)
        elif one.role == "fold":
            read = names.reshape(-1, names.shape[-1])[part]
            turn = np.maximum(0, np.arange(read.shape[1]) - 1) * one.period
            when = turn[None, :] + (one.start + np.arange(one.count) // schedule.pools[one.pool].instances)[:, None]
        else:
            read = _rows(names, node.result.shape, operand, np.arange(part.start, part.stop))
            when = one.start + np.arange(read.shape[1]) * one.period + schedule.width(one) - 1
        read, when = read.ravel(), np.broadcast_to(when, read.shape).ravel()
        found.append(_Read((one.pool, operand), one.node, read[read >= 0], when[read >= 0]))
    return found


def _taken(schedule: Schedule, one: Round, elements: _Elements) -> list[_Read]:
    """What the first of several circuits reads, all of it until the last invocation."""
    node, found = schedule.program.nodes[one.node], []
    native = isinstance(node, Contract | Reduce) and node.populations()
    operands = list(enumerate(node.operands[:2]))
    for operand, value in operands[one.first : one.first + 1] if native else operands:
        names = elements.of.get(value.number)
        if names is None:
            continue
        if native or isinstance(node, Reduce):
            read = names.ravel()
        else:
            read = _rows(names, node.result.shape, operand, np.arange(one.first, one.first + one.count)).ravel()
        read = read[read >= 0]
        found.append(_Read((one.pool, operand), one.node, read, np.full(len(read), schedule.last_issue(one))))
    return found


def _rows(names: Steps, result: tuple[int, ...], operand: int, element: Steps) -> Steps:
    """The rows of an operand of a contraction that some elements of the result need, each once."""
    shape = (*result[:-2], result[-2] if operand == 0 else result[-1], names.shape[-1])
    last = result[-1]
    row = element // last if operand == 0 else element // (last * result[-2]) * last + element % last
    return np.asarray(np.broadcast_to(names, shape).reshape(-1, names.shape[-1])[np.unique(row)])


def _streams(elements: _Elements, reads: list[_Read]) -> tuple[Steps, dict[Place, set[int]]]:
    """(streams that read each home at a time, homes that each operand reads from registers; -1 for results at once)."""
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    ways: dict[Place, set[int]] = {}
    for read in reads:
        if not len(read.elements):
            continue
        waits = read.when > elements.born[read.elements]
        sources = ways.setdefault(read.place, set())
        if not waits.all():
            sources.add(-1)
        home = elements.home[read.elements[waits]]
        sources |= set(np.unique(home).tolist())
        for one in np.unique(home).tolist():
            when = read.when[waits][home == one]
            low, high = spans.get((one, read.node), (int(when.min()), int(when.max())))
            spans[one, read.node] = min(low, int(when.min())), max(high, int(when.max()))
    ports = np.ones(int(elements.home.max(initial=-1)) + 1, np.int64)
    for one in range(len(ports)):
        mine = [span for (home, _), span in spans.items() if home == one]
        ports[one] = max((sum(first <= at <= last for first, last in mine) for at, _ in mine), default=1)
    return ports, ways


def _products(schedule: Schedule) -> list[tuple[Steps, Steps, Steps]]:
    """Products that wait for their addition: as many turns of a tile as fit into the wait."""
    found = []
    makers = {(one.node, one.first): one for one in schedule.rounds if one.role == "multiply"}
    for one in schedule.rounds:
        if one.role == "add":
            maker = makers[one.node, one.first]
            there = maker.start + _latency(schedule, maker)
            found.append(_alike(there, one.start, one.count))  # the first products wait for the second ones
            wait = one.start - (there + maker.period)
            if wait > 0:
                words = one.count * min(one.turns, -(-wait // max(1, one.period)))
                found.append(_alike(maker.start, maker.start + max(1, one.turns * one.period), words))
    return found


def _alike(born: int, dies: int, words: int) -> tuple[Steps, Steps, Steps]:
    """Words that live from one step to another."""
    return np.array([born]), np.array([dies]), np.array([words])


def _peak(alive: list[tuple[Steps, Steps, Steps]]) -> int:
    """Largest sum of weights of the words alive at a step; a word lives from its birth to its death, not included."""
    when, change = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for born, dies, weight in alive:
        kept = dies > born
        when += [dies[kept], born[kept]]
        change += [-weight[kept], weight[kept]]
    steps, changes = np.concatenate(when), np.concatenate(change)
    order = np.lexsort((changes, steps))  # deaths first
    return int(np.cumsum(changes[order]).max(initial=0))
