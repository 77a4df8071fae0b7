"""Figure: the bits of a number as spikes, one channel a bit, from stage to stage of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat, patterns_to_spikes
from lava_nexus.lab.figures import style


@dataclass(frozen=True)
class Stage:
    """What one token holds at one point of a layer.

    Attributes:
        name: of the point, for example "RMSNorm".
        patterns: bit patterns [values] of the token.
        format: of the patterns.
    """

    name: str
    patterns: NDArray[Any]
    format: FloatFormat


def spike_raster(stages: Sequence[Stage], path: Path, value: int = 0, title: str = "") -> Path:
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
    columns = min(len(stages), 4)
    rows = -(-len(stages) // columns)
    upper, lower = 0.36 * len(stages), 2.1 * rows
    height = upper + lower + 2.0
    figure = style.titled(11.0, height, title or "Numbers as spikes", 0.32)
    _legend(figure, 1 - 0.32 / height)
    top = figure.add_axes((0.17, (lower + 1.05) / height, 0.66, upper / height))
    _follow(top, stages, value)
    below = f"The whole token at every stage; value {value} is marked"
    figure.text(0.05, (lower + 0.68) / height, below, size=10, color=style.FAINT)
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


def _legend(figure: Any, y: float) -> None:
    for x, name, colour in (
        (0.72, "sign", style.SIGN),
        (0.79, "exponent", style.EXPONENT),
        (0.895, "fraction", style.FRACTION),
    ):
        figure.text(x, y, "┃", color=colour, size=13, weight="bold", va="center")
        figure.text(x + 0.015, y, name, size=10, va="center")


def _follow(axes: Any, stages: Sequence[Stage], value: int) -> None:
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


def _token(axes: Any, stage: Stage, value: int) -> None:
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
