"""Figures of costs: energy by share and by accounting, curves of a training, time and memory of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.lab.energy.rows import EnergyRow
from lava_nexus.lab.figures import style
from lava_nexus.lab.markdown import SHARES, with_prefix
from lava_nexus.lab.published import published

_BAR = 0.3  # inches of height
_MARKS = (
    ("printed for Loihi", "x", style.SIGN),
    ("printed spikes x 23.6 pJ", "o", style.PALETTE[1]),
    ("ours, spikes x 23.6 pJ", "D", style.PALETTE[5]),
    ("ours, work: SynOps + active updates", "o", style.PALETTE[0]),
    ("GPU as printed", "|", style.INK),
)


def share_figure(rows: Sequence[EnergyRow], title: str, path: Path) -> Path:
    """A bar of full width a row, split by share, its total beside it; returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    drawn = [(row, total) for row in rows if (total := sum(row.shares.values())) > 0]
    if not drawn:
        raise NexusError("energy cannot be drawn: every row is 0 J")
    named = [(name, style.PALETTE[i]) for i, name in enumerate(SHARES)]
    kept = [(name, colour) for name, colour in named if any(row.shares.get(name, 0.0) > 0 for row, _ in drawn)]
    height = _BAR * len(drawn) + 1.3
    figure = style.titled(9.6, height, title, size=13)
    axes = figure.add_axes((0.21, 0.15 / height, 0.66, _BAR * len(drawn) / height))
    for place, (row, total) in enumerate(drawn):
        left = 0.0
        for name, colour in kept:
            part = 100 * row.shares.get(name, 0.0) / total
            axes.barh(place, part, left=left, height=0.7, color=colour, edgecolor="white", linewidth=0.5)
            if part >= 8:
                axes.text(left + part / 2, place, f"{part:.0f} %", ha="center", va="center", size=8, color="white")
            left += part
        axes.text(101.5, place, with_prefix(total * 1e-9, "J"), va="center", size=9)
    axes.set_yticks(range(len(drawn)), [row.name for row, _ in drawn])
    axes.set_xticks([])
    axes.set_xlim(0, 100)
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    style.bare(axes)
    _legend(figure, [(SHARES[name], "s", colour) for name, colour in kept], 1 - 0.72 / height)
    return style.save(figure, path)


def accounting_figure(rows: Sequence[EnergyRow], title: str, path: Path) -> Path:
    """A line a row and a mark for each way to count, joules on a logarithmic axis; returns the path written.

    Args:
        rows: those beside published ones.
        title: over the figure.
        path: PNG file.
    """
    height = _BAR * len(rows) + 1.75
    figure = style.titled(9.6, height, title, size=13)
    axes = figure.add_axes((0.21, 0.6 / height, 0.75, _BAR * len(rows) / height))
    for place, row in enumerate(rows):
        values = _joules(row)
        shown = [value for value in values if value]
        axes.plot((min(shown), max(shown)), (place, place), color=style.GRID, linewidth=2.2, zorder=1)
        for value, (_, mark, colour) in zip(values, _MARKS, strict=True):
            if value:
                size, width = (72 if mark == "|" else 34), (1.8 if mark in "x|" else 0.5)
                axes.scatter(value, place, s=size, marker=mark, color=colour, zorder=3, linewidth=width)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: with_prefix(value, "J"))
    axes.tick_params(axis="x", which="minor", size=0)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    style.grid(axes, "x")
    style.bare(axes, "bottom")
    _legend(figure, _MARKS, 1 - 0.75 / height)
    return style.save(figure, path)


def _joules(row: EnergyRow) -> list[float]:
    """Joules of each of `_MARKS`; 0 for what is not printed."""
    table, printed = published("energy"), row.published
    assert printed is not None
    ours = (row.spikes_only_nj, row.work_nj)
    return [nano * 1e-9 for nano in (printed.loihi_nj, table.recomputed_nj(printed), *ours, printed.gpu_nj or 0.0)]


def _legend(figure: Any, entries: Sequence[tuple[str, str, str]], y: float) -> None:
    marks = [
        style.legend_mark(label, mark, colour, markersize=8, markeredgewidth=1.8 if mark in "x|" else 0)
        for label, mark, colour in entries
    ]
    style.legend_row(figure, marks, y, columnspacing=1.2, fontsize=9)


@dataclass(frozen=True)
class Curve:
    """One value a step; `wide` for the one that lies under the others."""

    name: str
    values: Sequence[float]
    wide: bool = False


def curve_figure(curves: Sequence[Curve], title: str, path: Path, label: str = "loss") -> Path:
    """Draws curves from step 1 on; the second one is dashed; returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    drawn = [curve for curve in curves if len(curve.values)]
    if not drawn:
        raise NexusError("curves cannot be drawn: there is no step")
    figure = style.titled(8.8, 5.0, title, 0.05 * 5.0, size=13)
    axes = figure.add_axes((0.08, 0.11, 0.89, 0.7))
    for i, curve in enumerate(drawn):
        steps = range(1, len(curve.values) + 1)
        axes.plot(
            steps,
            curve.values,
            "--" if i == 1 else "-",
            color=style.PALETTE[i % len(style.PALETTE)],
            label=curve.name,
            marker="o" if len(curve.values) == 1 else None,
            linewidth=6.0 if curve.wide else 1.3,
            alpha=0.35 if curve.wide else 1.0,
        )
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    style.grid(axes)
    figure.legend(loc="center left", bbox_to_anchor=(0.02, 0.875), ncols=min(3, len(drawn)), fontsize=9)
    return style.save(figure, path)


_GIGA = 1e9


@dataclass(frozen=True)
class Cost:
    """One run.

    Attributes:
        name: of the model.
        layers: that ran, one after the other.
        tokens: that passed through them.
        multiplications: of numbers, each by neurons.
        seconds: wall time.
        processor: seconds of all processors together, which does not depend on what else the machine does.
        peak: most memory that the process held, in bytes.
    """

    name: str
    layers: int
    tokens: int
    multiplications: int
    seconds: float
    processor: float
    peak: int


def cost_figure(costs: Sequence[Cost], title: str, path: Path) -> Path:
    """Processor seconds against multiplications, logarithmic, beside a line of equal rate; peak memory against layers.

    Returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    if not costs:
        raise NexusError("costs of models cannot be drawn: there is no run")
    figure = style.titled(11.5, 5.2, title, 0.05 * 5.2, x=0.012, size=13)
    left, right = figure.add_axes((0.065, 0.12, 0.42, 0.68)), figure.add_axes((0.565, 0.12, 0.42, 0.68))
    names = list(dict.fromkeys(cost.name for cost in costs))
    for i, name in enumerate(names):
        mine = sorted((cost for cost in costs if cost.name == name), key=lambda cost: cost.layers)
        look = {"color": style.PALETTE[i % len(style.PALETTE)], "marker": "os^Dv<>pP"[i % 9], "markersize": 7}
        left.plot([c.multiplications for c in mine], [c.processor for c in mine], linewidth=0.8, **look)  # type: ignore
        right.plot([c.layers for c in mine], [c.peak / _GIGA for c in mine], linewidth=0.8, label=name, **look)  # type: ignore
    rate = _typical([cost.multiplications / cost.processor for cost in costs])
    ends = [min(c.multiplications for c in costs), max(c.multiplications for c in costs)]
    left.plot(ends, [end / rate for end in ends], color=style.FAINT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    text = f"dashed: {rate / 1e6:.3g} million a processor second"
    left.text(0.03, 0.93, text, transform=left.transAxes, color=style.FAINT, va="center")
    left.set(xscale="log", yscale="log", xlabel="multiplications, millions", ylabel="processor seconds")
    _ticks(left.xaxis, ends[0], ends[1], unit=1e6)
    _ticks(left.yaxis, min(c.processor for c in costs), max(c.processor for c in costs))
    right.set(xscale="log", xlabel="layers", ylabel="peak memory, GB")
    right.set_ylim(0, 1.15 * max(c.peak for c in costs) / _GIGA)
    ticks = sorted({cost.layers for cost in costs})
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.minorticks_off()
    for axes in (left, right):
        style.grid(axes)
        style.bare(axes, "left", "bottom")
    figure.legend(loc="upper left", bbox_to_anchor=(0.012, 0.915), ncols=min(4, len(names)), fontsize=9)
    return style.save(figure, path)


def _typical(rates: Sequence[float]) -> float:
    return sorted(rates)[len(rates) // 2]


def _ticks(axis: Any, least: float, most: float, unit: float = 1.0) -> None:
    """1, 2, 5, 10, ... units in the range, as plain numbers."""
    every = [digit * 10.0**power * unit for power in range(-4, 7) for digit in (1, 2, 5)]
    shown = [tick for tick in every if least / 1.3 <= tick <= 1.3 * most]
    shown = shown if len(shown) < 8 else shown[:: len(shown) // 5]
    axis.set_ticks(shown, [f"{tick / unit:,g}" for tick in shown])
    axis.set_tick_params(which="minor", size=0)


@dataclass(frozen=True)
class NativeCost:
    """One format; energies are picojoules of work a multiply-accumulate.

    Attributes:
        format: of weights, activations and sums.
        synops: of the weights' synapses a multiply-accumulate.
        parts: native, by part.
        gates: by gates: a rounded product and a rounded sum in sequence.
        steps, gate_steps: of the layer.
        gpu: measured, by batch: the block's joules over its multiply-accumulates; of formats that were measured.
    """

    format: str
    synops: float
    parts: dict[str, float]
    gates: float
    steps: int
    gate_steps: int
    gpu: dict[int, float]

    @property
    def native(self) -> float:
        """All parts."""
        return sum(self.parts.values())


def native_figure(rows: Sequence[NativeCost], title: str, path: Path) -> Path:
    """Marks of gates, native synapses and a GPU, a line a format, on logarithmic scales of energy and of steps.

    Returns the path written.
    """
    tall = 1.5 + 0.55 * len(rows)
    figure = style.titled(11, tall, title, x=0.012, size=13)
    box = (0.55 / tall, 1 - 1.35 / tall)
    left, right = figure.add_axes((0.12, box[0], 0.5, box[1])), figure.add_axes((0.68, box[0], 0.3, box[1]))
    places = list(range(len(rows)))[::-1]
    for place, row in zip(places, rows, strict=True):
        left.plot([row.native, row.gates], [place, place], color=style.GRID, linewidth=2, zorder=0)
        left.plot(row.gates, place, "s", color=style.PALETTE[3], markersize=8)
        left.plot(row.native, place, "o", color=style.PALETTE[0], markersize=9)
        left.text(
            row.native, place + 0.22, f"{row.gates / row.native:.0f} times less", size=8, color=style.FAINT, ha="center"
        )
        for i, (_, joules) in enumerate(sorted(row.gpu.items())):
            left.plot(joules, place, "^v"[i % 2], color=style.PALETTE[2], markersize=8)
        right.plot([row.steps, row.gate_steps], [place, place], color=style.GRID, linewidth=2, zorder=0)
        right.plot(row.gate_steps, place, "s", color=style.PALETTE[3], markersize=8)
        right.plot(row.steps, place, "o", color=style.PALETTE[0], markersize=9)
    for axes, what in ((left, "pJ a multiply-accumulate"), (right, "time steps of the layer")):
        axes.set(xscale="log", xlabel=what, ylim=(-0.5, len(rows) - 0.4))
        style.bare(axes, "bottom")
        style.grid(axes, "x")
    left.set_yticks(places, [row.format for row in rows])
    right.set_yticks([])
    batches = sorted({batch for row in rows for batch in row.gpu})
    entries = [
        style.legend_mark("gates, work", "s", style.PALETTE[3]),
        style.legend_mark("native synapses, work", "o", style.PALETTE[0]),
        *(
            style.legend_mark(f"GPU, whole device, batch {n:,}", "^v"[i % 2], style.PALETTE[2])
            for i, n in enumerate(batches)
        ),
    ]
    style.legend_row(figure, entries, 1 - 0.68 / tall)
    return style.save(figure, path)
