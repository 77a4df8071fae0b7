"""A scheduled program as one network of neurons: instances, registers, operand ports and the sequencer between them.

What `surroundings` counts by formula for programs of any size is built here, neuron by neuron, for a program of few
operations, so that it can be placed and run. All of it is synchronous and has no data-dependent step:

    sequencer   a chain, C(m) fires at machine step m alone; step t of the schedule is machine step t + handover
    register    q' = [q - clear + 2 set >= 1] for each bit; set = [load + d >= 2] for each instance that writes the word
    port        [q + select >= 2] for each bit of a word and each group of instances that read it in one step
    pass        [result + select >= 2] for each bit that is needed just when it is there, partial sums above all
    operand     [any port, pass or host >= 1] for each bit of each operand of an instance; its strobe likewise

`load`, `select` and the strobe are synapses from the chain. A word is given to the next value when its last reader has
read it. Weights, constants and cache are fed by the host where they are needed; inputs are put into registers first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.machine_build import Build, Used
from lava_nexus.chip.machine_native import add_row
from lava_nexus.chip.machine_neurons import arrays
from lava_nexus.chip.native import Activity
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.wired import Wired
from lava_nexus.errors import NexusError
from lava_nexus.neurons import Port
from lava_nexus.programs.invocations import Operations
from lava_nexus.programs.nodes import Rearrange
from lava_nexus.programs.schedule import Schedule

MOST_OPERATIONS, MOST_NEURONS = 5_000, 40_000
"""Operations, and neurons of the circuits without relays. Beyond that, what stands around the circuits is counted by
formula, and nothing can be run."""


@dataclass(frozen=True)
class Fed:
    """Words that the host sends: bit lines first .. first + width of the inputs, at a machine step.

    Attributes:
        step, address, first, width: int64 [words]; `address` is the word's in `Operations`.
    """

    step: NDArray[np.int64]
    address: NDArray[np.int64]
    first: NDArray[np.int64]
    width: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Machine(Wired):
    """A schedule's neurons.

    Attributes:
        schedule: what it does.
        operations: the schedule written out.
        circuits: for each pool what is invoked, as placed, how often, and the neurons of its instances.
        fed: what the host sends.
        results: int64 [results, 3]; address, machine step at which its bits spike, index in `outputs`.
        words: registers.
        steps: machine steps of a run, that of the first input included.
    """

    schedule: Schedule
    operations: Operations
    circuits: tuple[Used, ...]
    fed: Fed
    results: NDArray[np.int64]
    words: int
    steps: int

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The host's lines behind the first, which starts the sequencer as a strobe starts a circuit."""
        return (Port("host", tuple(range(1, self.n_lines))),)


def fits_machine(schedule: Schedule) -> bool:
    """Whether a schedule is built neuron by neuron: few operations, few neurons, results that circuits compute."""
    if schedule.invocations > MOST_OPERATIONS:
        return False
    neurons = sum(pool.instances * pool.circuit.neurons for pool in schedule.pools)
    made = {node.result.number for node in schedule.program.nodes if not isinstance(node, Rearrange)}
    known: set[int] = set(made)
    for node in schedule.program.nodes:
        if isinstance(node, Rearrange) and all(v.number in known for v in node.operands):
            known.add(node.result.number)
    return neurons <= MOST_NEURONS and all(v.number in known for v in schedule.program.outputs.values())


def machine(schedule: Schedule, placed: Sequence[Placement | Activity]) -> Machine:
    """The neurons of a schedule.

    Args:
        schedule: what happens when.
        placed: for each pool one instance of its circuit on cores; of a part of a native layer what it does.

    Raises:
        NexusError: more than `MOST_OPERATIONS` operations, a program that gives back its own input, sums in several
            circuits of another kind than `expand` knows.
    """
    if schedule.invocations > MOST_OPERATIONS:
        raise NexusError(
            f"program '{schedule.program.name}' has {schedule.invocations} operations, above the {MOST_OPERATIONS} "
            "that are built neuron by neuron"
        )
    build = Build(schedule, placed)
    for row in build.ops.rows:
        add_row(build, row)
    for k in range(len(build.ops.step)):
        build.operation(k)
    ports, rows = build.results()
    expected = build.finish()
    made, lines = build.neurons, build.neurons.lines
    offsets, sources, weights, delays = arrays(made)
    fed = np.array(build.fed, np.int64).reshape(-1, 4)
    return Machine(
        schedule=schedule,
        operations=build.ops,
        circuits=build.circuits(),
        n_lines=lines,
        offsets=offsets,
        sources=sources,
        weights=weights,
        delays=delays,
        thresholds=np.array(made.thresholds, np.int32),
        expected=np.concatenate([np.zeros(lines), expected]),
        rates=np.concatenate([np.zeros(lines), np.array(made.rates)]),
        piece=np.array(made.piece, np.int64),
        pieces=tuple(made.pieces),
        outputs=tuple(Port(p.name, tuple(lines + s for s in p.signals), p.format) for p in ports),
        fed=Fed(*fed.T),
        results=rows,
        words=build.held.count,
        steps=int(build.done.max(initial=-1)) + 1,
        program=np.array(made.program, np.int64),
        programs=tuple(made.programs),
    )
