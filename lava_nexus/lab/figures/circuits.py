"""Figures of circuits: neurons beside printed ones, least neurons against least depth, bits of numbers as spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat, patterns_to_spikes
from lava_nexus.lab.figures import style

_ROW = 0.3  # inches of height
_BOTTOM, _TOP = 0.5, 1.35
_LEFT, _PANEL, _GAP = 1.35, 4.6, 0.4
_SHORT = {
    "float8_e4m3fn": "FP8 E4M3",
    "float8_e5m2": "FP8 E5M2",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float32": "FP32",
    "float64": "FP64",
}
# Colour, shape, height above the line: of one width the format with more fraction is round and above.
_LOOK = {
    "float8_e4m3fn": ("#eab354", "o", 0.13),
    "float8_e5m2": ("#d98a1c", "D", -0.13),
    "float16": ("#5fb797", "o", 0.13),
    "bfloat16": ("#2f8a6d", "D", -0.13),
    "float32": ("#2f6f9f", "o", 0.0),
    "float64": ("#46306b", "o", 0.0),
}


@dataclass(frozen=True)
class CircuitSize:
    """What a circuit is, and what it takes."""

    operation: str
    format: str
    basis: str
    style: str
    neurons: int
    depth: int


def neuron_figure(counts: Sequence[CircuitSize], printed: Mapping[str, int], path: Path) -> Path:
    """A panel a basis, a line an operation, a dot a format; returns the path written.

    Args:
        counts: at least one; any order; operations with most FP32 neurons come out on top.
        printed: neurons by operation in FP32, as published.
        path: PNG file.

    Raises:
        NexusError: no counts.
    """
    if not counts:
        raise NexusError("neurons cannot be drawn: there is no circuit")
    operations = _ranked(counts)
    bases = list(dict.fromkeys(count.basis for count in counts))
    formats = [name for name in _LOOK if any(count.format == name for count in counts)]
    height = _ROW * len(operations) + _BOTTOM + _TOP
    whole = _LEFT + (_PANEL + _GAP) * len(bases)
    figure = style.titled(whole, height, "Neurons of one operation, relays included", 0.32, x=0.02)
    shown = [count.neurons for count in counts] + [printed[name] for name in operations if name in printed]
    limits = 0.7 * min(shown), 1.5 * max(shown)
    for i, basis in enumerate(bases):
        left, width = (_LEFT + (_PANEL + _GAP) * i) / whole, _PANEL / whole
        axes = figure.add_axes((left, _BOTTOM / height, width, _ROW * len(operations) / height))
        _panel(axes, basis, [count for count in counts if count.basis == basis], operations, printed, limits)
        axes.set_yticks(range(len(operations)), operations if i == 0 else [""] * len(operations))
    _legend(figure, formats, any(name in printed for name in operations), 1 - 0.72 / height)
    return style.save(figure, path)


def _ranked(counts: Sequence[CircuitSize]) -> list[str]:
    """Operations by the neurons of FP32 in the first basis, or of the widest format that they have."""
    first = counts[0].basis

    def size(operation: str) -> tuple[int, int]:
        mine = [count for count in counts if count.operation == operation and count.basis == first]
        single = [count.neurons for count in mine if count.format == "float32"]
        return max(single or [count.neurons for count in mine] or [0]), -len(mine)

    return sorted(dict.fromkeys(count.operation for count in counts), key=size)


def _panel(
    axes: Any,
    basis: str,
    counts: list[CircuitSize],
    operations: list[str],
    printed: Mapping[str, int],
    limits: tuple[float, float],
) -> None:
    for row, operation in enumerate(operations):
        mine = [count for count in counts if count.operation == operation]
        if mine:
            ends = min(count.neurons for count in mine), max(count.neurons for count in mine)
            axes.plot(ends, (row, row), color=style.GRID, linewidth=2.4, zorder=1, solid_capstyle="round")
        for count in mine:
            colour, shape, above = _LOOK.get(count.format, (style.FAINT, "s", 0.0))
            look = {"s": 20 if shape == "D" else 32, "color": colour, "marker": shape, "edgecolor": "white"}
            axes.scatter(count.neurons, row + above, linewidth=0.6, zorder=3, **look)
        if operation in printed:
            axes.scatter(printed[operation], row, s=62, color=style.SIGN, marker="|", linewidth=2.0, zorder=4)
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.set_ylim(-0.6, len(operations) - 0.4)
    style.grid(axes, "x")
    axes.xaxis.set_major_formatter(style.thousands)
    axes.tick_params(axis="x", which="minor", size=0)
    axes.set_title(f"{basis} basis", size=10.5, pad=7, weight="normal", color=style.FAINT)
    style.bare(axes, "bottom")


def _legend(figure: Any, formats: list[str], published: bool, y: float) -> None:
    entries = [style.legend_mark(_SHORT[name], _LOOK[name][1], _LOOK[name][0], markersize=6.5) for name in formats]
    if published:
        label = "FP32 as printed by NEXUS (arXiv 2601.21279)"
        entries.append(style.legend_mark(label, "|", style.SIGN, markersize=10, markeredgewidth=2))
    style.legend_row(figure, entries, y, columnspacing=1.4, fontsize=9.5)


_MARKS = {"neurons": "o", "depth": "D"}


def tradeoff_figure(circuits: Sequence[CircuitSize], title: str, path: Path) -> Path:
    """Neurons against depth, both logarithmic; each operation joins its styles by a line; returns the path written.

    Raises:
        NexusError: no circuits.
    """
    if not circuits:
        raise NexusError("styles cannot be drawn: there is no circuit")
    from matplotlib.ticker import LogLocator, NullLocator

    figure = style.titled(8.6, 5.4, title, 0.045 * 5.4, x=0.02)
    axes = figure.add_axes((0.09, 0.12, 0.87, 0.7))
    operations = list(dict.fromkeys(one.operation for one in circuits))
    for i, operation in enumerate(operations):
        colour = style.PALETTE[i % len(style.PALETTE)]
        mine = sorted((one for one in circuits if one.operation == operation), key=lambda one: one.depth)
        axes.plot([one.depth for one in mine], [one.neurons for one in mine], color=colour, linewidth=1.6, zorder=2)
        for one in mine:
            mark = _MARKS.get(one.style, "s")
            axes.scatter(one.depth, one.neurons, s=46, color=colour, marker=mark, edgecolor="white", zorder=3)
        last = mine[-1]
        axes.annotate(
            operation, (last.depth, last.neurons), xytext=(8, 0), textcoords="offset points", va="center", color=colour
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.12, y=0.1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(style.thousands)
    style.grid(axes)
    axes.set_xlabel("depth: time steps from operands to result")
    axes.set_ylabel("neurons, relays included")
    style.legend_row(
        figure, [style.legend_mark(f"least {name}", mark, style.FAINT) for name, mark in _MARKS.items()], 0.89
    )
    return style.save(figure, path)


@dataclass(frozen=True)
class Snapshot:
    """What one token holds at one point of a layer.

    Attributes:
        name: of the point, for example "RMSNorm".
        patterns: bit patterns [values] of the token.
        format: of the patterns.
        steps: time step [values] in which all bits of a value are sent; None where that is not known.
    """

    name: str
    patterns: NDArray[Any]
    format: FloatFormat
    steps: NDArray[np.int64] | None = None


def spike_raster(stages: Sequence[Snapshot], path: Path, value: int = 0, title: str = "") -> Path:
    """Draws one value's spikes through the stages above, and the whole token's below; returns the path written.

    Args:
        stages: at least one, in the order of the program.
        path: PNG file.
        value: index of the value followed above (the last one of a stage that has fewer).
        title: over the figure.

    Raises:
        NexusError: no stage, or one without values.
    """
    if not stages or any(stage.patterns.size == 0 for stage in stages):
        raise NexusError("a spike raster needs at least one stage, and at least one value in each")
    columns = min(len(stages), 5)
    rows = -(-len(stages) // columns)
    upper, lower = 0.36 * len(stages), 2.1 * rows
    height = upper + lower + 2.0
    figure = style.titled(11.0, height, title or "Numbers as spikes", 0.32)
    _legend_of_bits(figure, 1 - 0.32 / height)
    top = figure.add_axes((0.17, (lower + 1.05) / height, 0.62, upper / height))
    _follow(top, stages, value)
    below = f"The whole token at every stage; value {value} is marked"
    figure.text(0.05, (lower + 0.68) / height, below, size=10, color=style.FAINT)
    if any(stage.steps is not None for stage in stages):
        told = "all bits of a number are sent in one time step, each on a channel of its own"
        figure.text(0.975, (lower + 0.68) / height, told, size=10, color=style.FAINT, ha="right")
    grid = figure.add_gridspec(
        rows,
        columns,
        left=0.05,
        right=0.975,
        bottom=0.25 / height,
        top=(lower + 0.2) / height,
        wspace=0.16,
        hspace=0.38,
    )
    for i, stage in enumerate(stages):
        _token(figure.add_subplot(grid[i // columns, i % columns]), stage, value)
    return style.save(figure, path)


def _colours(fmt: FloatFormat) -> NDArray[np.str_]:
    return np.array([style.SIGN] + [style.EXPONENT] * fmt.exponent_bits + [style.FRACTION] * fmt.fraction_bits)


def _legend_of_bits(figure: Any, y: float) -> None:
    for x, name, colour in (
        (0.72, "sign", style.SIGN),
        (0.79, "exponent", style.EXPONENT),
        (0.895, "fraction", style.FRACTION),
    ):
        figure.text(x, y, "┃", color=colour, size=13, weight="bold", va="center")
        figure.text(x + 0.015, y, name, size=10, va="center")


def _follow(axes: Any, stages: Sequence[Snapshot], value: int) -> None:
    """One value: a line a stage, a tick where the bit's channel spikes, a dot where it is silent."""
    widest = max(stage.format.bits for stage in stages)
    for row, stage in enumerate(stages):
        flat = np.ravel(stage.patterns)
        pattern = flat[min(value, flat.size - 1)]
        spikes = patterns_to_spikes(pattern, stage.format.bits).astype(bool)
        bits, colours = np.arange(stage.format.bits), _colours(stage.format)
        axes.vlines(bits[spikes], row - 0.34, row + 0.34, colors=colours[spikes], linewidth=4.2)
        axes.scatter(bits[~spikes], np.full((~spikes).sum(), row), s=5, color=style.GRID, zorder=0)
        number = float(stage.format.from_patterns(np.array([pattern], stage.format.pattern_dtype))[0])
        axes.text(-1.3, row, stage.name, ha="right", va="center", size=10)
        axes.text(widest + 0.3, row, f"{number:+.6g}", ha="left", va="center", size=10, family="monospace")
        if stage.steps is not None:
            step = int(stage.steps[min(value, len(stage.steps) - 1)])
            axes.text(widest + 7.6, row, f"{step:,}", ha="right", va="center", size=10, family="monospace")
    if any(stage.steps is not None for stage in stages):
        axes.text(widest + 7.6, -0.95, "time step", ha="right", va="center", size=10, color=style.FAINT)
    axes.set_xlim(-0.8, widest - 0.2)
    axes.set_ylim(len(stages) - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    style.bare(axes)
    axes.set_title(
        f"One activation (value {value}), a channel a bit, MSB first",
        size=10,
        pad=6,
        weight="normal",
        color=style.FAINT,
    )


def _token(axes: Any, stage: Snapshot, value: int) -> None:
    """The whole token: values down, channels across, a coloured cell where a channel spikes."""
    spikes = patterns_to_spikes(np.ravel(stage.patterns), stage.format.bits)
    image = np.ones((*spikes.shape, 3))
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in _colours(stage.format)])
    image[spikes == 1] = np.broadcast_to(rgb, (*spikes.shape, 3))[spikes == 1]
    axes.imshow(image, aspect="auto", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.plot([-1.2], [min(value, len(spikes) - 1)], marker=">", color=style.INK, markersize=5, clip_on=False)
    axes.set_title(f"{stage.name}", size=10, pad=4)
    axes.set_xlabel(
        f"{spikes.shape[0]} values × {spikes.shape[1]} bits, {int(spikes.sum()):,} spikes",
        size=8,
        color=style.FAINT,
        labelpad=3,
    )
    axes.set_xlim(-0.5, spikes.shape[1] - 0.5)
    for spine in axes.spines.values():
        spine.set_color(style.GRID)
