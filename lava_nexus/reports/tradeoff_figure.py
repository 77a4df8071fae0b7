"""Figure: least neurons against least depth, a line an operation between its circuits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lava_nexus.errors import NexusError
from lava_nexus.reports import style

_MARKS = {"neurons": "o", "depth": "D"}


@dataclass(frozen=True)
class Built:
    """One circuit: what it is called, in which style it was built, and what it takes."""

    operation: str
    style: str
    neurons: int
    depth: int


def tradeoff_figure(circuits: Sequence[Built], title: str, path: Path) -> Path:
    """Neurons against depth, both logarithmic; each operation joins its styles by a line; returns the path written.

    Raises:
        NexusError: no circuits.
    """
    if not circuits:
        raise NexusError("styles cannot be drawn: there is no circuit")
    from matplotlib.ticker import LogLocator, NullLocator

    figure = style.new_figure(8.6, 5.4)
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
        axis.set_major_formatter(lambda value, _: f"{value:g}" if value < 1000 else f"{value / 1000:g} k")
    style.grid(axes)
    axes.set_xlabel("depth: time steps from operands to result")
    axes.set_ylabel("neurons, relays included")
    figure.text(0.02, 0.955, title, size=14, weight="bold", va="center")
    style.legend_row(
        figure, [style.legend_mark(f"least {name}", mark, style.FAINT) for name, mark in _MARKS.items()], 0.89
    )
    return style.save(figure, path)
