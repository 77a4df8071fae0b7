"""Rows of the energy table: what each subject costs, counted in a run on random operands, beside what is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip import Placement
from lava_nexus.circuits import Circuit, circuit
from lava_nexus.energy import EnergyModel, EnergyReport, energy_of, load_energy_model
from lava_nexus.energy.report import WORK
from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.execute.tallies import Tallies
from lava_nexus.formats import FloatFormat, format_named
from lava_nexus.lab.configs.tables import EnergyConfig, EnergyTable
from lava_nexus.lab.energy.subjects import (
    GATES,
    NO_NEURONS,
    OPERATIONS,
    PER_ELEMENT,
    SMALL,
    Sizes,
    build_program,
    random_feeds,
)
from lava_nexus.lab.published import PublishedEnergyRow, published
from lava_nexus.lab.robustness.circuits import logic_circuit
from lava_nexus.lab.spread import spread
from lava_nexus.lab.trial import unless_quick
from lava_nexus.programs import Program, Writer
from lava_nexus.programs.order import Accumulate

POSITIVE = frozenset({"sqrt", "rsqrt", "log"})
"""Operations whose operands are |N(0, 1)|."""

_QUICK = ("and", "full_adder", "add", "mul", "linear_64", "embedding", "scores")


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
class SubjectCounts:
    """Exact counts of a run of one subject, and what they are divided by to give one unit of its row.

    Attributes:
        neurons: with an instance for every invocation of one operand set.
        tallies: of the whole run.
        sets: operand sets run.
        units: units of the row in one operand set (elements of a norm; 1 otherwise).
        placement: on which cores it ran; None without.
    """

    neurons: int
    tallies: Tallies
    sets: int
    units: int = 1
    placement: Placement | None = None

    def per_unit(self, count: float | None) -> float:
        """A count of the run for one unit of the row; what was not counted is 0."""
        return (count or 0) / (self.sets * self.units)

    def energy(self, model: EnergyModel) -> EnergyReport:
        """Energy of the run; one unit of the row is an input."""
        return energy_of(self.tallies, model, placement=self.placement, inputs=self.sets * self.units)


def measure(
    subject: str,
    choices: Choices,
    executor: Executor,
    sets: int,
    sizes: Sizes,
    seed: int,
    placement: Path | None = None,
) -> SubjectCounts:
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
        basis = choices.basis
        made = logic_circuit(subject, basis) if subject in GATES else circuit(subject, choices.format, basis=basis)
        placed = Placement.load(placement) if placement else None
        made = placed.as_placed(made) if placed else made
        executor.invoke(made, _operands(made, subject, sets, seed))
        return SubjectCounts(made.neurons, executor.tallies, sets, placement=placed)
    if placement:
        raise NexusError(f"row '{subject}' takes no placement: those in files are of single circuits")
    writer = Writer(Program(subject), choices.format, choices.basis, choices.accumulate)
    program = build_program(subject, writer, sizes, seed)
    found = run_program(program, random_feeds(program, sets, seed), executor)
    return SubjectCounts(program.neurons, found.tallies, sets, sizes.width if subject in PER_ELEMENT else 1)


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


@dataclass(frozen=True)
class EnergyRow:
    """One row, one unit of it: an operation, an element or a token.

    Attributes:
        subject: name in configs.
        published: as printed; None where the row is not in the table.
        sets: operand sets run; 0 where no neuron computes.
        neurons: an instance for every invocation.
        spikes, synops: means of exact counts.
        active, idle: neuron updates; active is None where not counted.
        spikes_only_nj: spikes times the printed energy of a spike.
        shares: nanojoules by share of the energy model: those of work, and with a placement those of the machine.
        verdict: sentences; empty until the row was judged.
        messages, hops: between cores and between routers; None without a placement.
    """

    subject: str
    published: PublishedEnergyRow | None
    sets: int
    neurons: float
    spikes: float
    synops: float
    active: float | None
    idle: float
    spikes_only_nj: float
    shares: Mapping[str, float]
    verdict: str = ""
    messages: float | None = None
    hops: float | None = None

    @property
    def name(self) -> str:
        """As the published table calls it, where it is in there."""
        return self.published.component if self.published else self.subject

    @property
    def work_nj(self) -> float:
        """SynOps, active updates and what a model charges for a spike by itself."""
        return sum(self.shares[name] for name in WORK)

    @property
    def machine_nj(self) -> float | None:
        """All shares of what is placed; None without a placement."""
        return sum(self.shares.values()) if len(self.shares) > len(WORK) else None


def energy_rows(config: EnergyConfig, table: EnergyTable, quick: bool = False) -> list[EnergyRow]:
    """The rows in the order of the config."""
    names = [name for name in table.subjects if name in _QUICK] or table.subjects[:1] if quick else table.subjects
    return spread(config.cluster, _energy_row, (config, table, quick), names, "energy", "rows")


def _energy_row(given: tuple[EnergyConfig, EnergyTable, bool], name: str) -> EnergyRow:
    config, table, quick = given
    printed = _printed(name)
    if name in NO_NEURONS:
        return EnergyRow(name, printed, 0, 0, 0, 0, 0, 0, 0.0, _NOTHING)
    sets, sizes = min(64, table.operand_sets) if quick else table.operand_sets, SMALL if quick else Sizes()
    if printed and printed.macs and not quick:
        sets = min(sets, max(1, table.macs_at_most // printed.macs))
    choices = Choices(format_named(table.format), table.basis, table.accumulate)
    executor = counting_executor(config)
    found = measure(name, choices, executor, sets, sizes, config.seed, table.placements.get(name))
    return _row(name, found, load_energy_model(config.energy_model))


_NOTHING = dict.fromkeys(WORK, 0.0)


def counting_executor(config: EnergyConfig) -> Executor:
    """A fresh executor that counts spikes, and active updates where the config asks for them."""
    if config.executor == "bitsliced":
        return BitslicedExecutor(count="activity" if config.activity else True)
    return executor_named(config.executor)


def _printed(name: str) -> PublishedEnergyRow | None:
    return unless_quick(next((row for row in published("energy").rows if row.subject == name), None))


def _row(name: str, found: SubjectCounts, model: EnergyModel) -> EnergyRow:
    counts, moved = found.tallies, None
    if found.placement is not None:
        (tally,) = found.tallies
        moved = found.placement.traffic_of(tally.signal_spikes, tally.invocations)
    return EnergyRow(
        subject=name,
        published=_printed(name),
        sets=found.sets,
        neurons=found.neurons / found.units,
        spikes=found.per_unit(counts.spikes),
        synops=found.per_unit(counts.synops),
        active=None if counts.active is None else found.per_unit(counts.active),
        idle=found.per_unit(counts.updates - (counts.active or 0)),
        spikes_only_nj=found.per_unit(counts.spikes) * published("energy").spike_pj / 1000,
        shares=unit_shares(found, model),
        messages=found.per_unit(moved.messages) if moved else None,
        hops=found.per_unit(moved.hops_east_west + moved.hops_north_south) if moved else None,
    )


def unit_shares(found: SubjectCounts, model: EnergyModel) -> dict[str, float]:
    """Nanojoules by share for one unit of the row."""
    report = found.energy(model)
    nano = 1e9 / report.inputs
    return {name: joules * nano for name, joules in report.shares.items()}


def where_it_goes(rows: Sequence[EnergyRow]) -> str:
    """Shares of work that are SynOps, gates apart, in two sentences; the table above has the joules of each row."""
    shares = {row.name: row.shares["synops"] / row.work_nj for row in rows if row.work_nj}
    if not shares:
        return "Nothing was counted."
    gates = {row.name for row in rows if row.subject in GATES}
    said = []
    for what, mine in (
        ("gates", {name: share for name, share in shares.items() if name in gates}),
        ("all other rows", {name: share for name, share in shares.items() if name not in gates}),
    ):
        if mine:
            (low, least), (high, most) = (pick(mine.items(), key=lambda pair: pair[1]) for pick in (min, max))
            ends = f"{100 * least:.0f} % ({low})" + ("" if low == high else f" to {100 * most:.0f} % ({high})")
            said.append(f"Of the work of {what}, {ends} is SynOps and the rest active updates.")
    return " ".join(said)
