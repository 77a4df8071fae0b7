"""Figures: accuracy against leak, noise, spread or faults, and what robustness costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.lab.figures import style

_LINES = ("-", "--", ":", "-.")
_PRINTED = style.INK


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        label: in the legend; equal labels look alike in all panels.
        points: (x, accuracy 0..1, its standard deviation).
        theory: (x, accuracy 0..1) as predicted, drawn thin.
        printed: (x, accuracy 0..1, deviation) as published for this line.
        own: whether these are drawn in the line's colour, where lines of a panel have published points of their own.
    """

    label: str
    points: Sequence[tuple[float, float, float]]
    theory: Sequence[tuple[float, float]] = ()
    printed: Sequence[tuple[float, float, float]] = ()
    own: bool = False


def accuracy_figure(
    panels: Sequence[tuple[str, Sequence[Series]]],
    columns: int,
    title: str,
    x_label: str,
    path: Path,
    y_label: str = "all bits right, %",
    log: bool = False,
) -> Path:
    """Panels, a title and lines each, in rows of `columns`, error bars of one standard deviation; returns the path.

    With `log` x is logarithmic, 0 standing left of the smallest value above it.
    """
    rows = -(-len(panels) // columns)
    labels = list(dict.fromkeys(s.label for _, lines in panels for s in lines))
    theory = any(s.theory for _, lines in panels for s in lines)
    printed = any(s.printed for _, lines in panels for s in lines)
    width = max(3.1 * columns + 0.9, 7.2)
    legend_rows = -(-(len(labels) + theory + printed) // max(1, int(width // 2.1)))
    top = 0.62 + 0.26 * legend_rows + 0.38
    height = 2.55 * rows + top + 0.2
    figure = style.titled(width, height, title, x=0.02)
    grid = figure.add_gridspec(
        rows, columns, left=0.68 / width, right=1 - 0.2 / width, top=1 - top / height, bottom=0.55 / height,
        wspace=0.14, hspace=0.5,
    )  # fmt: skip
    for i, (name, lines) in enumerate(panels):
        axes = figure.add_subplot(grid[i // columns, i % columns])
        for series in lines:
            _line(axes, series, labels.index(series.label))
        if log:
            _logarithmic(axes, lines)
        axes.set_ylim(-4, 104)
        axes.set_title(name, size=10.5, pad=6)
        style.grid(axes)
        style.bare(axes, "bottom")
        axes.set_yticks((0, 25, 50, 75, 100))
        if i % columns == 0:
            axes.set_ylabel(y_label)
        else:
            axes.set_yticklabels([])
        if i + columns >= len(panels):
            axes.set_xlabel(x_label)
    _legend(figure, labels, theory, printed, 1 - 0.55 / height, width)
    return style.save(figure, path)


def _logarithmic(axes: Any, lines: Sequence[Series]) -> None:
    values = sorted({x for series in lines for x, _, _ in series.points})
    above = [x for x in values if x > 0]
    if above:
        axes.set_xscale("symlog", linthresh=above[0], linscale=0.6)
        axes.set_xticks(values, ["0" if x == 0 else f"{x:g}" for x in values], size=8.5)
        axes.minorticks_off()


def colour_of(index: int) -> str:
    """Colour of the line of that number."""
    return style.PALETTE[index % len(style.PALETTE)]


def _line(axes: Any, series: Series, index: int) -> None:
    colour = colour_of(index)
    x, y, error = zip(*((a, 100 * b, 100 * c) for a, b, c in series.points), strict=True)
    axes.errorbar(
        x, y, yerr=error, color=colour, marker="o", markersize=3.4, linewidth=1.4, elinewidth=1, capsize=2,
        linestyle=_LINES[index // len(style.PALETTE) % len(_LINES)], zorder=3,
    )  # fmt: skip
    if series.theory:
        tx, ty = zip(*((a, 100 * b) for a, b in series.theory), strict=True)
        axes.plot(tx, ty, color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=2)
    if series.printed:
        px, py, pe = zip(*((a, 100 * b, 100 * c) for a, b, c in series.printed), strict=True)
        shade = colour if series.own else _PRINTED
        axes.errorbar(
            px, py, yerr=pe, color=shade, marker="D", markersize=4.6, markerfacecolor="white", linestyle="",
            elinewidth=1, zorder=4,
        )  # fmt: skip


def _legend(figure: Any, labels: Sequence[str], theory: bool, printed: bool, y: float, width: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour_of(i), marker="o", markersize=4, label=label,
               linestyle=_LINES[i // len(style.PALETTE) % len(_LINES)])
        for i, label in enumerate(labels)
    ]  # fmt: skip
    if theory:
        handles.append(Line2D([], [], color=style.FAINT, linestyle=(0, (1, 1.5)), label="theory"))
    if printed:
        handles.append(style.legend_mark("published", "D", _PRINTED, markerfacecolor="white", markersize=None))
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.012, y), ncols=max(1, int(width // 2.1)), fontsize=9,
        columnspacing=1.3, handletextpad=0.5, borderaxespad=0.0,
    )  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One way to build an operator.

    Attributes:
        label: of the cure.
        group: what shares a colour, for example the format.
        energy: joules an operation.
        tolerated: sigma up to which the wanted accuracy holds.
        reached: whether that sigma lies inside the scan; else it is the last one tried, and more would hold.
        hollow: drawn without filling; the published cells.
    """

    label: str
    group: str
    energy: float
    tolerated: float
    reached: bool = True
    hollow: bool = False


def trade_off_figure(choices: Sequence[Choice], wanted: float, title: str, path: Path) -> Path:
    """Tolerated noise against energy, a colour a format and a shape a cure; returns the path."""
    shapes = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "*", "h", "p", "d", "8")
    groups, labels = (list(dict.fromkeys(getattr(c, key) for c in choices)) for key in ("group", "label"))
    figure = style.titled(10.4, 5.6, title, 0.055 * 5.6, x=0.02)
    axes = figure.add_axes((0.075, 0.115, 0.6, 0.74))
    for choice in choices:
        colour = colour_of(groups.index(choice.group))
        axes.plot(
            choice.energy * 1e9, choice.tolerated, color=colour, linestyle="", markersize=8, zorder=3,
            marker=shapes[labels.index(choice.label) % len(shapes)],
            markeredgecolor=colour if choice.hollow else "white",
            markeredgewidth=1.3 if choice.hollow else 0.3, markerfacecolor="white" if choice.hollow else colour,
        )  # fmt: skip
        if not choice.reached:
            axes.annotate("", (choice.energy * 1e9, choice.tolerated + 0.035), (choice.energy * 1e9, choice.tolerated),
                          arrowprops={"arrowstyle": "->", "color": style.FAINT})  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    axes.tick_params(axis="x", which="both", labelsize=9)
    axes.set_xlabel("work of an operation, nJ")
    axes.set_ylabel(f"sigma up to which {100 * wanted:g} % of the operations are right")
    axes.set_ylim(-0.01, 1.13 * max(choice.tolerated for choice in choices) + 0.01)
    style.grid(axes)
    style.bare(axes, "bottom", "left")
    _keys(figure, groups, labels, shapes, any(choice.hollow for choice in choices))
    return style.save(figure, path)


def _keys(figure: Any, groups: Sequence[str], labels: Sequence[str], shapes: Sequence[str], hollow: bool) -> None:
    colours = [style.legend_mark(group, "o", colour_of(i)) for i, group in enumerate(groups)]
    if hollow:
        for face, label in ((style.FAINT, "threshold basis"), ("white", "nexus basis")):
            colours.append(style.legend_mark(label, "o", style.FAINT, markerfacecolor=face, markersize=None))
    marks = [style.legend_mark(label, shapes[i % len(shapes)], style.FAINT) for i, label in enumerate(labels)]
    figure.legend(handles=colours, loc="upper left", bbox_to_anchor=(0.69, 0.87), fontsize=9.5)
    figure.legend(handles=marks, loc="upper left", bbox_to_anchor=(0.69, 0.85 - 0.052 * len(colours)), fontsize=9.5)


@dataclass(frozen=True)
class ModelCurve:
    """One format of a model.

    Attributes:
        label: the format.
        energy: joules of work an image, undisturbed.
        points: (sigma, accuracy 0..1, its standard error).
    """

    label: str
    energy: float
    points: Sequence[tuple[float, float, float]]


def model_figure(curves: Sequence[ModelCurve], title: str, path: Path) -> Path:
    """Left: accuracy against sigma, a line a format. Right: against energy, a dot a sigma; returns the path."""
    from matplotlib import colormaps

    figure = style.titled(11.6, 4.9, title, 0.06 * 4.9, x=0.02)
    left = figure.add_axes((0.062, 0.13, 0.42, 0.64))
    right = figure.add_axes((0.545, 0.13, 0.35, 0.64))
    largest = max((sigma for curve in curves for sigma, _, _ in curve.points), default=1.0) or 1.0
    heat = colormaps["viridis_r"]
    for i, curve in enumerate(curves):
        x, y, error = zip(*((a, 100 * b, 100 * c) for a, b, c in curve.points), strict=True)
        left.errorbar(
            x, y, yerr=error, color=colour_of(i), marker="o", markersize=4, linewidth=1.5, elinewidth=1, capsize=2,
            label=curve.label,
        )  # fmt: skip
        right.plot([curve.energy * 1e3] * len(y), y, color=style.GRID, linewidth=2, zorder=1)
        right.scatter(
            [curve.energy * 1e3] * len(y), y, c=[heat(0.08 + 0.92 * s / largest) for s in x], s=44, zorder=3,
            edgecolor="white", linewidth=0.5,
        )  # fmt: skip
        right.text(
            curve.energy * 1e3, 106 + 6 * (i % 2), curve.label.replace("float8_", ""), ha="center", size=8.5,
            color=colour_of(i),
        )  # fmt: skip
    for axes, label in ((left, "noise on the membrane, sigma in unit weights"), (right, "work an image, mJ")):
        axes.set_ylim(-4, 104)
        axes.set_xlabel(label)
        style.grid(axes)
        style.bare(axes, "bottom", "left")
    left.set_ylabel("images classified rightly, %")
    right.set_xscale("log")
    right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    right.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    right.margins(x=0.12)
    figure.legend(
        *left.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.05, 0.9), ncols=len(curves), fontsize=9.5
    )
    scale = figure.add_axes((0.925, 0.13, 0.014, 0.64))
    steps = 64
    scale.imshow(
        [[i / steps] for i in range(steps)], aspect="auto", origin="lower", cmap=heat, extent=(0, 1, 0, largest)
    )
    scale.set_xticks([])
    scale.yaxis.tick_right()
    scale.set_title("sigma", size=9.5, weight="normal", loc="center")
    style.bare(scale)
    return style.save(figure, path)
