"""Sweeps of robustness from their config, every finished cell kept; the report of those over a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lava_nexus.lab.configs.robustness import (
    BetaSweep,
    CureSweep,
    DigitsSweep,
    LavaSweep,
    NoiseSweep,
    RobustnessConfig,
)
from lava_nexus.lab.markdown import percent
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.robustness.cells import Cells
from lava_nexus.lab.robustness.cure_table import run_cures
from lava_nexus.lab.robustness.digits import run_digits_sweep
from lava_nexus.lab.robustness.drawing import draw, grouped
from lava_nexus.lab.robustness.grids import GridSweep, Row, Verdict, grid_rows, verdicts
from lava_nexus.lab.robustness.lava_beta import run_lava_sweep
from lava_nexus.lab.robustness.measure import sweep_report
from lava_nexus.lab.trial import marked, smaller

CSV_HEADER = (
    *("circuit", "basis", "model", "parameter", "value", "trials", "seeds", "accuracy", "deviation"),
    *("bit_error_rate", "bit_deviation", "theory_no_flip", "theory_masked", "harmful_flips", "expected_flips"),
    *("published_accuracy", "published_deviation", "neurons", "synops", "spikes"),
)
_NOTES = (
    "A cell is: operations whose every output bit is right, percent, mean ± standard deviation over seeds; in brackets "
    "the share of wrong output bits; after / the theory from the gates of the circuit, where there is one.",
    "Operands: N(0, 1) rounded to the format for floating-point operators, uniform bits for the others.",
    "Noise: `membrane` once for a neuron and step, `inputs` on every synapse, `active` on every synapse that carries a "
    "spike; sigma in unit weights, threshold at T - 1/2.",
    "Theory: every gate from its margin and the normal tail; a circuit as the probability that no gate flips, raised "
    "to the share of single flips that make the output wrong. It breaks where flips come together: a second one can "
    "undo the first, and a circuit that is already wrong has other margins than the undisturbed one.",
    "A published cell is called inconsistent only where every model is more than 3 standard deviations away; those are "
    "the printed deviation and the standard error of the measurement together, after half of the last printed digit.",
)


def run_grid(config: RobustnessConfig, out: Path) -> Report:
    """Measures every cell of a sweep over a grid; figures go to `out`."""
    sweep = config.sweep
    assert isinstance(sweep, GridSweep)
    rows = grid_rows(sweep, config, Cells(out / "cells", config.cluster))
    judged = verdicts(rows, sweep)
    return sweep_report(
        config,
        [_record(row) for row in rows],
        lead=[f"{config.trials:,} operations a cell, {config.seeds} seeds.", *_findings(config, rows, judged)],
        figures=draw(config, rows, out),
        tables=[*([_verdict_table(judged)] if judged else []), *_tables(rows)],
        notes=_NOTES,
        values={"published": [_verdict_record(v) for v in judged]},
    )


def _record(row: Row) -> dict[str, Any]:
    entry, found, theory, printed = row.entry, row.measured, row.predicted, row.printed
    values = (
        *(entry.name, entry.basis, entry.model, entry.parameter, entry.value, found.trials, found.seeds),
        *(found.accuracy, found.deviation, found.bit_error_rate, found.bit_deviation),
        *((theory.no_flip, theory.masked, theory.harmful, theory.flips) if theory else (None,) * 4),
        *((printed.accuracy, printed.deviation) if printed else (None, None)),
        *(entry.circuit.neurons, found.synops, found.spikes),
    )
    return dict(zip(CSV_HEADER, values, strict=True))


def _verdict_record(v: Verdict) -> dict[str, Any]:
    models = {m: {**asdict(found), "standard_deviations_away": v.distances[m]} for m, found in v.by_model.items()}
    return {
        "circuit": v.name,
        v.parameter: v.value,
        "printed": asdict(v.printed),
        "measured": models,
        "verdict": v.text,
    }


def _verdict_table(verdicts: Sequence[Verdict]) -> Table:
    models = list(dict.fromkeys(m for v in verdicts for m in v.by_model))
    rows = []
    for v in verdicts:
        cells = [
            f"{percent(v.by_model[m].accuracy)} ± {100 * v.by_model[m].deviation:.2f} ({v.distances[m]:.1f} s.d.)"
            if m in v.by_model
            else "-"
            for m in models
        ]
        printed = f"{100 * v.printed.accuracy:g} ± {100 * v.printed.deviation:g}"
        rows.append([v.name, f"{v.value:g}", printed, *cells, v.text])
    header = ("circuit", verdicts[0].parameter, "published", *models, "verdict")
    return Table("Published beside measured", header, rows, None, printed=False)


def _tables(rows: Sequence[Row]) -> list[Table]:
    parts = []
    for (name, basis), models in grouped(rows).items():
        first = next(iter(models.values()))
        body = [[f"{row.entry.value:g}", *(_cell(models[m][i]) for m in models)] for i, row in enumerate(first)]
        title = f"{name}, {basis} basis: {first[0].entry.circuit.neurons:,} neurons"
        parts.append(Table(title, (first[0].entry.parameter, *models), body, None, printed=False))
    return parts


def _cell(row: Row) -> str:
    found = row.measured
    text = f"{percent(found.accuracy)} ± {100 * found.deviation:.2f} ({100 * found.bit_error_rate:.3g})"
    return text if row.predicted is None else f"{text} / {percent(row.predicted.masked)}"


def _findings(config: RobustnessConfig, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> list[str]:
    """What the numbers say, in sentences made from them."""
    found = []
    if verdicts:
        bad = [v for v in verdicts if v.text.startswith("inconsistent")]
        found.append(
            f"Of {len(verdicts)} published cells {len(verdicts) - len(bad)} agree with at least one model, "
            f"{len(bad)} with none."
        )
    if isinstance(config.sweep, BetaSweep):
        found += [_streaming(name, basis, models) for (name, basis), models in grouped(rows).items()]
    broken = _where_theory_breaks(rows)
    return [sentence for sentence in [*found, broken] if sentence]


def _streaming(name: str, basis: str, models: dict[str, list[Row]]) -> str:
    """How soft reset fares in a stream."""
    here, cleared = models.get("streaming, soft"), models.get("reset, soft")
    if not here or not cleared:
        return ""
    worst = min(here, key=lambda row: row.measured.accuracy)
    exact = [row.entry.value for row in here if row.measured.accuracy == 1]
    until = f"every operation is right for beta {', '.join(f'{b:g}' for b in exact)}" if exact else "no beta is exact"
    least = min(row.measured.accuracy for row in cleared)
    return (
        f"{name}, {basis} basis, soft reset: {percent(least)} % right where membranes are cleared between "
        f"operand sets; streaming {percent(worst.measured.accuracy)} % at beta {worst.entry.value:g}, {until}."
    )


def _where_theory_breaks(rows: Sequence[Row]) -> str:
    """The cell in which the prediction is farthest from the measurement."""
    judged = [row for row in rows if row.predicted is not None]
    if not judged:
        return ""
    apart = [(abs(r.predicted.masked - r.measured.accuracy), r) for r in judged if r.predicted]
    within = sum(distance <= 0.02 for distance, _ in apart)
    _, row = max(apart, key=lambda pair: pair[0])
    entry = row.entry
    assert row.predicted is not None
    return (
        f"Theory is within 2 percentage points in {within} of {len(apart)} cells; farthest off is {entry.name}, "
        f"{entry.basis} basis, {entry.model}, {entry.parameter} {entry.value:g}: predicted "
        f"{percent(row.predicted.masked)} %, measured {percent(row.measured.accuracy)} %, with "
        f"{row.predicted.flips:.3g} flips an operation."
    )


_QUICK_TRIALS, _QUICK_SEEDS, _QUICK_VALUES = 200, 2, 3
_RUNNERS: dict[type, Callable[[RobustnessConfig, Path], Report]] = {
    CureSweep: run_cures,
    DigitsSweep: run_digits_sweep,
    LavaSweep: run_lava_sweep,
}


@marked
def run_robustness(config: RobustnessConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Runs the sweep, writes report.md, report.json, cells.csv and figures to `out`; returns the values of the JSON.

    Raises:
        NexusError: something that the sweep names does not exist or does not fit.
    """
    config = smaller(config, small(config)) if quick else config
    return conclude(_RUNNERS.get(type(config.sweep), run_grid)(config, out), out)


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
