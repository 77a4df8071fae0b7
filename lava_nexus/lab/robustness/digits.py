"""End to end: accuracy of the digits transformer against noise, leak and stuck neurons, with the energy it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.energy import EnergyModel, energy_of_tallies, load_energy_model
from lava_nexus.execute.executor import Tallies
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.robustness import DigitsSweep, RobustnessConfig
from lava_nexus.lab.figures.robustness import Series, accuracy_figure
from lava_nexus.lab.figures.trade_off import ModelCurve, model_figure
from lava_nexus.lab.markdown import with_prefix
from lava_nexus.lab.report import Report, Table
from lava_nexus.lab.robustness.cells import Cells
from lava_nexus.lab.robustness.measure import Condition, sweep_report
from lava_nexus.lab.runs.digits import share_right
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split
from lava_nexus.models.stages import Arithmetic
from lava_nexus.neurons import MEMORYLESS, NeuronModel, NonIdealities
from lava_nexus.programs import Program

_NOTES = (
    "Accuracy: share of images classified rightly, a NaN among the logits being no answer; ± its standard error.",
    "Logits right: share of logits whose every bit is that of the undisturbed network.",
    "sigma: noise on the membrane in unit weights, once for a neuron and step.",
    "stuck: share of neurons that never fire; every operation of every image runs on a circuit of its own.",
    "beta: leak, while operand sets stream through so many copies of every circuit, one a time step, never cleared.",
)


@dataclass(frozen=True)
class Case:
    """One run: a format under one condition."""

    format: str
    parameter: str
    value: float
    condition: Condition


def cases(sweep: DigitsSweep) -> list[Case]:
    """All runs, the cheapest formats first."""

    def listed() -> Iterator[Case]:
        for fmt in sweep.formats:
            for sigma in sweep.sigmas:
                yield Case(fmt, "sigma", sigma, Condition(MEMORYLESS, NonIdealities(noise=sigma)))
            for beta in sweep.betas if fmt in (sweep.beta_formats or sweep.formats) else ():
                model = NeuronModel(beta, sweep.reset)
                yield Case(fmt, "beta", beta, Condition(model, regime="streaming", streams=sweep.streams))
            for share in sweep.stuck if fmt in (sweep.stuck_formats or sweep.formats) else ():
                yield Case(fmt, "stuck", share, Condition(MEMORYLESS, NonIdealities(stuck_silent=share)))

    return list(listed())


def run_digits_sweep(config: RobustnessConfig, out: Path) -> Report:
    """Runs every case, keeps each on disk; figures go to `out`."""
    sweep = config.sweep
    assert isinstance(sweep, DigitsSweep)
    energy, runs = load_energy_model(config.energy_model), _Runs(config)
    todo = cases(sweep)
    of = (sweep.images, sweep.batch, config.seed, repr(energy.constants))
    cells = [(["digits", runs.digests(case.format), repr(case.condition), *of], case) for case in todo]
    found = Cells(out / "cells", config.cluster).measured(_Runs.run, runs, cells, _shown)
    records = [
        {"format": case.format, "parameter": case.parameter, "value": case.value, **values}
        for case, values in zip(todo, found, strict=True)
    ]
    lead = [f"{sweep.images} images, {sweep.basis} basis, seed {config.seed}."]
    figures, tables = _draw(config.title, sweep, records, out), _tables(records)
    return sweep_report(config, records, lead=lead, figures=figures, tables=tables, notes=_NOTES)


def _shown(case: Case) -> str:
    return f"{case.format}, {case.parameter} {case.value:g}"


@dataclass
class _Runs:
    """The digits transformer by format, written once a process.

    Attributes:
        config: of the sweep.
    """

    config: RobustnessConfig
    _last: tuple[str, Program] | None = None

    def program(self, fmt: str) -> Program:
        """The program of a format, the last one kept."""
        assert isinstance(self.config.sweep, DigitsSweep)
        if self._last is None or self._last[0] != fmt:
            tensors = load_checkpoint(WEIGHTS, DIGITS.tensors)
            self._last = fmt, digits_program(tensors, DIGITS, Arithmetic(format_named(fmt), self.config.sweep.basis))
        return self._last[1]

    def digests(self, fmt: str) -> list[str]:
        """Of all its circuits."""
        return sorted({circuit.digest for _, circuit, _ in self.program(fmt).invocations()})

    def run(self, case: Case) -> dict[str, Any]:
        """What a case shows."""
        assert isinstance(self.config.sweep, DigitsSweep)
        energy = load_energy_model(self.config.energy_model)
        return _run(self.program(case.format), case, self.config, self.config.sweep, energy)


def _run(
    program: Program, case: Case, config: RobustnessConfig, sweep: DigitsSweep, energy: EnergyModel
) -> dict[str, Any]:
    fmt = format_named(case.format)
    split = load_split()
    labels = split.test_labels[: sweep.images]
    tokens = split.test_tokens[: sweep.images]
    patterns = fmt.to_patterns(tokens.astype(fmt.dtype))
    executor = case.condition.executor(config.seed)
    parts, tallies = [], Tallies()
    for start in range(0, len(patterns), sweep.batch):
        result = run_program(program, {"tokens": patterns[start : start + sweep.batch]}, executor)
        parts.append(result.outputs["logits"][:, 0])
        tallies.merge(result.tallies)
    logits = np.concatenate(parts)
    strict = run_program(program, {"tokens": patterns}, ReferenceExecutor()).outputs["logits"][:, 0]
    report = energy_of_tallies(tallies, energy, len(labels))
    assert report is not None
    accuracy = share_right(fmt.from_patterns(logits), labels)
    count = len(labels)
    share = min(max(accuracy, 0.5 / count), 1 - 0.5 / count)
    return {
        "images": count,
        "accuracy": accuracy,
        "standard_error": float(np.sqrt(share * (1 - share) / count)),
        "undisturbed_accuracy": share_right(fmt.from_patterns(strict), labels),
        "logits_right": float((logits == strict).mean()),
        "joules_per_input": report.joules_per_input,
        "synops": (tallies.synops or 0) / count,
        "neurons": program.neurons,
    }


def _by_format(records: Sequence[dict[str, Any]], parameter: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record["parameter"] == parameter:
            found.setdefault(record["format"], []).append(record)
    return found


def _tables(records: Sequence[dict[str, Any]]) -> list[Table]:
    parts = []
    for parameter in dict.fromkeys(record["parameter"] for record in records):
        by_format = _by_format(records, parameter)
        values = list(dict.fromkeys(r["value"] for rows in by_format.values() for r in rows))
        cells = {(r["format"], r["value"]): r for rows in by_format.values() for r in rows}
        body = [[f"{v:g}", *(_cell(cells.get((fmt, v))) for fmt in by_format)] for v in values]
        parts.append(Table(f"Accuracy against {parameter}", (parameter, *by_format), body, None))
    quiet = {r["format"]: r for r in reversed(list(records))}
    body = [
        [fmt, f"{100 * r['undisturbed_accuracy']:.1f} %", r["neurons"], with_prefix(r["joules_per_input"], "J")]
        for fmt, r in reversed(quiet.items())
    ]
    header = ("format", "undisturbed accuracy", "neurons", "work an image")
    return [*parts, Table("Undisturbed", header, body, None)]


def _cell(record: dict[str, Any] | None) -> str | None:
    if record is None:
        return None
    accuracy, error = 100 * record["accuracy"], 100 * record["standard_error"]
    return f"{accuracy:.1f} ± {error:.1f} % (logits right {100 * record['logits_right']:.1f} %)"


def _draw(title: str, sweep: DigitsSweep, records: Sequence[dict[str, Any]], out: Path) -> list[tuple[str, str]]:
    drawn = []
    noisy = _by_format(records, "sigma")
    if noisy:
        curves = [
            ModelCurve(
                fmt,
                min(rows, key=lambda r: float(r["value"]))["joules_per_input"],
                [(r["value"], r["accuracy"], r["standard_error"]) for r in rows],
            )
            for fmt, rows in noisy.items()
        ]
        about = "Format, noise, energy and accuracy of the digits transformer"
        drawn.append((model_figure(curves, about, out / "format_noise_energy.png").name, about))
    for parameter, name, text in (
        ("beta", "leak.png", f"leak beta, {sweep.reset} reset, streaming"),
        ("stuck", "stuck.png", "share of neurons stuck silent"),
    ):
        by_format = _by_format(records, parameter)
        series = [
            Series(fmt, [(r["value"], r["accuracy"], r["standard_error"]) for r in rows])
            for fmt, rows in by_format.items()
        ]
        if series:
            y = "images classified rightly, %"
            panel = ("digits transformer", series)
            accuracy_figure([panel], 1, title, text, out / name, y, parameter == "stuck")
            drawn.append((name, f"Accuracy against {text}"))
    return drawn
