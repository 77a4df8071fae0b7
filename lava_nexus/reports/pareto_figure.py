"""Figure: energy against error of many choices, with the front that no other choice beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.reports import style
from lava_nexus.reports.tables import with_prefix

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
    axes.set_xlabel("energy of a multiply-accumulate")
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
