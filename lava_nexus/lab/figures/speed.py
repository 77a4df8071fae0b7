"""How fast circuits run: published code, the CPU and a GPU, from the records of other machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lava_nexus.lab.figures import style

_MARKS = ("x", "s", "o", "D")


def speed_figure(speeds: Mapping[str, Mapping[str, float]], title: str, path: Path) -> Path:
    """Marks of operations a second, a line an operation, on a logarithmic scale; returns the path written.

    Args:
        speeds: by what ran them, then by operation; an operation that one lacks has no mark there.
        title: of the figure.
        path: of the image.
    """
    operations = list(dict.fromkeys(name for of in speeds.values() for name in of))
    tall = 1.7 + 0.45 * len(operations)
    figure = style.titled(10, tall, title, x=0.012, size=13)
    axes = figure.add_axes((0.1, 0.55 / tall, 0.87, 1 - 1.5 / tall))
    colours = [style.PALETTE[3], style.PALETTE[1], style.PALETTE[0], style.PALETTE[2]]
    for place, operation in enumerate(reversed(operations)):
        found = [of[operation] for of in speeds.values() if operation in of]
        axes.plot([min(found), max(found)], [place, place], color=style.GRID, linewidth=2, zorder=0)
        for of, mark, colour in zip(speeds.values(), _MARKS, colours, strict=False):
            if operation in of:
                axes.plot(of[operation], place, mark, color=colour, markersize=8)
    axes.set(xscale="log", xlabel="operations a second", ylim=(-0.5, len(operations) - 0.5))
    axes.set_yticks(range(len(operations)), operations[::-1])
    style.bare(axes, "bottom")
    style.grid(axes, "x")
    entries = [
        style.legend_mark(name, *look) for name, look in zip(speeds, zip(_MARKS, colours, strict=True), strict=False)
    ]
    style.legend_row(figure, entries, 1 - 0.68 / tall)
    return style.save(figure, path)
