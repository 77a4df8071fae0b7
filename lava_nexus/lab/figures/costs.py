"""Figures of costs: energy by accounting, curves of a training, time and memory of layers, native layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.lab.energy.rows import EnergyRow
from lava_nexus.lab.figures import style
from lava_nexus.lab.markdown import with_prefix
from lava_nexus.lab.published import published

_BAR = 0.3  # inches of height
_MARKS = (
    ("printed for Loihi", "x", style.SIGN),
    ("printed spikes x 23.6 pJ", "o", style.PALETTE[1]),
    ("ours, spikes x 23.6 pJ", "D", style.PALETTE[5]),
    ("ours, work: SynOps + active updates", "o", style.PALETTE[0]),
    ("GPU as printed", "|", style.INK),
)


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
    """One value a step; `wide` for one that lies under others, `apart` for one whose scale is its own."""

    name: str
    values: Sequence[float]
    wide: bool = False
    apart: bool = False


def curve_figure(curves: Sequence[Curve], title: str, path: Path, label: str = "loss") -> Path:
    """Draws curves from step 1 on, those apart on axes of their own beside the others; returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    drawn = [curve for curve in curves if len(curve.values)]
    if not drawn:
        raise NexusError("curves cannot be drawn: there is no step")
    groups = [group for apart in (False, True) if (group := [c for c in drawn if c.apart == apart])]
    wide = (8.8, 11.4)[len(groups) - 1]
    figure = style.titled(wide, 5.0, title, 0.05 * 5.0, size=13)
    left, gap = 0.75, 0.7
    whole = wide - left - 0.2 - gap * (len(groups) - 1)
    shares = (1.0,) if len(groups) == 1 else (0.68, 0.32)
    for group, share in zip(groups, shares, strict=True):
        axes = figure.add_axes((left / wide, 0.11, share * whole / wide, 0.68))
        for curve in group:
            _curve(axes, curve, style.PALETTE[drawn.index(curve) % len(style.PALETTE)])
        axes.set_xlabel("step")
        axes.set_ylabel(f"{label}, of its own scale" if group[0].apart else label)
        axes.set_ylim(bottom=0)
        style.grid(axes)
        style.bare(axes, "left", "bottom")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=min(3, len(group)), fontsize=9)
        left += share * whole + gap
    return style.save(figure, path)


def _curve(axes: Any, curve: Curve, colour: str) -> None:
    look: dict[str, Any] = {"linewidth": 6.0, "alpha": 0.35} if curve.wide else {"linewidth": 1.3}
    steps = range(1, len(curve.values) + 1)
    axes.plot(steps, curve.values, color=colour, label=curve.name, marker="o" if len(steps) == 1 else None, **look)


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
    """Processor seconds against multiplications, logarithmic, beside a line of equal rate; peak memory by model.

    Returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    if not costs:
        raise NexusError("costs of models cannot be drawn: there is no run")
    figure = style.titled(11.5, 5.2, title, 0.05 * 5.2, x=0.012, size=13)
    left, right = figure.add_axes((0.065, 0.12, 0.44, 0.74)), figure.add_axes((0.68, 0.12, 0.27, 0.74))
    names = list(dict.fromkeys(cost.name for cost in costs))
    colours = {name: style.PALETTE[i % len(style.PALETTE)] for i, name in enumerate(names)}
    _rates(left, costs, colours)
    bars = sorted(costs, key=lambda cost: (names.index(cost.name), cost.layers))
    for row, cost in enumerate(bars):
        right.barh(row, cost.peak / _GIGA, height=0.66, color=colours[cost.name])
        right.text(cost.peak / _GIGA, row, f" {cost.peak / _GIGA:.2f}", va="center", size=8.5)
    layers = [f"{cost.name}, {cost.layers} layer{'s' * (cost.layers > 1)}" for cost in bars]
    right.set_yticks(range(len(bars)), layers, size=9)
    right.set(
        xlabel="peak memory, GB", ylim=(len(bars) - 0.4, -0.6), xlim=(0, 1.15 * max(c.peak for c in costs) / _GIGA)
    )
    style.grid(right, "x")
    style.bare(right, "bottom")
    return style.save(figure, path)


def _rates(axes: Any, costs: Sequence[Cost], colours: dict[str, str]) -> None:
    """A mark a run with its model's name; models that lie on one spot share a text."""
    spots: dict[tuple[int, int], list[Cost]] = {}
    for cost in costs:
        spot = round(12 * math.log10(max(1, cost.multiplications))), round(12 * math.log10(max(1e-6, cost.processor)))
        spots.setdefault(spot, []).append(cost)
    for name, colour in colours.items():
        mine = sorted((c for c in costs if c.name == name), key=lambda c: c.multiplications)
        axes.plot([c.multiplications for c in mine], [c.processor for c in mine], color=colour, linewidth=0.9, zorder=1)
    for here in spots.values():
        for i, cost in enumerate(here):  # the first one lies below, larger
            size = 6.5 + 5 * (len(here) - 1 - i)
            axes.plot(cost.multiplications, cost.processor, "o", color=colours[cost.name], markersize=size)
        told = " and ".join(dict.fromkeys(_told(c, costs) for c in here))
        at = (here[0].multiplications, here[0].processor)
        alone = all(len([c for c in costs if c.name == one.name]) == 1 for one in here)
        side = "right" if alone else "left"
        shift = (9, -4) if side == "left" else (-9, -3)
        axes.annotate(told, at, shift, textcoords="offset points", ha=side, size=8.5, color=style.INK)
    rate = _typical([cost.multiplications / cost.processor for cost in costs])
    ends = [min(c.multiplications for c in costs), max(c.multiplications for c in costs)]
    axes.plot(ends, [end / rate for end in ends], color=style.FAINT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    text = f"dashed: {rate / 1e6:.3g} million a processor second"
    axes.text(0.98, 0.05, text, transform=axes.transAxes, color=style.FAINT, va="center", ha="right")
    axes.set(xscale="log", yscale="log", xlabel="multiplications, millions", ylabel="processor seconds")
    _ticks(axes.xaxis, ends[0], ends[1], unit=1e6)
    _ticks(axes.yaxis, min(c.processor for c in costs), max(c.processor for c in costs))
    axes.margins(x=0.1)
    style.grid(axes)
    style.bare(axes, "left", "bottom")


def _told(cost: Cost, costs: Sequence[Cost]) -> str:
    """Its name, and its layers where runs of the name differ in them."""
    several = len({other.layers for other in costs if other.name == cost.name}) > 1
    return f"{cost.name} x {cost.layers}" if several else cost.name


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
