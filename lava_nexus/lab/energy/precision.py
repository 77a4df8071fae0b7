"""Precision against energy against error: one linear layer in every choice of arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lava_nexus.energy import energy_of_tallies, load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.formats import FloatFormat, format_named
from lava_nexus.lab.configs.tables import EnergyConfig, PrecisionMap
from lava_nexus.lab.energy.rows import counting_executor
from lava_nexus.lab.figures.costs import Point, pareto_figure, pareto_front
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.programs import Program, Writer, linear

_QUICK_SIZE, _QUICK_TOKENS = 4, 8
_ROUNDED_PRODUCTS = ("sequential", "pairwise")


@dataclass(frozen=True)
class PrecisionRow:
    """One choice of arithmetic, per multiply-accumulate.

    Attributes:
        format, basis, accumulate, weights, style: the choice.
        neurons: an instance for every invocation.
        spikes, synops, updates: means of exact counts.
        nanojoules: SynOps and updates under the energy model.
        error: root mean square of the error against float64, over that of the result.
        front: whether no other choice takes less energy and errs less.
    """

    format: str
    basis: str
    accumulate: str
    weights: str
    style: str
    neurons: float
    spikes: float
    synops: float
    updates: float
    nanojoules: float
    error: float
    front: bool


def run_precision_map(config: EnergyConfig, choice: PrecisionMap, out: Path, quick: bool = False) -> dict[str, Any]:
    """Measures and writes precision.md, .csv, .json and precision.png; returns the JSON values."""
    if quick:
        choice = choice.model_copy(update={"size": _QUICK_SIZE, "tokens": _QUICK_TOKENS, "formats": choice.formats[:2]})
    rows = _with_front(list(_rows(config, choice)))
    model = load_energy_model(config.energy_model)
    title = f"A {choice.size} x {choice.size} linear layer: energy against error"
    pareto_figure([_point(row) for row in rows], title, out / "precision.png")
    lead = (
        f"One multiply-accumulate of a {choice.size} x {choice.size} linear layer, {choice.tokens} tokens from "
        f"N(0, 1), weights from N(0, 1 / {choice.size}), seed {config.seed}. Constants: {model.title}; no routing. "
        "Error: root mean square against float64 of the numbers as drawn, over that of the result."
    )
    header = tuple(field.name for field in fields(PrecisionRow))
    found = Report(
        title="Precision, energy and error",
        name="precision",
        config={**config.resolved(), "quick": quick},
        lead=[lead],
        figures=[("precision.png", "Energy against error")],
        tables=[Table("", header, [astuple(row) for row in rows], "precision.csv")],
        values={"rows": [asdict(row) for row in rows]},
    )
    return conclude(found, out)


def _rows(config: EnergyConfig, choice: PrecisionMap) -> Iterator[PrecisionRow]:
    rng = np.random.default_rng(config.seed)
    x = rng.standard_normal((choice.tokens, choice.size))
    weight = rng.standard_normal((choice.size, choice.size)) * choice.size**-0.5
    writers = list(_writers(choice))
    for writer in tqdm(writers, desc="precision", unit="choice", disable=None):
        yield _row(config, writer, x, weight)


def _writers(choice: PrecisionMap) -> Iterator[Writer]:
    """One for each combination that exists."""
    for fmt, basis, accumulate, weights, style in product(
        choice.formats, choice.bases, choice.accumulate, choice.weights, choice.styles
    ):
        if (basis != "nexus" or style == "neurons") and (weights == "operand" or accumulate in _ROUNDED_PRODUCTS):
            yield Writer(Program("linear"), format_named(fmt), basis, accumulate, weights=weights, style=style)


def _row(config: EnergyConfig, writer: Writer, x: NDArray[Any], weight: NDArray[Any]) -> PrecisionRow:
    fmt, program, executor = writer.format, writer.program, counting_executor(config)
    value = program.input("x", x.shape, fmt)
    program.outputs["y"] = linear(writer.inside("linear"), value, writer.constant(weight.astype(np.float32)))
    found = run_program(program, {"x": _patterns(x, fmt)[None]}, executor)
    energy = energy_of_tallies(found.tallies, load_energy_model(config.energy_model))
    if energy is None:
        raise NexusError(f"executor '{config.executor}' counted no spikes, so there is no energy to draw")
    y = np.asarray(fmt.from_patterns(found.outputs["y"])[0], np.float64)
    exact = x @ weight.T
    macs = x.shape[0] * weight.size
    tallies = list(found.tallies)
    return PrecisionRow(
        format=fmt.name,
        basis=writer.basis,
        accumulate=str(writer.accumulate),
        weights=writer.weights,
        style=writer.style,
        neurons=program.neurons / macs,
        spikes=sum(tally.spikes or 0 for tally in tallies) / macs,
        synops=sum(tally.synops or 0 for tally in tallies) / macs,
        updates=sum(tally.updates for tally in tallies) / macs,
        nanojoules=energy.joules / macs * 1e9,
        error=float(np.sqrt(np.mean((y - exact) ** 2) / np.mean(exact**2))),
        front=False,
    )


def _patterns(values: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    return fmt.to_patterns(values.astype(np.float32).astype(fmt.dtype))


def _with_front(rows: Sequence[PrecisionRow]) -> list[PrecisionRow]:
    front = pareto_front([(row.nanojoules, row.error) for row in rows])
    return [PrecisionRow(**{**asdict(row), "front": i in front}) for i, row in enumerate(rows)]


def _point(row: PrecisionRow) -> Point:
    how = row.accumulate + (", constant weights" if row.weights == "constant" else "")
    how += "" if row.style == "neurons" else f", least {row.style}"
    return Point(row.nanojoules * 1e-9, row.error, row.format, row.basis, how)
