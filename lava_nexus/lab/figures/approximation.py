"""Figures of what is not exact: approximate models layer by layer, LIF populations, encodings into spikes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.lab.figures import style


def approximation_figure(errors: Sequence[tuple[str, float, float, float]], path: Path) -> Path:
    """(layer, largest error, mean error, 1 - cosine) of what leaves each layer, in the order of the model.

    Raises:
        NexusError: there is no layer.
    """
    if not errors:
        raise NexusError("the error by layer cannot be drawn: there is no layer")
    height = 3.2 + 0.17 * len(errors)
    figure = style.titled(10.0, height, "Error against the exact model, layer by layer")
    axes = figure.add_axes((0.31, 0.75 / height, 0.66, 1 - 1.6 / height))
    rows = range(len(errors))
    names, *series = zip(*errors, strict=True)
    looks = (("largest error", 3, "o"), ("mean error", 0, "s"), ("1 - cosine", 2, "^"))
    for values, (label, colour, marker) in zip(series, looks, strict=True):
        shown = [v if v > 0 else math.nan for v in values]
        axes.plot(shown, rows, color=style.PALETTE[colour], marker=marker, markersize=4, linewidth=1, label=label)
    axes.set_xscale("log")
    axes.set_yticks(list(rows), names, fontsize=8)
    axes.set_ylim(len(errors) - 0.5, -0.5)
    axes.set_xlabel("error; nothing is drawn where there is none")
    style.grid(axes)
    style.bare(axes, "left", "bottom")
    figure.legend(loc="upper right", bbox_to_anchor=(0.98, 1 - 0.42 / height), ncols=3, fontsize=9)
    return style.save(figure, path)


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
    """Lines over one pair of axes; `share` where values are parts of a whole, drawn in percent up to 100.

    With `log_y` the axis is logarithmic, around 0 linear where values are below it.
    """

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    log_x: bool = True
    log_y: bool = True
    ticks: Sequence[float] = ()
    share: bool = False


def line_panels(title: str, panels: Sequence[Panel], path: Path, columns: int = 3) -> Path:
    """Panels side by side, each with its legend below its title; returns the path written."""
    rows = -(-len(panels) // columns)
    width, height = 4.6 * columns, 4.1 * rows + 0.6
    figure = style.titled(width, height, title, x=0.25 / width)
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        left, bottom = (column * 4.6 + 0.85) / width, ((rows - 1 - row) * 4.1 + 0.65) / height
        axes = figure.add_axes((left, bottom, 3.5 / width, 2.55 / height))
        _lines(axes, panel)
    return style.save(figure, path)


def _lines(axes: Any, panel: Panel) -> None:
    from matplotlib.ticker import FixedLocator, LogFormatterSciNotation, NullLocator

    found = [v for line in panel.lines for v in line.y if v is not None and math.isfinite(v)]
    below = panel.log_y and any(v < 0 for v in found)
    dashes = iter(("--", (0, (1, 2.5))) * len(panel.lines))  # one below stays visible
    for i, line in enumerate(panel.lines):
        colour = style.PALETTE[(i if line.colour is None else line.colour) % len(style.PALETTE)]
        y = [math.nan if v is None or (panel.log_y and not below and v <= 0) else v for v in line.y]
        nested = {"marker": "o", "markersize": 3.5 + 1.5 * min(3, len(panel.lines) - 1 - i)}  # likewise
        look: dict[str, Any] = {"linestyle": next(dashes)} if line.dashed else nested
        axes.plot(list(line.x), y, color=colour, label=line.label, linewidth=1.3, **look)
    if panel.log_x:
        axes.set_xscale("log", base=2)
    if below:
        least = min(abs(v) for v in found if v)
        axes.set_yscale("symlog", linthresh=10.0 ** math.floor(math.log10(least)))
    elif panel.log_y:
        axes.set_yscale("log")
        # Two decades have a single power of ten, or two: what lies between is written too.
        axes.yaxis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(2, 0.5)))
        axes.tick_params(axis="y", which="minor", labelsize=7)
    if panel.ticks:
        axes.xaxis.set_major_locator(FixedLocator(list(panel.ticks)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if panel.share:
        least = min((v for line in panel.lines for v in line.y if v is not None), default=0.0)
        axes.set_ylim(max(0.0, math.floor(10 * least - 0.5) / 10), 1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        for line in axes.lines:
            line.set_clip_on(False)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    style.grid(axes)
    style.bare(axes, "left", "bottom")
    axes.set_title(panel.title, fontsize=11, pad=8 + 13 * -(-len(panel.lines) // 2))
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.08, 1.0), ncols=2, fontsize=8, columnspacing=1.0, borderaxespad=0.1
    )


@dataclass(frozen=True)
class Costs:
    """One quantity: a value for each operator and way, None where there is none."""

    title: str
    values: Sequence[Sequence[float | None]]


def cost_marks(title: str, operators: Sequence[str], ways: Sequence[str], panels: Sequence[Costs], path: Path) -> Path:
    """A panel a quantity, logarithmic, a row an operator, a mark a way; returns the path written."""
    columns = 3
    rows = -(-len(panels) // columns)
    inner = 0.34 * len(operators)
    width, height = 13.2, rows * (inner + 0.95) + 1.1
    figure = style.titled(width, height, title, x=0.02)
    for i, panel in enumerate(panels):
        row, column = divmod(i, columns)
        left = 1.45 / width + column * 3.95 / width
        bottom = ((rows - 1 - row) * (inner + 0.95) + 0.4) / height
        axes = figure.add_axes((left, bottom, 3.3 / width, inner / height))
        for k in range(len(operators)):
            sizes = [value for value in panel.values[k] if value]
            if sizes:
                axes.plot([min(sizes), max(sizes)], [k, k], color=style.GRID, linewidth=2.2, zorder=1)
            for w, value in enumerate(panel.values[k]):
                if value:
                    mark = "osD^v"[w % 5]
                    axes.plot(value, k, mark, color=style.colour_of(w), markersize=7 - 0.6 * w, zorder=3)
        axes.set_xscale("log")
        axes.set_yticks(range(len(operators)), list(operators) if column == 0 else [""] * len(operators))
        axes.set_ylim(len(operators) - 0.5, -0.5)
        axes.set_title(panel.title, fontsize=11)
        axes.tick_params(which="minor", size=0)
        style.grid(axes, "x")
        style.bare(axes, "bottom")
    entries = [style.legend_mark(way, "osD^v"[w % 5], style.colour_of(w)) for w, way in enumerate(ways)]
    style.legend_row(figure, entries, 1 - 0.68 / height, fontsize=9)
    return style.save(figure, path)


Points = Sequence[tuple[int, float]]


def encoding_figure(
    measured: Mapping[str, Points], printed: Mapping[str, Points], scattered: Collection[str], path: Path
) -> Path:
    """Mean squared error over time steps, both on log axes; returns the path written.

    Args:
        measured: (T, error) by code; an error of 0 is left out.
        printed: as published, by the paper's name.
        scattered: codes whose points no line joins.
        path: PNG file.
    """
    figure = style.titled(8.6, 5.2, "Mean squared error of a number in spikes", 0.055 * 5.2)
    figure.text(0.03, 0.89, "filled: measured; hollow: published; what is exact has no point", color=style.FAINT)
    axes = figure.add_axes((0.09, 0.12, 0.6, 0.72))
    for i, (name, points) in enumerate(measured.items()):
        shown = sorted((t, e) for t, e in points if e > 0)
        line, size = ("none" if name in scattered else "-"), 9 - 1.5 * i
        axes.plot(
            *zip(*shown, strict=True),
            linestyle=line,
            marker="o",
            markersize=max(4, size),
            color=style.PALETTE[i],
            label=name,
        )
    for (name, points), marker in zip(printed.items(), "Ds^vP", strict=False):
        axes.plot(
            *zip(*points, strict=True),
            linestyle="none",
            marker=marker,
            markersize=7,
            markerfacecolor="none",
            color=style.INK,
            label=f"published: {name}",
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("time steps of a number, or channels of one step")
    style.grid(axes)
    axes.minorticks_off()
    style.bare(axes, "left", "bottom")
    figure.legend(loc="center left", bbox_to_anchor=(0.7, 0.5), fontsize=9)
    return style.save(figure, path)
