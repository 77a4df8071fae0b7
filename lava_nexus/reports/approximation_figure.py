"""Figure: how the error of an approximate model grows from layer to layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from lava_nexus.errors import NexusError
from lava_nexus.reports import style


def approximation_figure(
    layers: Sequence[str],
    max_errors: Sequence[float],
    mean_errors: Sequence[float],
    cosines: Sequence[float],
    path: Path,
) -> Path:
    """Largest and mean error, and 1 - cosine, of what leaves each layer, in the order of the model.

    Raises:
        NexusError: there is no layer.
    """
    if not layers:
        raise NexusError("the error by layer cannot be drawn: there is no layer")
    height = 3.2 + 0.17 * len(layers)
    figure = style.new_figure(10.0, height)
    figure.text(
        0.03, 1 - 0.3 / height, "Error against the exact model, layer by layer", size=14, weight="bold", va="center"
    )
    axes = figure.add_axes((0.31, 0.75 / height, 0.66, 1 - 1.6 / height))
    rows = range(len(layers))
    series = (
        ("largest error", max_errors, style.PALETTE[3], "o"),
        ("mean error", mean_errors, style.PALETTE[0], "s"),
        ("1 - cosine", [1 - c for c in cosines], style.PALETTE[2], "^"),
    )
    for label, values, colour, marker in series:
        shown = [v if v > 0 else math.nan for v in values]
        axes.plot(shown, rows, color=colour, marker=marker, markersize=4, linewidth=1, label=label)
    axes.set_xscale("log")
    axes.set_yticks(list(rows), list(layers), fontsize=8)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_xlabel("error; nothing is drawn where there is none")
    style.grid(axes)
    style.bare(axes, "left", "bottom")
    figure.legend(loc="upper right", bbox_to_anchor=(0.98, 1 - 0.42 / height), ncols=3, fontsize=9)
    return style.save(figure, path)
