"""`run_robustness`: one sweep from its config, every finished cell kept, a report at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lava_nexus.lab.configs.robustness import (
    BetaSweep,
    CureSweep,
    DigitsSweep,
    FaultSweep,
    LavaSweep,
    NoiseSweep,
    RobustnessConfig,
    SpreadSweep,
)
from lava_nexus.lab.robustness.grids import Entry, GridSweep, entries
from lava_nexus.lab.robustness.measure import Cells, Measured
from lava_nexus.lab.robustness.published import Printed, deviations, published, verdict
from lava_nexus.lab.robustness.theory import Prediction, exhaustive, predict
from lava_nexus.neurons import MEMORYLESS

_QUICK_TRIALS, _QUICK_SEEDS, _QUICK_VALUES = 200, 2, 3


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
    measured: Measured
    predicted: Prediction | None
    printed: Printed | None


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
    printed: Printed
    by_model: dict[str, Measured]
    text: str

    @property
    def distances(self) -> dict[str, float]:
        """Standard deviations of each model from the published cell."""
        return {model: deviations(self.printed, found) for model, found in self.by_model.items()}


def run_robustness(config: RobustnessConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Runs the sweep, writes report.md, report.json, cells.csv and figures to `out`; returns the values of the JSON.

    Raises:
        NexusError: something that the sweep names does not exist or does not fit.
    """
    from lava_nexus.lab.robustness.cure_table import run_cures
    from lava_nexus.lab.robustness.digits import run_digits_sweep
    from lava_nexus.lab.robustness.lava_beta import run_lava_sweep

    config = small(config) if quick else config
    runners: dict[type, Callable[[RobustnessConfig, Path], dict[str, Any]]] = {
        CureSweep: run_cures,
        DigitsSweep: run_digits_sweep,
        LavaSweep: run_lava_sweep,
    }
    return runners.get(type(config.sweep), _run_grid)(config, out)


def small(config: RobustnessConfig) -> RobustnessConfig:
    """The same path in seconds: few trials and values, the smallest formats."""
    sweep = config.sweep
    update: dict[str, Any] = {}
    for name in ("betas", "sigmas", "deltas", "rates", "stuck"):
        values: Sequence[float] = getattr(sweep, name, ())
        if len(values) > _QUICK_VALUES:
            update[name] = (values[0], values[len(values) // 2], values[-1])
    formats = getattr(sweep, "formats", ())
    if formats:
        update["formats"] = formats[:1] if isinstance(sweep, DigitsSweep) else formats[:2]
        if isinstance(sweep, DigitsSweep):
            update |= {"images": 1, "beta_formats": None, "stuck_formats": None}
            update |= {"sigmas": sweep.sigmas[:2], "betas": sweep.betas[:1], "stuck": sweep.stuck[:1]}
    if isinstance(sweep, NoiseSweep):
        update |= {"theory_sets": min(sweep.theory_sets, 64), "injections": 200}
    if isinstance(sweep, LavaSweep):
        update |= {"logic": sweep.logic[:2], "sets": min(sweep.sets, 40)}
        update["betas"] = update.get("betas", sweep.betas)[:2]
    trials, seeds = min(config.trials, _QUICK_TRIALS), min(config.seeds, _QUICK_SEEDS)
    return config.model_copy(
        update={"sweep": sweep.model_copy(update=update), "trials": trials, "seeds": min(seeds, trials)}
    )


def _run_grid(config: RobustnessConfig, out: Path) -> dict[str, Any]:
    from lava_nexus.lab.robustness.report import write_grid

    sweep = config.sweep
    assert isinstance(sweep, BetaSweep | NoiseSweep | SpreadSweep | FaultSweep)
    rows = grid_rows(sweep, config, Cells(out / "cells"))
    return write_grid(config, rows, verdicts(rows, sweep), out)


def grid_rows(sweep: GridSweep, config: RobustnessConfig, cells: Cells) -> list[Row]:
    """Measures every cell, with a bar; those on disk are taken from there."""
    printed = published(sweep.table) if sweep.table else {}
    todo = entries(sweep)
    for name, basis in {(entry.name, entry.basis): None for entry in todo}:
        next(e for e in todo if (e.name, e.basis) == (name, basis)).circuit  # noqa: B018 - a mistake is told now
    rows = []
    with tqdm(todo, unit=" cells", mininterval=0.5, leave=False) as bar:
        for entry in bar:
            bar.set_postfix_str(f"{entry.name}, {entry.basis}, {entry.model}, {entry.value:g}", refresh=False)
            found = cells.measure(entry.circuit, entry.condition, config.trials, config.seeds, config.seed)
            theory = _theory(sweep, entry, config, cells)
            rows.append(Row(entry, found, theory, printed.get((entry.name, entry.value))))
    return rows


def _theory(sweep: GridSweep, entry: Entry, config: RobustnessConfig, cells: Cells) -> Prediction | None:
    condition = entry.condition
    sets, injections = (
        (sweep.theory_sets, sweep.injections)
        if isinstance(sweep, NoiseSweep)
        else (256 * (entry.parameter != "beta"), 1000)
    )
    if not sets:
        return None
    model = condition.model if condition.model.memoryless else MEMORYLESS
    parts = [
        "theory, all operands" if exhaustive(entry.circuit) else "theory",
        entry.circuit.digest,
        repr(condition),
        sets,
        injections,
        config.seed,
    ]
    found = cells.keep(
        parts,
        lambda: asdict(predict(entry.circuit, model, condition.nonidealities, sets, config.seed, injections)),
    )
    return Prediction(**found)


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
