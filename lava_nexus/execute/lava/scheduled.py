"""A scheduled program on Lava: a Process a pool, whose lanes are the instances, and a sequencer around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS, Tallies, Tally
from lava_nexus.execute.interpret import check_feeds
from lava_nexus.execute.lava.processes.host import NEVER, Sequencer
from lava_nexus.execute.lava.processes.network import Network
from lava_nexus.execute.lava.session import Session
from lava_nexus.execute.lava.waves import READ_OUT_STEPS, Level
from lava_nexus.programs.schedule import Operations, Schedule, expand

_MOST_OPERATIONS = 200_000


@dataclass(frozen=True)
class ScheduledResult:
    """What a scheduled run gave.

    Attributes:
        outputs: patterns by output name, batch first.
        predicted: time steps of one element of the batch, as the schedule has them.
        taken: for each element the steps up to the last result's arrival, the first one included.
        tallies: counts of each circuit.
        level: what evaluated the neurons of the circuits; registers and selectors are the sequencer's own.
    """

    outputs: dict[str, NDArray[Any]]
    predicted: int
    taken: tuple[int, ...]
    tallies: Tallies
    level: str


def run_scheduled(
    schedule: Schedule, feeds: Mapping[str, NDArray[Any]], level: Level = "vectorised", timeout: float = 600.0
) -> ScheduledResult:
    """Runs a schedule on patterns of shape (batch, *input shape), one element after the other.

    Raises:
        NexusError: an input is missing or has another shape, the schedule is too long, or a result comes late.
    """
    program = schedule.program
    check_feeds(program, feeds)
    if schedule.invocations > _MOST_OPERATIONS:
        raise NexusError(
            f"program '{program.name}' has {schedule.invocations} operations, above the {_MOST_OPERATIONS} of a "
            "scheduled run on Lava's simulator"
        )
    if READ_OUT_STEPS[level]:
        raise NexusError(f"schedules run on Lava's level 'vectorised', not '{level}'")
    operations = expand(schedule)
    sequencer = Sequencer(schedule, operations)
    networks = [Network(pool.circuit.network, pool.instances) for pool in schedule.pools]
    for i, network in enumerate(networks):
        getattr(sequencer, f"v{i}_out").connect(network.a_in)
        network.s_out.connect(getattr(sequencer, f"v{i}_in"))
    sets = len(next(iter(feeds.values()))) if feeds else 1
    outputs: dict[str, list[NDArray[Any]]] = {name: [] for name in program.outputs}
    taken = []
    with Session(sequencer, level, timeout) as session:
        for one in range(sets):
            _load(schedule, operations, sequencer, {name: patterns[one] for name, patterns in feeds.items()})
            session.run(schedule.steps)
            arrived = sequencer.there[operations.result]
            if (arrived == NEVER).any():
                raise NexusError(f"results of program '{program.name}' are missing after {schedule.steps} steps")
            taken.append(int(arrived.max(initial=-1)) + 1)
            for name, value in program.outputs.items():
                held = sequencer.memory[operations.values[value.number]]
                outputs[name].append(held.astype(value.format.pattern_dtype))
    tallies = Tallies()
    for i, (pool, network) in enumerate(zip(schedule.pools, networks, strict=True)):
        tallies.add(Tally(pool.circuit, sets * int((operations.pool == i).sum()), network.spike_counts))
    stacked = {name: np.stack(parts) for name, parts in outputs.items()}
    return ScheduledResult(stacked, schedule.steps, tuple(taken), tallies, LEVELS[level])


def _load(schedule: Schedule, operations: Operations, sequencer: Sequencer, feeds: Mapping[str, NDArray[Any]]) -> None:
    """Inputs and constants are there before the first step, nothing else is."""
    program = schedule.program
    sequencer.there[:] = NEVER
    held = {program.inputs[name].number: patterns for name, patterns in feeds.items()} | program.constants
    for number, patterns in held.items():
        if number in operations.values:
            sequencer.memory[operations.values[number]] = patterns
            sequencer.there[operations.values[number]] = -schedule.handover
