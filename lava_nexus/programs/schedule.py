"""A schedule: when each circuit invocation of a program is issued, and on which instance, as data.

Circuits are pipelines: an instance takes one operand set a time step and answers `depth` steps later. An invocation
issued at step t on a circuit of depth d has its result at step t + d; through selector and register it can be an
operand from step t + d + handover on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.programs.nodes import Apply, Contract, Populate, Rearrange, Reduce, Value
from lava_nexus.programs.program import Program

Role = Literal["apply", "fold", "multiply", "add", "take", "stage", "result"]
FINAL = ("apply", "fold", "add", "result")
"""Roles of rounds that give a node's result."""


@dataclass(frozen=True)
class Pool:
    """Instances of one circuit that share the invocations of a program."""

    circuit: Circuit | NativePart
    instances: int

    @property
    def gates(self) -> Circuit:
        """The circuit of a pool that holds no part of a native layer."""
        assert isinstance(self.circuit, Circuit)
        return self.circuit

    @property
    def interval(self) -> int:
        """Steps from one operand set of an instance to the next: more than 1 where neurons keep states."""
        return self.circuit.network.window if isinstance(self.circuit, NativePart) else 1

    @property
    def own(self) -> bool:
        """Whether each node has instances of its own: its weights are synapses, or what it holds stands in neurons."""
        return isinstance(self.circuit, NativePart) and not isinstance(self.circuit.network, PopulationNetwork)

    @property
    def lanes(self) -> int:
        """Instances that the elements of a round are dealt to."""
        return 1 if self.own else self.instances


@dataclass(frozen=True)
class Round:
    """Invocations at a regular pace: those of turn j, element i start at step start + j * period + i // instances.

    Attributes:
        node: index of the node in the program.
        pool: index of the pool in the schedule.
        role: `apply`; `fold` of a Reduce (turn j folds in element j + 1); of a Contract `multiply` (turn j makes the
            products of index j) or `add` (turn j adds the product of index j + 1). Of sums in several circuits, one
            behind the other, `take` (reads operands), `stage`s and `result`; elements are then those of the stage, and
            `first` of a native sum's `take` is the number of the operand.
        first, count: elements first .. first + count of the node's result, in order; element i on instance
            i % instances.
        start: first time step.
        turns, period: how often, and after how many steps again.
    """

    node: int
    pool: int
    role: Role
    first: int
    count: int
    start: int
    turns: int = 1
    period: int = 0


@dataclass(frozen=True)
class Schedule:
    """A program on shared instances.

    Attributes:
        program: what is computed.
        pools: instances of each circuit.
        rounds: all invocations.
        handover: steps from a result to its use as an operand: operand selector and register.
    """

    program: Program
    pools: tuple[Pool, ...]
    rounds: tuple[Round, ...]
    handover: int

    def width(self, one: Round) -> int:
        """Consecutive steps that one turn of a round takes."""
        pool = self.pools[one.pool]
        return -(-one.count // pool.lanes) * pool.interval

    @property
    def staged(self) -> bool:
        """Whether sums pass through several circuits, so that the operations are not written out one by one."""
        return any(one.role == "take" for one in self.rounds)

    def last_issue(self, one: Round) -> int:
        """Step of a round's last invocation."""
        return one.start + (one.turns - 1) * one.period + self.width(one) - self.pools[one.pool].interval

    @property
    def steps(self) -> int:
        """Time steps of a token, from the first operands' entry to the last result, both included."""
        return 1 + max((self.last_issue(one) + self.pools[one.pool].circuit.depth for one in self.rounds), default=-1)

    @property
    def invocations(self) -> int:
        """Operand sets of all rounds."""
        return sum(one.count * one.turns for one in self.rounds)


@dataclass(frozen=True, eq=False)
class Operations:
    """Every invocation of a schedule by itself, in the order of time.

    Attributes:
        step, pool, instance: int64 [operations]; when and where.
        operands: int64 [operations, 3]; addresses, -1 where the circuit has fewer operands.
        result: int64 [operations]; address.
        addresses: how many there are.
        values: addresses of each value of the program, in its shape, by its number.
    """

    step: NDArray[np.int64]
    pool: NDArray[np.int64]
    instance: NDArray[np.int64]
    operands: NDArray[np.int64]
    result: NDArray[np.int64]
    addresses: int
    values: dict[int, NDArray[np.int64]]


def expand(schedule: Schedule) -> Operations:
    """The schedule written out; memory grows with the invocations.

    Raises:
        NexusError: the schedule leaves out elements of a node, or has a round that does not fit its node.
    """
    if schedule.staged:
        name = schedule.program.name
        raise NexusError(f"schedule of program '{name}' has exact or native sums, which are not written out")
    memory = _Addresses(schedule.program)
    rows = [np.zeros((7, 0), np.int64)]
    for one in schedule.rounds:
        rows += _rows(schedule, one, memory)
    table = np.concatenate(rows, axis=1)
    table = table[:, np.lexsort((table[2], table[1], table[0]))]
    return Operations(table[0], table[1], table[2], table[3:6].T, table[6], memory.used, memory.values)


class _Addresses:
    """Where each element of each value, and each partial result, is kept."""

    def __init__(self, program: Program) -> None:
        self.used = 0
        self.values: dict[int, NDArray[np.int64]] = {}
        self.products: dict[int, NDArray[np.int64]] = {}
        self.totals: dict[int, NDArray[np.int64]] = {}
        for value in [*program.inputs.values(), *_constants(program)]:
            self.values[value.number] = self.new(value.shape)
        for index, node in enumerate(program.nodes):
            known = [self.values[v.number] for v in node.operands]
            if isinstance(node, Populate):
                raise NexusError(f"layer '{node.layer}' is made of LIF populations, schedules know circuits only")
            if isinstance(node, Rearrange):
                self.values[node.result.number] = node.arranged(known)
                continue
            if isinstance(node, Reduce) and node.length == 1:
                self.values[node.result.number] = known[0].reshape(node.result.shape)
                continue
            final = self.new(node.result.shape)
            self.values[node.result.number] = final
            if isinstance(node, Apply):
                continue
            turns = node.length - 1
            if isinstance(node, Contract):
                self.products[index] = self.new((final.size, node.length)) if turns else final.reshape(-1, 1)
            inner = self.new((final.size, max(0, turns - 1)))
            self.totals[index] = np.concatenate([inner, final.reshape(-1, 1)], axis=1)[:, :turns]

    def new(self, shape: tuple[int, ...]) -> NDArray[np.int64]:
        count = int(np.prod(shape, dtype=np.int64))
        self.used += count
        return np.arange(self.used - count, self.used).reshape(shape)


def _constants(program: Program) -> Iterator[Value]:
    held = {value.number: value for node in program.nodes for value in node.operands}
    return (held[number] for number in program.constants if number in held)


def _rows(schedule: Schedule, one: Round, memory: _Addresses) -> list[NDArray[np.int64]]:
    """One array [step, pool, instance, three operands, result] a turn."""
    node, instances = schedule.program.nodes[one.node], schedule.pools[one.pool].instances
    element = np.arange(one.first, one.first + one.count)
    if (
        isinstance(node, Rearrange | Populate)
        or one.first < 0
        or one.first + one.count > int(np.prod(node.result.shape))
    ):
        raise NexusError(f"schedule has a round of elements {one.first} .. {one.first + one.count} of node {one.node}")
    rows = []
    for turn in range(one.turns):
        operands = _operands(node, one, turn, element, memory)
        result = _result(node, one, turn, element, memory)
        table = np.full((7, one.count), -1, np.int64)
        table[0] = one.start + turn * one.period + np.arange(one.count) // instances
        table[1], table[2], table[6] = one.pool, np.arange(one.count) % instances, result
        table[3 : 3 + len(operands)] = operands
        rows.append(table)
    return rows


def _operands(
    node: Apply | Reduce | Contract, one: Round, turn: int, element: NDArray[np.int64], memory: _Addresses
) -> list[NDArray[np.int64]]:
    known = [memory.values[v.number] for v in node.operands]
    if isinstance(node, Apply):
        return [np.broadcast_to(v, node.result.shape).ravel()[element] for v in known]
    if isinstance(node, Reduce):
        terms = known[0].reshape(-1, node.length)
        total = terms[element, 0] if turn == 0 else memory.totals[one.node][element, turn - 1]
        return [total, terms[element, turn + 1]]
    if one.role == "multiply":
        left, right = known[0][..., :, None, turn], known[1][..., None, :, turn]
        return [np.broadcast_to(v, node.result.shape).ravel()[element] for v in (left, right)]
    products = memory.products[one.node]
    total = products[element, 0] if turn == 0 else memory.totals[one.node][element, turn - 1]
    return [total, products[element, turn + 1]]


def _result(
    node: Apply | Reduce | Contract, one: Round, turn: int, element: NDArray[np.int64], memory: _Addresses
) -> NDArray[np.int64]:
    if isinstance(node, Apply):
        return np.asarray(memory.values[node.result.number].ravel()[element])
    if one.role == "multiply":
        return np.asarray(memory.products[one.node][element, turn])
    return np.asarray(memory.totals[one.node][element, turn])
