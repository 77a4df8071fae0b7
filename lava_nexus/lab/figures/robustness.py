"""Figures: accuracy against leak, noise, spread or faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lava_nexus.lab.figures import style
from lava_nexus.lab.figures.style import colour_of

_PRINTED = style.INK
_WIDEST = 3  # panels in a row


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        label: in the legend; equal labels have one colour in all panels.
        points: (x, accuracy 0..1, its standard deviation).
        theory: (x, accuracy 0..1) as predicted, drawn thin.
        printed: (x, accuracy 0..1, deviation) as published for this line.
        own: whether these are drawn in the line's colour, where lines of a panel have published points of their own.
        look: "line", "dashed", "ring" (hollow marks without a line), or "wide" (pale, below the others).
    """

    label: str
    points: Sequence[tuple[float, float, float]]
    theory: Sequence[tuple[float, float]] = ()
    printed: Sequence[tuple[float, float, float]] = ()
    own: bool = False
    look: str = "line"


Panels = Sequence[tuple[str, Sequence[Series]]]


def merged(panels: Panels) -> Panels:
    """Panels in which lines that have the same points everywhere are one, under all their labels, pale and wide."""
    points: dict[str, list[Any]] = {}
    for _, lines in panels:
        for line in lines:
            points.setdefault(line.label, []).append((line.look, list(line.points)))
    groups: dict[str, list[str]] = {}
    for label, mine in points.items():
        groups.setdefault(repr(mine), []).append(label)
    names = {label: alike for alike in groups.values() for label in alike}
    return [
        (
            title,
            [
                replace(line, label=_together(names[line.label]), look="wide") if len(names[line.label]) > 1 else line
                for line in lines
                if names[line.label][0] == line.label
            ],
        )
        for title, lines in panels
    ]


def _together(labels: Sequence[str]) -> str:
    """Labels of one line: `a, x`, `a, y` and `b, z` are `a, x or y; b, z`."""
    heads: dict[str, list[str]] = {}
    for label in labels:
        head, _, tail = label.rpartition(", ")
        heads.setdefault(head, []).append(tail)
    return "; ".join(", ".join(filter(None, [head, " or ".join(tails)])) for head, tails in heads.items())


def accuracy_figure(
    panels: Panels,
    columns: int,
    title: str,
    x_label: str,
    path: Path,
    y_label: str = "all bits right, %",
    log: bool = False,
    looks: Mapping[str, str] | None = None,
) -> Path:
    """Panels, a title and lines each, in rows of `columns`, error bars of one standard deviation; returns the path.

    More than three columns are wrapped, so that the figure stays as wide as a page.

    With `log` x is logarithmic, 0 standing left of the smallest value above it. `looks` says in the legend what kinds
    of line mean. The axis begins at 0, or at 50 % where nothing is below.
    """
    panels = merged(panels)
    whole, wrapped = min(columns, len(panels)), -(-min(columns, len(panels)) // _WIDEST)
    columns = -(-whole // wrapped)
    rows = wrapped * -(-len(panels) // whole)
    labels = list(dict.fromkeys(s.label for _, lines in panels for s in lines))
    theory = any(s.theory for _, lines in panels for s in lines)
    printed = any(s.printed for _, lines in panels for s in lines)
    width = max(3.3 * columns + 0.9, 7.2)
    handles = _handles(panels, labels, theory, printed, looks or {})
    across = max(1, min(len(handles), int((width - 0.3) / (0.55 + 0.072 * max(len(h.get_label()) for h in handles)))))
    top = 0.62 + 0.26 * -(-len(handles) // across) + 0.38
    height = 2.55 * rows + top + 0.2
    figure = style.titled(width, height, title, x=0.02)
    grid = figure.add_gridspec(
        rows, columns, left=0.68 / width, right=1 - 0.2 / width, top=1 - top / height, bottom=0.55 / height,
        wspace=0.14, hspace=0.5,
    )  # fmt: skip
    least = min(y for _, lines in panels for s in lines for kind in (s.points, s.printed) for _, y, *_ in kind)
    floor = 50 if least >= 0.55 else 0
    for i, (name, lines) in enumerate(panels):
        row, column = i // whole * wrapped + i % whole // columns, i % whole % columns
        axes = figure.add_subplot(grid[row, column])
        for series in sorted(lines, key=lambda one: one.look != "wide"):
            _line(axes, series, labels.index(series.label))
        if log:
            _logarithmic(axes, lines)
        axes.set_ylim(floor - 0.04 * (100 - floor), 100 + 0.04 * (100 - floor))
        axes.set_title(name, size=10.5, pad=6)
        style.grid(axes)
        style.bare(axes, "bottom")
        axes.set_yticks((0, 25, 50, 75, 100) if floor == 0 else (50, 60, 70, 80, 90, 100))
        if column == 0:
            axes.set_ylabel(y_label)
        else:
            axes.set_yticklabels([])
        if row == rows - 1 or (i % whole + columns >= whole and i + whole >= len(panels)):
            axes.set_xlabel(x_label)
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.012, 1 - 0.55 / height), ncols=across, fontsize=9,
        columnspacing=1.3, handletextpad=0.5, borderaxespad=0.0,
    )  # fmt: skip
    return style.save(figure, path)


def _logarithmic(axes: Any, lines: Sequence[Series]) -> None:
    values = sorted({x for series in lines for x, _, _ in series.points})
    above = [x for x in values if x > 0]
    if above:
        axes.set_xscale("symlog", linthresh=above[0], linscale=0.6)
        axes.set_xticks(values, ["0" if x == 0 else f"{x:g}" for x in values], size=8.5)
        axes.minorticks_off()


_LOOKS: dict[str, dict[str, Any]] = {
    "line": {"marker": "o", "markersize": 3.4, "linewidth": 1.4, "capsize": 2, "zorder": 3},
    "dashed": {"marker": "o", "markersize": 3.4, "linewidth": 1.4, "linestyle": "--", "capsize": 2, "zorder": 3},
    "ring": {"marker": "o", "markersize": 7.5, "linestyle": "", "markerfacecolor": "none", "capsize": 0, "zorder": 4},
    "wide": {"linewidth": 5.0, "alpha": 0.4, "capsize": 0, "zorder": 2},
}


def _line(axes: Any, series: Series, index: int) -> None:
    colour, look = colour_of(index), _LOOKS[series.look]
    x, y, error = zip(*((a, 100 * b, 100 * c) for a, b, c in series.points), strict=True)
    bars = [
        [min(e, v) for e, v in zip(error, y, strict=True)],
        [min(e, 100 - v) for e, v in zip(error, y, strict=True)],
    ]
    axes.errorbar(x, y, yerr=bars, color=colour, elinewidth=1, **look)
    if series.theory:
        tx, ty = zip(*((a, 100 * b) for a, b in series.theory), strict=True)
        axes.plot(tx, ty, color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=2)
    if series.printed:
        px, py, pe = zip(*((a, 100 * b, 100 * c) for a, b, c in series.printed), strict=True)
        shade = colour if series.own else _PRINTED
        axes.errorbar(
            px, py, yerr=pe, color=shade, marker="D", markersize=4.6, markerfacecolor="white", linestyle="",
            elinewidth=1, zorder=5,
        )  # fmt: skip


def _handles(panels: Panels, labels: Sequence[str], theory: bool, printed: bool, looks: Mapping[str, str]) -> list[Any]:
    """Of the legend: colours, then kinds of line."""
    from matplotlib.lines import Line2D

    wide = {s.label for _, lines in panels for s in lines if s.look == "wide"}
    handles = []
    for i, label in enumerate(labels):
        look = {k: v for k, v in _LOOKS["wide" if label in wide else "line"].items() if k not in ("capsize", "zorder")}
        handles.append(Line2D([], [], color=colour_of(i), label=label, **look))
    for look_name, label in looks.items():
        look = {k: v for k, v in _LOOKS[look_name].items() if k not in ("capsize", "zorder")}
        handles.append(Line2D([], [], color=style.FAINT, label=label, **look))
    if theory:
        handles.append(Line2D([], [], color=style.FAINT, linestyle=(0, (1, 1.5)), label="theory"))
    if printed:
        handles.append(style.legend_mark("published", "D", _PRINTED, markerfacecolor="white", markersize=None))
    return handles
