"""Checks schedules from scratch: nothing here is shared with what makes them.

Operations are written out one by one, each is looked at by itself, and the whole is computed in the order of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.layers.schedule import Operations, Schedule, expand

MOST_OPERATIONS = 5_000_000


def check_schedule(schedule: Schedule) -> None:
    """Raises NexusError where operands come too late, an instance is asked twice, or an invocation is left out."""
    found = schedule_faults(schedule)
    if found:
        raise NexusError(f"schedule of program '{schedule.program.name}': {found[0]}")


def schedule_faults(schedule: Schedule, operations: Operations | None = None) -> list[str]:
    """What is wrong, a sentence each; empty where nothing is.

    Raises:
        NexusError: more operations than can be written out.
    """
    if schedule.invocations > MOST_OPERATIONS:
        raise NexusError(
            f"schedule of {schedule.invocations} operations is above the {MOST_OPERATIONS} that are checked"
        )
    found = expand(schedule) if operations is None else operations
    return [*_clashes(schedule, found), *_missing(schedule, found), *_late(schedule, found)]


def _clashes(schedule: Schedule, found: Operations) -> list[str]:
    faults = []
    most = np.array([pool.instances for pool in schedule.pools])
    if (found.instance >= most[found.pool]).any() or (found.instance < 0).any() or (found.step < 0).any():
        faults.append("an operation is on an instance or at a step that does not exist")
    rows = np.stack([found.pool, found.instance, found.step])
    rows = rows[:, np.lexsort(rows)]
    twice = np.flatnonzero((rows[:, 1:] == rows[:, :-1]).all(axis=0))
    if len(twice):
        pool, instance, step = rows[:, twice[0]].tolist()
        faults.append(f"instance {instance} of pool {pool} is given two operand sets at step {step}")
    return faults


def _missing(schedule: Schedule, found: Operations) -> list[str]:
    wanted: Counter[str] = Counter()
    for _, circuit, count in schedule.program.invocations():
        wanted[circuit.digest] += count
    held = Counter({pool.circuit.digest: int((found.pool == i).sum()) for i, pool in enumerate(schedule.pools)})
    faults = [
        f"'{pool.circuit.label}' is invoked {held[pool.circuit.digest]} times, not {wanted[pool.circuit.digest]}"
        for pool in schedule.pools
        if held[pool.circuit.digest] != wanted[pool.circuit.digest]
    ]
    if len(np.unique(found.result)) != len(found.result):
        faults.append("two operations write one result")
    return faults


def _late(schedule: Schedule, found: Operations) -> list[str]:
    """Operands that are read before they are there, or that nobody writes."""
    never = np.iinfo(np.int64).max // 2
    there = np.full(found.addresses, never)
    for value in schedule.program.inputs.values():
        there[found.values[value.number]] = 0
    for number in schedule.program.constants:
        if number in found.values:
            there[found.values[number]] = 0
    depth = np.array([pool.circuit.depth for pool in schedule.pools])
    there[found.result] = found.step + depth[found.pool] + schedule.handover
    used = found.operands >= 0
    late = (np.where(used, there[found.operands], 0) > found.step[:, None]).any(axis=1)
    if not late.any():
        return []
    first = int(np.flatnonzero(late)[0])
    circuit = schedule.pools[int(found.pool[first])].circuit
    return [f"an operand of '{circuit.label}' at step {int(found.step[first])} is not there yet"]


def evaluate(schedule: Schedule, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The program's outputs for one element of the batch, computed step by step as scheduled, by golden functions.

    Args:
        schedule: what to run.
        feeds: patterns by input name, [1, *shape].
    """
    found, program = expand(schedule), schedule.program
    memory = np.zeros(found.addresses, np.uint64)
    for name, value in program.inputs.items():
        memory[found.values[value.number]] = feeds[name][0]
    for number, patterns in program.constants.items():
        if number in found.values:
            memory[found.values[number]] = patterns
    bounds = np.flatnonzero(np.diff(found.step * len(schedule.pools) + found.pool, prepend=-1)).tolist()
    for begin, end in zip(bounds, [*bounds[1:], len(found.step)], strict=True):
        circuit = schedule.pools[int(found.pool[begin])].circuit
        ports = enumerate(circuit.inputs)
        operands = [memory[found.operands[begin:end, i]].astype(port.pattern_dtype) for i, port in ports]
        memory[found.result[begin:end]] = circuit.golden(*operands)
    return {
        name: memory[found.values[v.number]].astype(v.format.pattern_dtype)[None] for name, v in program.outputs.items()
    }
