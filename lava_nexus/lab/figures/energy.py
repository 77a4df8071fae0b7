"""Figures of energy: where it goes, and printed, recomputed and counted on one axis; curves of a training beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.lab.figures import style
from lava_nexus.lab.markdown import with_prefix

_BAR = 0.3  # inches of height
_MARKS = (
    ("printed", "printed for Loihi", "x", style.SIGN),
    ("recomputed", "printed spikes x 23.6 pJ", "o", style.PALETTE[1]),
    ("spikes_only", "ours, spikes x 23.6 pJ", "D", style.PALETTE[5]),
    ("total", "ours, work: SynOps + active updates", "o", style.PALETTE[0]),
    ("gpu", "GPU as printed", "|", style.INK),
)


@dataclass(frozen=True)
class Bar:
    """One row of `share_figure`: joules of each share."""

    name: str
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Level:
    """One row of `accounting_figure`, in joules."""

    name: str
    printed: float
    recomputed: float
    spikes_only: float
    total: float
    gpu: float | None


def share_figure(bars: Sequence[Bar], shares: Sequence[str], title: str, path: Path) -> Path:
    """A bar of full width a row, split by share, its total beside it; returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    drawn = [bar for bar in bars if sum(bar.shares) > 0]
    if not drawn:
        raise NexusError("energy cannot be drawn: every row is 0 J")
    kept = [i for i in range(len(shares)) if any(bar.shares[i] > 0 for bar in drawn)]
    height = _BAR * len(drawn) + 1.3
    figure = style.new_figure(9.6, height)
    figure.text(0.03, 1 - 0.3 / height, title, size=13, weight="bold", va="center")
    axes = figure.add_axes((0.21, 0.15 / height, 0.66, _BAR * len(drawn) / height))
    for row, bar in enumerate(drawn):
        left, total = 0.0, sum(bar.shares)
        for i in kept:
            part = 100 * bar.shares[i] / total
            axes.barh(row, part, left=left, height=0.7, color=style.PALETTE[i], edgecolor="white", linewidth=0.5)
            if part >= 8:
                axes.text(left + part / 2, row, f"{part:.0f} %", ha="center", va="center", size=8, color="white")
            left += part
        axes.text(101.5, row, with_prefix(total, "J"), va="center", size=9)
    axes.set_yticks(range(len(drawn)), [bar.name for bar in drawn])
    axes.set_xticks([])
    axes.set_xlim(0, 100)
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    style.bare(axes)
    _legend(figure, [(shares[i], "s", style.PALETTE[i]) for i in kept], 1 - 0.72 / height)
    return style.save(figure, path)


def accounting_figure(levels: Sequence[Level], title: str, path: Path) -> Path:
    """A line a row and a mark for each way to count, joules on a logarithmic axis; returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    if not levels:
        raise NexusError("energy cannot be drawn: there is no row beside the published ones")
    height = _BAR * len(levels) + 1.75
    figure = style.new_figure(9.6, height)
    figure.text(0.03, 1 - 0.3 / height, title, size=13, weight="bold", va="center")
    axes = figure.add_axes((0.21, 0.6 / height, 0.75, _BAR * len(levels) / height))
    for row, level in enumerate(levels):
        values = {key: getattr(level, key) for key, *_ in _MARKS}
        shown = [value for value in values.values() if value]
        axes.plot((min(shown), max(shown)), (row, row), color=style.GRID, linewidth=2.2, zorder=1)
        for key, _, mark, colour in _MARKS:
            if values[key]:
                axes.scatter(
                    values[key],
                    row,
                    s=72 if mark == "|" else 34,
                    marker=mark,
                    color=colour,
                    zorder=3,
                    linewidth=1.8 if mark in "x|" else 0.5,
                )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: with_prefix(value, "J"))
    axes.tick_params(axis="x", which="minor", size=0)
    axes.set_yticks(range(len(levels)), [level.name for level in levels])
    axes.set_ylim(len(levels) - 0.4, -0.6)
    style.grid(axes, "x")
    style.bare(axes, "bottom")
    _legend(figure, [(label, mark, colour) for _, label, mark, colour in _MARKS], 1 - 0.75 / height)
    return style.save(figure, path)


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
    figure = style.new_figure(8.8, 5.0)
    figure.text(0.03, 0.95, title, size=13, weight="bold", va="center")
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
