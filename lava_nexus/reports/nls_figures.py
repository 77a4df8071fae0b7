"""Figures of the operators of LIF populations: bounds over measured errors, sweeps, costs against gates, fractions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.reports import style


@dataclass(frozen=True)
class Line:
    """One line of a panel; None where there is no value."""

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    dashed: bool = False
    colour: int | None = None


@dataclass(frozen=True)
class Panel:
    """Lines over one pair of axes."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    log_x: bool = True
    log_y: bool = True
    ticks: Sequence[float] = ()


def line_panels(title: str, panels: Sequence[Panel], path: Path, columns: int = 3) -> Path:
    """Panels side by side, each with its legend below its title; returns the path written."""
    rows = -(-len(panels) // columns)
    width, height = 4.6 * columns, 4.1 * rows + 0.6
    figure = style.new_figure(width, height)
    figure.text(0.25 / width, 1 - 0.3 / height, title, size=14, weight="bold", va="center")
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        left, bottom = (column * 4.6 + 0.85) / width, ((rows - 1 - row) * 4.1 + 0.65) / height
        axes = figure.add_axes((left, bottom, 3.5 / width, 2.55 / height))
        _lines(axes, panel)
    return style.save(figure, path)


def _lines(axes: Any, panel: Panel) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    for i, line in enumerate(panel.lines):
        colour = style.PALETTE[(i if line.colour is None else line.colour) % len(style.PALETTE)]
        y = [math.nan if v is None or (panel.log_y and v <= 0) else v for v in line.y]
        look: dict[str, Any] = {"linestyle": "--"} if line.dashed else {"marker": "o", "markersize": 3.5}
        axes.plot(list(line.x), y, color=colour, label=line.label, linewidth=1.3, **look)
    if panel.log_x:
        axes.set_xscale("log", base=2)
    if panel.log_y:
        axes.set_yscale("log")
    if panel.ticks:
        axes.xaxis.set_major_locator(FixedLocator(list(panel.ticks)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    style.grid(axes)
    style.bare(axes, "left", "bottom")
    axes.set_title(panel.title, fontsize=11, pad=8 + 13 * -(-len(panel.lines) // 2))
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.08, 1.0), ncols=2, fontsize=8, columnspacing=1.0, borderaxespad=0.1
    )


@dataclass(frozen=True)
class Bars:
    """One quantity: a value for each operator and way, None where there is none."""

    title: str
    values: Sequence[Sequence[float | None]]


def cost_bars(title: str, operators: Sequence[str], ways: Sequence[str], panels: Sequence[Bars], path: Path) -> Path:
    """A panel a quantity, logarithmic, a group of bars an operator, a colour a way; returns the path written."""
    columns = 3
    rows = -(-len(panels) // columns)
    each = 0.16 * len(ways) + 0.16
    inner = each * len(operators)
    width, height = 13.2, rows * (inner + 0.95) + 0.95
    figure = style.new_figure(width, height)
    figure.text(0.02, 1 - 0.3 / height, title, size=14, weight="bold", va="center")
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        left = 1.45 / width + column * 3.95 / width
        bottom = ((rows - 1 - row) * (inner + 0.95) + 0.4) / height
        axes = figure.add_axes((left, bottom, 3.3 / width, inner / height))
        for w in range(len(ways)):
            places = [k * each + 0.16 * w for k in range(len(operators))]
            sizes = [panel.values[k][w] or math.nan for k in range(len(operators))]
            axes.barh(places, sizes, height=0.14, color=style.PALETTE[w], label=ways[w])
        axes.set_xscale("log")
        axes.set_yticks([k * each + 0.08 * (len(ways) - 1) for k in range(len(operators))])
        axes.set_yticklabels(list(operators) if column == 0 else [])
        axes.invert_yaxis()
        axes.set_title(panel.title, fontsize=11)
        style.grid(axes, "x")
        style.bare(axes, "bottom")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="upper right", bbox_to_anchor=(0.99, 1 - 0.42 / height), ncols=len(ways), fontsize=9
    )
    return style.save(figure, path)
