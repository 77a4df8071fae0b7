"""Figures of where things are: SynOps by layer and circuit, cores of chips by load, chips against time a token."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from operator import le
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.errors import NexusError
from lava_nexus.lab.figures import style

_KINDS = len(style.PALETTE) - 1
_BAR = 0.31  # inches of height


def synops_bars(layers: Sequence[tuple[str, str, int]], path: Path, title: str = "") -> Path:
    """Draws a bar a layer, split by kind of circuit, and a bar a kind; returns the path written.

    Args:
        layers: (layer, kind of circuit, SynOps), layers in the order of the program; equal pairs are added.
        path: PNG file.
        title: over the figure.

    Raises:
        NexusError: nothing was counted.
    """
    total = sum(synops for _, _, synops in layers)
    if not total:
        raise NexusError("where the SynOps go cannot be drawn: 0 SynOps were counted")
    names = list(dict.fromkeys(layer for layer, _, _ in layers))
    kinds = _ranked_kinds(layers)
    upper, lower = _BAR * len(names), _BAR * len(kinds)
    height = upper + lower + 1.95
    figure = style.titled(10.0, height, title or "Where the SynOps go", 0.33)
    figure.text(0.97, 1 - 0.33 / height, f"{short(total)} SynOps in all", size=11, ha="right", va="center")
    colours = {kind: style.PALETTE[i] for i, kind in enumerate(kinds)}
    by_layer = {name: dict.fromkeys(kinds, 0) for name in names}
    for layer, kind, synops in layers:
        by_layer[layer][kind if kind in colours else "others"] += synops
    by_kind = {kind: {kind: sum(parts[kind] for parts in by_layer.values())} for kind in kinds}
    above = figure.add_axes((0.24, (lower + 0.85) / height, 0.63, upper / height))
    _bars(above, "by layer", by_layer, colours, total)
    below = figure.add_axes((0.24, 0.2 / height, 0.63, lower / height))
    _bars(below, "by circuit", by_kind, colours, total)
    return style.save(figure, path)


def _ranked_kinds(layers: Sequence[tuple[str, str, int]]) -> list[str]:
    sums: dict[str, int] = {}
    for _, kind, synops in layers:
        sums[kind] = sums.get(kind, 0) + synops
    ranked = sorted(sums, key=lambda kind: (-sums[kind], kind))
    return ranked if len(ranked) <= len(style.PALETTE) else [*ranked[:_KINDS], "others"]


def _bars(axes: Any, title: str, bars: dict[str, dict[str, int]], colours: dict[str, str], total: int) -> None:
    longest = max(sum(parts.values()) for parts in bars.values())
    for row, parts in enumerate(bars.values()):
        left = 0
        for kind, synops in parts.items():
            axes.barh(row, synops, left=left, height=0.68, color=colours[kind], edgecolor="white", linewidth=0.5)
            left += synops
        label = f"{short(left)}  {100 * left / total:.1f} %"
        axes.text(left + 0.012 * longest, row, label, va="center", size=9, color=style.INK)
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_xticks([])
    axes.set_xlim(0, longest * 1.02)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_title(title, size=10, weight="normal", color=style.FAINT, pad=5)
    style.bare(axes, "left")


def short(count: int) -> str:
    """Three significant digits: 1,234,567 is `1.23 M`."""
    for factor, suffix in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= 0.9995 * factor:
            return f"{count / factor:.3g} {suffix}"
    return str(count)


_CELL = 0.26  # inches


def chip_figure(
    places: NDArray[np.int64], loads: Sequence[float], mesh: tuple[int, int, int], title: str, path: Path
) -> Path:
    """Draws each chip as its mesh of routers, each router as its cores; returns the path written.

    Args:
        places: [cores, 4]; chip, column, row, slot.
        loads: 0..1, a core each.
        mesh: columns, rows, cores at a router.
        title: over the figure.
        path: PNG file.

    Raises:
        NexusError: no cores.
    """
    if not len(places):
        raise NexusError("chips cannot be drawn: there is no core in use")
    from matplotlib.colors import LinearSegmentedColormap

    columns, rows, cores = mesh
    side = ceil(cores**0.5)
    chips = int(places[:, 0].max()) + 1
    across = min(chips, 1 if chips == 1 else 2)
    down = ceil(chips / across)
    scale = 1.6 if chips == 1 else 1.0
    wide, high = columns * side * _CELL * scale, rows * side * _CELL * scale
    width, height = across * (wide + 0.35) + 1.15, down * (high + 0.45) + 0.75
    figure = style.titled(width, height, title, 0.32, x=0.3 / width, size=12)
    colours = LinearSegmentedColormap.from_list("load", ["#dbe8f1", style.FRACTION, "#12314a"])
    image: Any = None
    for chip in range(chips):
        left = 0.3 + chip % across * (wide + 0.35)
        bottom = height - 0.95 - (chip // across) * (high + 0.45) - high
        axes = figure.add_axes((left / width, bottom / height, wide / width, high / height))
        grid = np.full((rows * side, columns * side), np.nan)
        for place, load in zip(places, loads, strict=True):
            if place[0] == chip:
                grid[place[2] * side + place[3] // side, place[1] * side + place[3] % side] = 100 * load
        image = axes.pcolormesh(grid, cmap=colours, vmin=0, vmax=100, edgecolors="white", linewidth=0.6)
        for x in range(0, columns * side + 1, side):
            axes.axvline(x, color=style.FAINT, linewidth=0.9)
        for y in range(0, rows * side + 1, side):
            axes.axhline(y, color=style.FAINT, linewidth=0.9)
        used = int((places[:, 0] == chip).sum())
        label = f"chip {chip + 1}: {used} of {columns * rows * cores} cores" if chips > 1 else f"{used} cores in use"
        axes.set_title(label, size=9, weight="normal", color=style.FAINT, pad=4)
        axes.set_xticks([])
        axes.set_yticks([])
        style.bare(axes)
    bar = figure.add_axes((1 - 0.78 / width, 0.35 / height, 0.16 / width, min(2.6, height - 1.3) / height))
    shown: Any = figure.colorbar(image, cax=bar)
    shown.outline.set_visible(False)
    shown.ax.set_title("load, %", size=8.5, weight="normal", pad=6, loc="center")
    shown.ax.tick_params(labelsize=8.5)
    return style.save(figure, path)


def chips_figure(placed: Sequence[ProgramPlacement], boards: dict[str, int], title: str, path: Path) -> Path:
    """Draws seconds a token against chips, both logarithmic, boards as marks; returns the path written.

    Beside the latency of a token stands the least time between tokens of sequences side by side. A placement that
    another one beats in chips and in both times is left out.

    Raises:
        NexusError: fewer than one placement.
    """
    if not placed:
        raise NexusError("chips against time cannot be drawn: there is no folding")
    points = {(p.chips, p.seconds, p.interval * p.step_ns * 1e-9) for p in placed}
    kept = [p for p in points if not any(q != p and all(map(le, q, p)) for q in points)]
    chips, seconds, gaps = zip(*sorted(kept, key=lambda point: (point[0], -point[1])), strict=True)
    figure = style.titled(8.2, 4.9, title, 0.055 * 4.9, size=12.5)
    axes = figure.add_axes((0.1, 0.125, 0.86, 0.7))
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = min(chips) / 1.6, max(chips) * 1.6
    axes.set_xlim(low, high)
    for name, size in boards.items():
        if low < size < high:
            axes.axvline(size, color=style.GRID, linewidth=1.4, zorder=0)
            text = f"{name.replace('_', ' ').title()}, {size:,}"
            axes.text(size, 1.015, text, transform=axes.get_xaxis_transform(), size=8.5, color=style.FAINT, ha="center")
    axes.plot(chips, seconds, "o-", color=style.FRACTION, markersize=4.5, label="one sequence")
    axes.plot(chips, gaps, "D-", color=style.EXPONENT, markersize=4, label="many sequences interleaved, at best")
    axes.set_xlabel("chips")
    axes.set_ylabel("seconds a token")
    axes.xaxis.set_major_formatter(lambda value, _: short(round(value)) if value >= 1 else "")
    axes.yaxis.set_major_formatter(lambda value, _: short(round(value)) if value >= 1 else f"{value:g}")
    style.grid(axes, "y")
    axes.tick_params(which="minor", size=0)
    axes.legend(loc="lower left", fontsize=9)
    style.bare(axes, "left", "bottom")
    return style.save(figure, path)
