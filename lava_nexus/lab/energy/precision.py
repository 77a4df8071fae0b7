"""Precision against energy against error: one linear layer in every choice of arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.energy import energy_of_tallies, load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.formats import FloatFormat, format_named
from lava_nexus.lab.configs.tables import EnergyConfig, PrecisionMap
from lava_nexus.lab.energy.rows import counting_executor
from lava_nexus.lab.figures import style
from lava_nexus.lab.markdown import with_prefix
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.spread import spread
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.programs import Accumulate, Program, Writer, linear

_QUICK_SIZE, _QUICK_TOKENS = 4, 8
_ROUNDED_PRODUCTS = ("sequential", "pairwise")


@dataclass(frozen=True)
class PrecisionRow:
    """One choice of arithmetic, per multiply-accumulate.

    Attributes:
        format, basis, accumulate, weights, style: the choice.
        neurons: an instance for every invocation.
        spikes, synops, updates: means of exact counts.
        nanojoules: work under the energy model: SynOps and active updates.
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

    @property
    def way(self) -> str:
        """Order, weights and style, in words."""
        constant = ", constant weights" if self.weights == "constant" else ""
        return self.accumulate + constant + ("" if self.style == "neurons" else f", least {self.style}")


@marked
def run_precision_map(config: EnergyConfig, choice: PrecisionMap, out: Path, quick: bool = False) -> dict[str, Any]:
    """Measures and writes precision.md, .csv, .json and precision.png; returns the JSON values."""
    if quick:
        choice = choice.model_copy(update={"size": _QUICK_SIZE, "tokens": _QUICK_TOKENS, "formats": choice.formats[:2]})
    shrunk(f"a {choice.size} x {choice.size} layer, {choice.tokens} tokens, {len(choice.formats)} formats")
    rows = _with_front(_rows(config, choice))
    model = load_energy_model(config.energy_model)
    title = f"A {choice.size} x {choice.size} linear layer: energy against error"
    _draw(rows, title, out / "precision.png")
    lead = (
        f"One multiply-accumulate of a {choice.size} x {choice.size} linear layer, {choice.tokens} tokens from "
        f"N(0, 1), weights from N(0, 1 / {choice.size}), seed {config.seed}. Constants: {model.title}; no routing. "
        "Error: root mean square against float64 of the numbers as drawn, over that of the result."
    )
    records = [asdict(row) for row in rows]
    found = Report(
        title="Precision, energy and error",
        name="precision",
        config={**config.resolved(), "quick": quick},
        lead=[lead],
        figures=[("precision.png", "Energy against error")],
        tables=[Table.of("", records, "precision.csv")],
        values={"rows": records},
    )
    return conclude(found, out)


def _rows(config: EnergyConfig, choice: PrecisionMap) -> list[PrecisionRow]:
    rng = np.random.default_rng(config.seed)
    x = rng.standard_normal((choice.tokens, choice.size))
    weight = rng.standard_normal((choice.size, choice.size)) * choice.size**-0.5
    return spread(config.cluster, _row_of, (config, x, weight), _ways(choice), "precision", "choices")


def _ways(choice: PrecisionMap) -> Iterator[tuple[str, str, Accumulate, str, str]]:
    """One for each combination that exists."""
    for fmt, basis, accumulate, weights, least in product(
        choice.formats, choice.bases, choice.accumulate, choice.weights, choice.styles
    ):
        if (basis != "nexus" or least == "neurons") and (weights == "operand" or accumulate in _ROUNDED_PRODUCTS):
            yield fmt, basis, accumulate, weights, least


def _row_of(given: tuple[EnergyConfig, NDArray[Any], NDArray[Any]], way: tuple[str, str, Accumulate, Any, str]) -> Any:
    config, x, weight = given
    fmt, basis, accumulate, weights, least = way
    writer = Writer(Program("linear"), format_named(fmt), basis, accumulate, weights=weights, style=least)
    return _row(config, writer, x, weight)


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
    counts = found.tallies
    return PrecisionRow(
        format=fmt.name,
        basis=writer.basis,
        accumulate=str(writer.accumulate),
        weights=writer.weights,
        style=writer.style,
        neurons=program.neurons / macs,
        spikes=(counts.spikes or 0) / macs,
        synops=(counts.synops or 0) / macs,
        updates=counts.updates / macs,
        nanojoules=energy.joules / macs * 1e9,
        error=float(np.sqrt(np.mean((y - exact) ** 2) / np.mean(exact**2))),
        front=False,
    )


def _patterns(values: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    return fmt.to_patterns(values.astype(np.float32).astype(fmt.dtype))


def _with_front(rows: Sequence[PrecisionRow]) -> list[PrecisionRow]:
    front = pareto_front([(row.nanojoules, row.error) for row in rows])
    return [PrecisionRow(**{**asdict(row), "front": i in front}) for i, row in enumerate(rows)]


def pareto_front(pairs: Sequence[tuple[float, float]]) -> set[int]:
    """Places of the pairs that no other pair equals or undercuts in both values and undercuts in one."""
    return {
        i
        for i, (a, b) in enumerate(pairs)
        if not any(c <= a and d <= b and (c, d) != (a, b) for j, (c, d) in enumerate(pairs) if j != i)
    }


def _draw(rows: Sequence[PrecisionRow], title: str, path: Path) -> None:
    """A row a way to compute: what it takes and how far it errs, a colour a format, the second basis hollow."""
    formats, bases, ways = (
        list(dict.fromkeys(getattr(row, key) for row in rows)) for key in ("format", "basis", "way")
    )
    width, height = 11.6, 0.5 * len(ways) + 1.65
    figure = style.titled(width, height, title, x=0.02)
    panels = [figure.add_axes((x / width, 0.6 / height, 4.0 / width, 0.5 * len(ways) / height)) for x in (3.1, 7.4)]
    for row in rows:
        which = formats.index(row.format)
        y = ways.index(row.way) + 0.7 * (which - (len(formats) - 1) / 2) / len(formats)
        colour = style.colour_of(which)
        face = colour if row.basis == bases[0] else "white"
        for axes, x in zip(panels, (row.nanojoules * 1e-9, row.error), strict=True):
            if axes is panels[0] or row.basis == bases[0]:  # the error has nothing to do with the basis
                edge = style.INK if row.front else colour
                axes.plot(x, y, "o", color=colour, markersize=6, markerfacecolor=face, markeredgecolor=edge)
    for axes, label in zip(panels, ("work of a multiply-accumulate", "error against float64, relative"), strict=True):
        for line in range(0, len(ways), 2):
            axes.axhspan(line - 0.5, line + 0.5, color=style.GRID, alpha=0.45, zorder=0, linewidth=0)
        axes.set(xscale="log", xlabel=label, ylim=(len(ways) - 0.5, -0.5))
        axes.set_yticks(range(len(ways)), ways if axes is panels[0] else [""] * len(ways), size=9)
        axes.tick_params(which="minor", size=0)
        axes.margins(x=0.08)
        style.grid(axes, "x")
        style.bare(axes, "bottom")
    style.logarithmic_ticks(panels[0])
    panels[0].xaxis.set_major_formatter(lambda value, _: with_prefix(value, "J"))
    entries = [style.legend_mark(name, "o", style.colour_of(i)) for i, name in enumerate(formats)]
    entries += [style.legend_mark(f"hollow: {n} basis", "o", style.FAINT, markerfacecolor="white") for n in bases[1:]]
    entries.append(style.legend_mark("ringed dark: nothing beats it", "o", style.FAINT, markeredgecolor=style.INK))
    style.legend_row(figure, entries, 1 - 0.7 / height, fontsize=9, columnspacing=1.2)
    style.save(figure, path)
