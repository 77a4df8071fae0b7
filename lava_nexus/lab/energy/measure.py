"""A row on the cores of a chip: its placement read from a file, its messages and hops counted in the same run.

One row of ours: a circuit or a program, run on random operands and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip import Placement, Traffic
from lava_nexus.chip.mesh import traffic
from lava_nexus.circuits import Circuit, circuit
from lava_nexus.energy import EnergyModel, EnergyReport, Occupancy, Routing, energy_of
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tallies
from lava_nexus.execute.interpret import run_program
from lava_nexus.formats import FloatFormat
from lava_nexus.lab.energy.subjects import (
    GATES,
    OPERATIONS,
    PER_ELEMENT,
    Sizes,
    build_program,
    gate_circuit,
    random_feeds,
)
from lava_nexus.programs import Program, Writer
from lava_nexus.programs.order import Accumulate


@dataclass(frozen=True)
class Placed:
    """A circuit on a chip.

    Attributes:
        placement: as saved.
        circuit: what runs: the network of the placement, whose relays are those of its largest delay.
    """

    placement: Placement
    circuit: Circuit

    @classmethod
    def load(cls, path: Path, circuit: Circuit) -> Placed:
        """The circuit as it was placed.

        Raises:
            NexusError: the file holds no placement, or one of another circuit.
        """
        placement = Placement.load(path)
        if placement.label != circuit.label:
            raise NexusError(f"placement '{path}' is of '{placement.label}', not of '{circuit.label}'")
        placed = Circuit(circuit.name, circuit.basis, placement.network, circuit.golden, circuit.options)
        return cls(placement, placed)

    def traffic(self, tallies: Tallies) -> Traffic:
        """Messages and hops of a run of the circuit."""
        (tally,) = tallies
        p = self.placement
        assert tally.signal_spikes is not None
        return traffic(p.network, p.assignment, p.places, tally.signal_spikes, tally.invocations, p.chip.mesh)

    def routing(self, tallies: Tallies) -> Routing:
        """What an energy model charges of it: a message once, and each hop."""
        found = self.traffic(tallies)
        return Routing(found.messages, found.hops_east_west, found.hops_north_south)

    def occupancy(self, sets: int) -> Occupancy:
        """Chips and seconds of so many operand sets, one a time step, pipelines full."""
        return Occupancy(self.placement.chips, sets * self.placement.step_ns() * 1e-9)


POSITIVE = frozenset({"sqrt", "rsqrt", "log"})
"""Operations whose operands are |N(0, 1)|."""


@dataclass(frozen=True)
class Choices:
    """How the arithmetic of a measurement is done.

    Attributes:
        format: of every value.
        basis: cells of every circuit.
        accumulate: order of every sum.
    """

    format: FloatFormat
    basis: str = "threshold"
    accumulate: Accumulate = "sequential"


@dataclass(frozen=True)
class Measured:
    """Exact counts of a run, and what it is divided by to give one unit of the row.

    Attributes:
        subject: row.
        neurons, synapses: with an instance for every invocation of one operand set.
        depth: time steps from operands to results.
        tallies: of the whole run.
        sets: operand sets run.
        units: units of the row in one operand set (elements of a norm; 1 otherwise).
        level: what evaluated a neuron.
        placed: on which cores it ran; None without a placement.
    """

    subject: str
    neurons: int
    synapses: int
    depth: int
    tallies: Tallies
    sets: int
    units: int
    level: str
    placed: Placed | None = None

    @property
    def spikes(self) -> int:
        """Spikes of neurons over the run."""
        return sum(tally.spikes or 0 for tally in self.tallies)

    @property
    def synops(self) -> int:
        """Synaptic operations over the run."""
        return sum(tally.synops or 0 for tally in self.tallies)

    @property
    def updates(self) -> int:
        """Neuron updates over the run, streamed schedule."""
        return sum(tally.updates for tally in self.tallies)

    @property
    def active(self) -> int | None:
        """Of them those in which a neuron received a spike or fired; None where not counted."""
        counts = [tally.active for tally in self.tallies]
        return None if None in counts else sum(count for count in counts if count is not None)

    def per_unit(self, count: float) -> float:
        """A count of the run for one unit of the row."""
        return count / (self.sets * self.units)

    def energy(self, model: EnergyModel) -> EnergyReport:
        """Energy of the run; one unit of the row is an inference."""
        routing = self.placed.routing(self.tallies) if self.placed else None
        occupancy = self.placed.occupancy(self.sets) if self.placed else None
        report = energy_of(self.tallies, model, self.sets * self.units, routing, occupancy)
        assert report is not None
        return report


def measure(
    subject: str,
    choices: Choices,
    executor: Executor,
    sets: int,
    sizes: Sizes,
    seed: int,
    placement: Path | None = None,
) -> Measured:
    """Runs one row of `subjects.SUBJECTS` that has neurons.

    Args:
        subject: the row.
        choices: format, basis, order of sums.
        executor: a fresh one that counts spikes.
        sets: operand sets.
        sizes: of layers and block.
        seed: of operands and weights.
        placement: file of the circuit's placement on cores, for an operation.

    Raises:
        NexusError: a placement of something else.
    """
    if subject in GATES or subject in OPERATIONS:
        made = gate_circuit(subject, choices.basis) if subject in GATES else _operation(subject, choices)
        placed = Placed.load(placement, made) if placement else None
        made = placed.circuit if placed else made
        executor.invoke(made, _operands(made, subject, sets, seed))
        neurons, synapses, depth = made.neurons, made.synapses, made.depth
        return Measured(subject, neurons, synapses, depth, executor.tallies, sets, 1, executor.level, placed)
    if placement:
        raise NexusError(f"row '{subject}' takes no placement: those in files are of single circuits")
    writer = Writer(Program(subject), choices.format, choices.basis, choices.accumulate)
    program = build_program(subject, writer, sizes, seed)
    found = run_program(program, random_feeds(program, sets, seed), executor)
    units = sizes.width if subject in PER_ELEMENT else 1
    counts = program.neurons, program.synapses, program.depth
    return Measured(subject, *counts, found.tallies, sets, units, executor.level)


def _operation(name: str, choices: Choices) -> Circuit:
    return circuit(name, choices.format, basis=choices.basis)


def _operands(made: Circuit, name: str, sets: int, seed: int) -> list[NDArray[Any]]:
    """N(0, 1) for numbers, fair coins for plain bits."""
    rng = np.random.default_rng(seed)
    patterns = []
    for port in made.inputs:
        if isinstance(port.format, FloatFormat):
            values = rng.standard_normal(sets).astype(np.float32)
            drawn = np.abs(values) if name in POSITIVE else values
            patterns.append(port.format.to_patterns(drawn.astype(port.format.dtype)))
        else:
            patterns.append(rng.integers(0, 2, sets).astype(port.pattern_dtype))
    return patterns
