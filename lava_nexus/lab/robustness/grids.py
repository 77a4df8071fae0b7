"""Sweeps over a grid: which circuit under which condition, what was measured, beside theory and published cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.robustness import BetaSweep, Circuits, FaultSweep, NoiseSweep, RobustnessConfig, SpreadSweep
from lava_nexus.lab.published import PublishedAccuracy, published
from lava_nexus.lab.robustness.cells import Cells
from lava_nexus.lab.robustness.circuits import logic_circuit
from lava_nexus.lab.robustness.measure import (
    Accuracy,
    Condition,
    Prediction,
    deviations,
    exhaustive,
    measure,
    predict,
    verdict,
)
from lava_nexus.lab.trial import unless_quick
from lava_nexus.neurons import IDEAL, MEMORYLESS, NeuronModel, NonIdealities

GridSweep = BetaSweep | NoiseSweep | SpreadSweep | FaultSweep


@dataclass(frozen=True)
class Entry:
    """One cell to measure.

    Attributes:
        name: of the circuit, `and` or `add float16`.
        basis: of the circuit.
        model: column of the table, for example the noise model.
        parameter: what the row varies.
        value: its value.
        condition: what it is measured under.
    """

    name: str
    basis: str
    model: str
    parameter: str
    value: float
    condition: Condition

    @property
    def circuit(self) -> Circuit:
        """Built, or taken from the cache."""
        operation, _, fmt = self.name.partition(" ")
        return circuit(operation, format_named(fmt), basis=self.basis) if fmt else logic_circuit(self.name, self.basis)


def names_of(circuits: Circuits) -> list[str]:
    """Names of the circuits, those of least neurons first."""
    return [*circuits.logic, *(f"{op} {fmt}" for op in circuits.operations for fmt in circuits.formats)]


def entries(sweep: GridSweep) -> list[Entry]:
    """All cells of a sweep, circuit by circuit."""
    parameter, conditions = _conditions(sweep)
    return [
        Entry(name, basis, model, parameter, value, condition)
        for name, basis in product(names_of(sweep), sweep.bases)
        for model, value, condition in conditions
    ]


def _conditions(sweep: GridSweep) -> tuple[str, list[tuple[str, float, Condition]]]:
    """(name of the parameter, (model, value, condition) of every cell of one circuit)."""
    if isinstance(sweep, BetaSweep):
        return "beta", list(_beta(sweep))
    if isinstance(sweep, NoiseSweep):
        return "sigma", list(_noise(sweep))
    if isinstance(sweep, SpreadSweep):
        return "delta", list(_spread(sweep))
    return "rate", [(fault, rate, _faulty(fault, rate)) for fault, rate in product(sweep.faults, sweep.rates)]


def _faulty(fault: str, rate: float) -> Condition:
    changed: dict[str, Any] = {fault: rate}
    return Condition(MEMORYLESS, replace(IDEAL, **changed))


def _beta(sweep: BetaSweep) -> Iterator[tuple[str, float, Condition]]:
    for regime, reset, beta in product(sweep.regimes, sweep.resets, sweep.betas):
        streams = sweep.streams if regime == "streaming" else None
        yield f"{regime}, {reset}", beta, Condition(NeuronModel(beta, reset), IDEAL, regime, streams)


def _noise(sweep: NoiseSweep) -> Iterator[tuple[str, float, Condition]]:
    for noise_on, sigma in product(sweep.noise_on, sweep.sigmas):
        yield noise_on, sigma, Condition(NeuronModel(margin=sweep.margin), NonIdealities(sigma, noise_on))


def _spread(sweep: SpreadSweep) -> Iterator[tuple[str, float, Condition]]:
    for shape, unit, fresh, delta in product(sweep.shapes, sweep.units, sweep.fresh, sweep.deltas):
        non = NonIdealities(spread=delta, spread_shape=shape, spread_unit=unit, spread_fresh=fresh)
        yield f"{shape}, of {unit}, {'fresh' if fresh else 'fixed'}", delta, Condition(MEMORYLESS, non)


@dataclass(frozen=True)
class Row:
    """One cell of the report.

    Attributes:
        entry: what was measured.
        measured: the finding.
        predicted: theory, or None.
        printed: published cell, or None.
    """

    entry: Entry
    measured: Accuracy
    predicted: Prediction | None
    printed: PublishedAccuracy | None


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one published cell.

    Attributes:
        name, parameter, value: of the cell.
        printed: as published.
        by_model: what was measured, model by model, in the published cells.
        text: `inconsistent ...`, or which models agree.
    """

    name: str
    parameter: str
    value: float
    printed: PublishedAccuracy
    by_model: dict[str, Accuracy]
    text: str

    @property
    def distances(self) -> dict[str, float]:
        """Standard deviations of each model from the published cell."""
        return {model: deviations(self.printed, found) for model, found in self.by_model.items()}


def grid_rows(sweep: GridSweep, config: RobustnessConfig, cells: Cells) -> list[Row]:
    """Measures every cell; those on disk are taken from there."""
    printed = (unless_quick(published("robustness")[sweep.table]) if sweep.table else None) or {}
    todo = entries(sweep)
    for name, basis in {(entry.name, entry.basis): None for entry in todo}:
        next(e for e in todo if (e.name, e.basis) == (name, basis)).circuit  # noqa: B018 - a mistake is told now
    of = (config.trials, config.seeds, config.seed)
    parts = [([entry.circuit.digest, repr(entry.condition), *of], entry) for entry in todo]
    found = cells.measured(_measured, of, parts, _shown)
    sets, injections = (sweep.theory_sets, sweep.injections) if isinstance(sweep, NoiseSweep) else (256, 1000)
    told = [e for e in todo if sets and (isinstance(sweep, NoiseSweep) or e.parameter != "beta")]
    of = (sets, injections, config.seed)
    parts = [([_kind(e), e.circuit.digest, repr(e.condition), *of], e) for e in told]
    theory = dict(zip(told, cells.measured(_predicted, of, parts, _shown), strict=True))
    return [
        Row(
            entry,
            Accuracy(**measured),
            Prediction(**theory[entry]) if entry in theory else None,
            printed.get((entry.name, entry.value)),
        )
        for entry, measured in zip(todo, found, strict=True)
    ]


def _shown(entry: Entry) -> str:
    return f"{entry.name}, {entry.basis}, {entry.model}, {entry.value:g}"


def _measured(of: tuple[int, int, int], entry: Entry) -> dict[str, Any]:
    return asdict(measure(entry.circuit, entry.condition, *of))


def _kind(entry: Entry) -> str:
    return "theory, all operands" if exhaustive(entry.circuit) else "theory"


def _predicted(of: tuple[int, int, int], entry: Entry) -> dict[str, Any]:
    (sets, injections, seed), condition = of, entry.condition
    model = condition.model if condition.model.memoryless else MEMORYLESS
    return asdict(predict(entry.circuit, model, condition.nonidealities, sets, seed, injections))


def verdicts(rows: list[Row], sweep: GridSweep) -> list[Verdict]:
    """Each published cell against every plausible model, in the published cells where the sweep has them.

    For a beta scan the plausible model is the one printed: soft reset, with the membrane cleared between operand sets.
    """
    basis = "nexus" if "nexus" in sweep.bases else sweep.bases[0]
    groups: dict[tuple[str, str, float], dict[tuple[str, str], Row]] = {}
    for row in rows:
        entry = row.entry
        plausible = not isinstance(sweep, BetaSweep) or entry.model == "reset, soft"
        if row.printed is not None and plausible:
            groups.setdefault((entry.name, entry.parameter, entry.value), {})[entry.basis, entry.model] = row
    found = []
    for (name, parameter, value), group in groups.items():
        by_model = {model: row.measured for (on, model), row in group.items() if on == basis}
        others = {f"{on} basis, {model}": row.measured for (on, model), row in group.items() if on != basis}
        printed = next(iter(group.values())).printed
        assert printed is not None
        found.append(Verdict(name, parameter, value, printed, by_model, verdict(printed, by_model, others)))
    return found
