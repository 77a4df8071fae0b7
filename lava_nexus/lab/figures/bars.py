"""Figures of where things are: SynOps by layer, cores of chips by load and traffic, chips against time a token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from operator import le
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import Mesh
from lava_nexus.chip.mesh import Links, board_columns, link_loads
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.errors import NexusError
from lava_nexus.execute.sampled import Estimate
from lava_nexus.lab.figures import style

_KINDS = len(style.PALETTE) - 1
_BAR, _ENTRY, _LETTER, _WIDTH = 0.28, 0.21, 0.068, 10.0  # inches: height of a bar and of an entry of the legend
_SIZES = re.compile(r", outputs \d+, inputs \d+$")


def synops_bars(layers: Sequence[tuple[str, str, int]], path: Path, title: str = "") -> Path:
    """Draws a bar a layer, split by kind of circuit; returns the path written.

    Layers that repeat, as those of one role in every block, are one bar. All bars share one axis; the legend gives each
    kind's share of the whole.

    Args:
        layers: (layer, kind of circuit, SynOps), layers in the order of the program; equal pairs are added.
        path: PNG file.
        title: over the figure.

    Raises:
        NexusError: nothing was counted.
    """
    estimated = any(isinstance(synops, Estimate) for _, _, synops in layers)
    layers = [
        (layer, _SIZES.sub("", kind), round(float(synops)) if estimated else synops) for layer, kind, synops in layers
    ]
    total = sum(synops for _, _, synops in layers)
    if not total:
        raise NexusError("where the SynOps go cannot be drawn: 0 SynOps were counted")
    kinds = _ranked_kinds(layers)
    colours = {kind: style.PALETTE[i] for i, kind in enumerate(kinds)}
    bars: dict[str, dict[str, int]] = {}
    for name, (_, kind, synops) in zip(_roles([layer for layer, _, _ in layers]), layers, strict=True):
        parts = bars.setdefault(name, dict.fromkeys(kinds, 0))
        parts[kind if kind in colours else "others"] += synops
    shares = {kind: 100 * sum(parts[kind] for parts in bars.values()) / total for kind in kinds}
    labels = {kind: f"{kind}  {_percent(share)}" for kind, share in shares.items()}
    columns = max(1, min(5, len(labels), int(_WIDTH / (0.45 + _LETTER * max(map(len, labels.values()))))))
    inner, legend = _BAR * len(bars), _ENTRY * ceil(len(labels) / columns)
    height = inner + 1.33 + legend
    figure = style.titled(_WIDTH, height, title or "Where the SynOps go", 0.33)
    figure.text(
        0.97,
        1 - 0.33 / height,
        f"{short(total)} SynOps in all{', estimated' * estimated}",
        size=11,
        ha="right",
        va="center",
    )
    axes = figure.add_axes((0.27, 0.55 / height, 0.6, inner / height))
    _bars(axes, bars, colours, total)
    entries = [style.legend_mark(label, "s", colours[kind]) for kind, label in labels.items()]
    style.legend_row(figure, entries, 1 - (0.57 + legend / 2) / height, ncols=columns, fontsize=8.5, columnspacing=1.1)
    return style.save(figure, path)


def _percent(share: float) -> str:
    return f"{share:.1f} %" if share >= 0.05 else "< 0.1 %"


def _roles(layers: Sequence[str]) -> list[str]:
    """Names of layers with the numbers taken out where several differ in them alone, and how many those are."""
    role = {layer: re.sub(r"\d+", "*", layer, count=1) for layer in layers}
    alike: dict[str, set[str]] = {}
    for layer, name in role.items():
        alike.setdefault(name, set()).add(layer)
    return [layer if len(alike[role[layer]]) == 1 else f"{len(alike[role[layer]])} x {role[layer]}" for layer in layers]


def _ranked_kinds(layers: Sequence[tuple[str, str, int]]) -> list[str]:
    sums: dict[str, int] = {}
    for _, kind, synops in layers:
        sums[kind] = sums.get(kind, 0) + synops
    ranked = sorted(sums, key=lambda kind: (-sums[kind], kind))
    return ranked if len(ranked) <= len(style.PALETTE) else [*ranked[:_KINDS], "others"]


def _bars(axes: Any, bars: dict[str, dict[str, int]], colours: dict[str, str], total: int) -> None:
    longest = max(sum(parts.values()) for parts in bars.values())
    for row, parts in enumerate(bars.values()):
        left = 0
        for kind, synops in parts.items():
            axes.barh(row, synops, left=left, height=0.7, color=colours[kind], edgecolor="white", linewidth=0.5)
            left += synops
        label = f"{short(left)}  {_percent(100 * left / total)}"
        axes.text(left + 0.012 * longest, row, label, va="center", size=9, color=style.INK)
    axes.set_yticks(range(len(bars)), list(bars))
    axes.set_xlim(0, longest * 1.02)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda value, _: short(round(value)))
    axes.set_xlabel("SynOps")
    style.grid(axes, "x")
    style.bare(axes, "left")


def short(count: int) -> str:
    """Three significant digits: 1,234,567 is `1.23 M`."""
    for factor, suffix in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= 0.9995 * factor:
            return f"{count / factor:.3g} {suffix}"
    return str(count)


_CELL = 0.26  # inches


@dataclass(frozen=True, eq=False)
class ChipMap:
    """Cores on chips and what they do.

    Attributes:
        places: [cores, 4]; chip, column, row, slot.
        loads: 0..1, a core each.
        what: `loads` are, in words, for the scale.
        mesh: of routers, and cores at each.
        links: source core, target core, messages a token; those within a chip are drawn along the mesh.
    """

    places: NDArray[np.int64]
    loads: Sequence[float]
    what: str
    mesh: Mesh
    links: Links | None = None

    @property
    def side(self) -> int:
        """Cores of a router, as a square."""
        return ceil(sqrt(self.mesh.cores_per_router))


def chip_figure(found: ChipMap, title: str, path: Path) -> Path:
    """Draws each chip as its mesh of routers, each router as its cores, traffic as lines; returns the path written.

    Raises:
        NexusError: no cores.
    """
    if not len(found.places):
        raise NexusError("chips cannot be drawn: there is no core in use")
    from matplotlib.colors import LinearSegmentedColormap

    columns, rows = found.mesh.columns, found.mesh.rows
    chips = int(found.places[:, 0].max()) + 1
    across = min(chips, 1 if chips == 1 else 2)
    down = ceil(chips / across)
    scale = 1.6 if chips == 1 else 1.0
    wide, high = columns * found.side * _CELL * scale, rows * found.side * _CELL * scale
    routes = _routes(found)
    busiest = max((times for one in routes for *_, times in one), default=0)
    width, height = across * (wide + 0.35) + 1.25, down * (high + 0.45) + 0.75 + (0.3 if busiest else 0.0)
    figure = style.titled(width, height, title, 0.32, x=0.3 / width, size=12)
    colours = LinearSegmentedColormap.from_list("load", ["#dbe8f1", style.FRACTION, "#12314a"])
    image: Any = None
    for chip in range(chips):
        left = 0.3 + chip % across * (wide + 0.35)
        bottom = height - 0.95 - (chip // across) * (high + 0.45) - high
        axes = figure.add_axes((left / width, bottom / height, wide / width, high / height))
        image = _cores(axes, found, chip, colours)
        for x, y, times in routes[chip]:
            axes.plot(x, y, color=style.EXPONENT, linewidth=0.8 + 6 * (times / busiest) ** 0.5, alpha=0.85,
                      solid_capstyle="round")  # fmt: skip
    if busiest:
        told = f"orange: messages over a link between routers, at most {short(busiest)} a token"
        figure.text(0.3 / width, 0.2 / height, told, size=9, color=style.INK, va="center")
    bar = figure.add_axes((1 - 0.78 / width, 0.65 / height, 0.16 / width, min(2.6, height - 1.9) / height))
    shown: Any = figure.colorbar(image, cax=bar)
    shown.outline.set_visible(False)
    shown.ax.yaxis.set_label_position("left")
    shown.set_label(found.what, size=8.5)
    shown.ax.tick_params(labelsize=8.5)
    return style.save(figure, path)


def _cores(axes: Any, found: ChipMap, chip: int, colours: Any) -> Any:
    """The cores of one chip by load, white where nothing lives; returns what a scale is made of."""
    columns, rows, cores = found.mesh.columns, found.mesh.rows, found.mesh.cores_per_router
    side = found.side
    grid = np.full((rows * side, columns * side), np.nan)
    for place, load in zip(found.places, found.loads, strict=True):
        if place[0] == chip:
            grid[place[2] * side + place[3] // side, place[1] * side + place[3] % side] = 100 * load
    image = axes.pcolormesh(grid, cmap=colours, vmin=0, vmax=100, edgecolors="white", linewidth=0.6)
    for x in range(0, columns * side + 1, side):
        axes.axvline(x, color=style.FAINT, linewidth=0.9)
    for y in range(0, rows * side + 1, side):
        axes.axhline(y, color=style.FAINT, linewidth=0.9)
    used = int((found.places[:, 0] == chip).sum())
    label = f"{used} of {columns * rows * cores} cores in use"
    several = int(found.places[:, 0].max()) > 0
    axes.set_title(f"chip {chip + 1}: {label}" if several else label, size=9, weight="normal", color=style.FAINT, pad=4)
    axes.set(xticks=[], yticks=[], xlim=(0, columns * side), ylim=(0, rows * side))
    style.bare(axes)
    return image


def _routes(found: ChipMap) -> list[list[tuple[list[float], list[float], int]]]:
    """For each chip x, y and messages of every link of its mesh that carries any, both ways together."""
    drawn: list[list[tuple[list[float], list[float], int]]] = [[] for _ in range(int(found.places[:, 0].max()) + 1)]
    if found.links is None:
        return drawn
    size = (found.mesh.columns, found.mesh.rows)
    wide = board_columns(len(drawn))
    east, west, south, north = link_loads(found.places, found.links, found.mesh)
    for axis, both in ((0, east + west), (1, south + north)):
        for line, at in np.argwhere(both).tolist():
            start = (at, line) if axis == 0 else (line, at)
            chip = start[1] // size[1] * wide + start[0] // size[0]
            if (at + 1) % size[axis]:  # else it leaves the chip
                ends = [[(start[k] % size[k] + 0.5) * found.side] * 2 for k in (0, 1)]
                ends[axis][1] += found.side
                drawn[chip].append((ends[0], ends[1], int(both[line, at])))
    return drawn


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
