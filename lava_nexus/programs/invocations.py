"""A schedule written out: every invocation by itself, with the addresses of what it reads and writes.

A native layer is written out where a row of it passes from circuit to circuit without waiting: gates of all activations
in one step, the neurons between them, gates of all sums in one step. Nothing then holds what is on its way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.programs.nodes import Apply, Contract, Populate, Rearrange, Reduce, Value
from lava_nexus.programs.product import Native
from lava_nexus.programs.program import Program
from lava_nexus.programs.schedule import Round, Schedule


@dataclass(frozen=True)
class NativeRow:
    """A row of activations on its way through a native layer.

    Attributes:
        node: index of the node in the program.
        front, core, bits, back: pools of its parts.
        first: number of the first instance, of `front` and of `bits` and `back`.
        step: at which bits and lines of the activations enter the neurons between the gates.
    """

    node: int
    front: int
    core: int
    bits: int
    back: int
    first: tuple[int, int]
    step: int


@dataclass(frozen=True, eq=False)
class Operations:
    """Every invocation of a schedule by itself, in the order of time.

    Attributes:
        step, pool, instance: int64 [operations]; when and where.
        operands: int64 [operations, 3]; addresses, -1 where the circuit has fewer operands.
        result: int64 [operations]; address.
        addresses: how many there are.
        values: addresses of each value of the program, in its shape, by its number.
        rows: those of native layers, whose gates are among the operations: those of activations without a result, those
            of sums without operands.
    """

    step: NDArray[np.int64]
    pool: NDArray[np.int64]
    instance: NDArray[np.int64]
    operands: NDArray[np.int64]
    result: NDArray[np.int64]
    addresses: int
    values: dict[int, NDArray[np.int64]]
    rows: tuple[NativeRow, ...] = ()


def expand(schedule: Schedule) -> Operations:
    """The schedule written out; memory grows with the invocations.

    Raises:
        NexusError: the schedule leaves out elements of a node, has a round that does not fit its node, or sums in
            several circuits that wait for one another.
    """
    memory = _Addresses(schedule.program)
    native = _native_rows(schedule)
    rows = [np.zeros((7, 0), np.int64)]
    for one in schedule.rounds:
        if one.node not in native:
            rows += _rows(schedule, one, memory)
    for row in native.values():
        rows += _ends(schedule, row, memory)
    table = np.concatenate(rows, axis=1)
    table = table[:, np.lexsort((table[2], table[1], table[0]))]
    return Operations(
        table[0], table[1], table[2], table[3:6].T, table[6], memory.used, memory.values, tuple(native.values())
    )


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
            if isinstance(node, Apply) or node.populations():
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


def _native_rows(schedule: Schedule) -> dict[int, NativeRow]:
    """By node; each takes instances of its own.

    Raises:
        NexusError: sums in several circuits that wait between them, or are not of products with weights.
    """
    staged: dict[int, list[Round]] = {}
    for one in schedule.rounds:
        if one.role in ("take", "stage", "result"):
            staged.setdefault(one.node, []).append(one)
    taken = [0] * len(schedule.pools)
    found = {}
    for index, rounds in staged.items():
        node = schedule.program.nodes[index]
        native = isinstance(node, Contract) and isinstance(node.product, Native)
        if not native or [one.role for one in rounds] != ["take", "stage", "stage", "result"]:
            raise NexusError(
                f"layer '{getattr(node, 'layer', index)}' has sums in several circuits, of which native products with "
                "weights alone are written out"
            )
        front, core, bits, back = rounds
        after = [schedule.pools[one.pool].circuit.depth + one.start for one in rounds]
        wired = after[:3] == [one.start for one in rounds[1:]] and core.count == 1 and bits.count == back.count
        first = taken[front.pool], max(taken[bits.pool], taken[back.pool])
        taken[front.pool] = first[0] + front.count
        taken[bits.pool] = taken[back.pool] = first[1] + back.count
        if not wired or any(taken[p] > schedule.pools[p].instances for p in (front.pool, bits.pool, back.pool)):
            raise NexusError(
                f"native layer '{node.layer}' has a row that waits between its parts; one row, with an instance for "
                "each activation and each sum (strategy unrolled), does not"
            )
        found[index] = NativeRow(index, front.pool, core.pool, bits.pool, back.pool, first, core.start)
    return found


def _ends(schedule: Schedule, row: NativeRow, memory: _Addresses) -> list[NDArray[np.int64]]:
    """The gates of a row's activations, and those of its sums."""
    node = schedule.program.nodes[row.node]
    given, made = memory.values[node.operands[0].number].ravel(), memory.values[node.result.number].ravel()
    depths = [schedule.pools[p].circuit.depth for p in (row.front, row.core, row.bits)]
    takes, gives = np.full((7, given.size), -1, np.int64), np.full((7, made.size), -1, np.int64)
    takes[0], takes[1], takes[2], takes[3] = (
        row.step - depths[0],
        row.front,
        row.first[0] + np.arange(given.size),
        given,
    )
    gives[0], gives[1], gives[2] = row.step + depths[1] + depths[2], row.back, row.first[1] + np.arange(made.size)
    gives[6] = made
    return [takes, gives]
