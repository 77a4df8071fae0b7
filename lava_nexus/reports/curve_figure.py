"""Figure: curves over steps; a wide one under the others shows where two lie on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lava_nexus.errors import NexusError
from lava_nexus.reports import style


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
