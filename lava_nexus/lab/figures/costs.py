"""Figures of costs: time and memory of layers, energy against error, orders of accumulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.lab.figures import style
from lava_nexus.lab.figures.style import FAINT, PALETTE, bare, grid, new_figure, save
from lava_nexus.lab.markdown import with_prefix

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
    figure = style.new_figure(11.5, 5.2)
    figure.text(0.012, 0.95, title, size=13, weight="bold", va="center")
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


_SHAPES = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")


@dataclass(frozen=True)
class Point:
    """One choice: joules, error, and the three names that colour, fill and shape tell."""

    joules: float
    error: float
    colour: str
    fill: str
    shape: str


def pareto_front(pairs: Sequence[tuple[float, float]]) -> set[int]:
    """Places of the pairs that no other pair equals or undercuts in both values and undercuts in one."""
    return {
        i
        for i, (a, b) in enumerate(pairs)
        if not any(c <= a and d <= b and (c, d) != (a, b) for j, (c, d) in enumerate(pairs) if j != i)
    }


def pareto_figure(points: Sequence[Point], title: str, path: Path) -> Path:
    """Both axes logarithmic; the first `fill` is drawn full, others hollow; returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    if not points:
        raise NexusError("energy against error cannot be drawn: there is no choice")
    from matplotlib.ticker import LogLocator, NullLocator

    colours, fills, shapes = (
        list(dict.fromkeys(getattr(p, key) for p in points)) for key in ("colour", "fill", "shape")
    )
    palette = {name: style.PALETTE[i % len(style.PALETTE)] for i, name in enumerate(colours)}
    marks = {name: _SHAPES[i % len(_SHAPES)] for i, name in enumerate(shapes)}
    figure = style.new_figure(10.6, 6.4)
    figure.text(0.03, 0.955, title, size=13, weight="bold", va="center")
    axes = figure.add_axes((0.08, 0.1, 0.6, 0.79))
    front = sorted(pareto_front([(p.joules, p.error) for p in points]), key=lambda i: points[i].joules)
    axes.plot(
        [points[i].joules for i in front],
        [points[i].error for i in front],
        color=style.FAINT,
        linewidth=1.2,
        linestyle="--",
    )
    for p in points:
        full = p.fill == fills[0]
        face = palette[p.colour] if full else "white"
        axes.scatter(
            p.joules,
            p.error,
            s=52,
            marker=marks[p.shape],
            facecolor=face,
            edgecolor=palette[p.colour],
            linewidth=1.4,
            zorder=3,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: with_prefix(value, "J"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("work of a multiply-accumulate")
    axes.set_ylabel("error against float64, relative")
    axes.margins(x=0.1, y=0.1)
    style.grid(axes)
    _legend(figure, palette, fills, marks)
    return style.save(figure, path)


def _legend(figure: Any, palette: dict[str, str], fills: list[str], marks: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [style.legend_mark(name, "o", colour) for name, colour in palette.items()]
    for i, name in enumerate(fills):
        face = style.FAINT if i == 0 else "white"
        handles.append(style.legend_mark(f"{name} basis", "o", style.FAINT, markerfacecolor=face))
    handles += [style.legend_mark(name, mark, style.FAINT) for name, mark in marks.items()]
    handles.append(Line2D([], [], linestyle="--", color=style.FAINT, label="nothing beats these"))
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.69, 0.9), fontsize=9, labelspacing=0.7)


@dataclass(frozen=True)
class OrderBar:
    """One choice.

    Attributes:
        name: shown below, lines broken.
        torch_mean, exact_mean: mean ULP from PyTorch and from float64.
        torch_zero_rate, exact_zero_rate: share of results with the same bits.
        nanojoules: of a multiply-accumulate.
    """

    name: str
    torch_mean: float
    exact_mean: float
    torch_zero_rate: float
    exact_zero_rate: float
    nanojoules: float


def orders_figure(bars: Sequence[OrderBar], path: Path) -> Path:
    """Two panels: equal bits, and energy."""
    figure = new_figure(max(8.0, 1.35 * len(bars) + 1.2), 6.4)
    upper, lower = figure.subplots(2, 1, sharex=True)
    places = np.arange(len(bars))
    series = (
        ("PyTorch", PALETTE[0], -0.2, [(bar.torch_zero_rate, bar.torch_mean) for bar in bars]),
        ("float64, rounded", PALETTE[1], 0.2, [(bar.exact_zero_rate, bar.exact_mean) for bar in bars]),
    )
    for name, colour, shift, values in series:
        upper.bar(places + shift, [100 * rate for rate, _ in values], 0.36, color=colour, label=name)
        for place, (rate, mean) in zip(places, values, strict=True):
            text = f"{100 * rate:.0f} %\n{mean:.2g}"
            upper.text(place + shift, 100 * rate + 1.5, text, ha="center", va="bottom", fontsize=8)
    upper.set_ylim(0, 128)
    upper.set_yticks([0, 25, 50, 75, 100])
    upper.set_ylabel("same bits, %")
    upper.set_title("Results with the same bits (below the rate: mean ULP)")
    upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    lower.bar(places, [bar.nanojoules for bar in bars], 0.6, color=PALETTE[2])
    for place, bar in zip(places, bars, strict=True):
        lower.text(place, bar.nanojoules, f"{bar.nanojoules:.0f}", ha="center", va="bottom", fontsize=8, color=FAINT)
    lower.set_ylabel("nJ a multiply-accumulate")
    lower.set_title("Work: SynOps and active neuron updates")
    lower.set_xticks(places, [bar.name for bar in bars], fontsize=9)
    for axes in (upper, lower):
        grid(axes, "y")
        bare(axes, "bottom")
    figure.tight_layout()
    return save(figure, path)
