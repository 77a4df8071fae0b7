"""Figure: what layers of models cost; processor seconds by multiplications, and memory by layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.reports import style

_GIGA = 1e9


@dataclass(frozen=True)
class Cost:
    """One run.

    Attributes:
        name: of the model.
        layers: that ran, one after the other.
        tokens: that passed through them.
        multiplications: of numbers, each by neurons.
        seconds: wall time.
        processor: seconds of all processors together, which does not depend on what else the machine does.
        peak: most memory that the process held, in bytes.
    """

    name: str
    layers: int
    tokens: int
    multiplications: int
    seconds: float
    processor: float
    peak: int


def cost_figure(costs: Sequence[Cost], title: str, path: Path) -> Path:
    """Processor seconds against multiplications, logarithmic, beside a line of equal rate; peak memory against layers.

    Returns the path written.

    Raises:
        NexusError: nothing to draw.
    """
    if not costs:
        raise NexusError("costs of models cannot be drawn: there is no run")
    figure = style.new_figure(11.5, 5.2)
    figure.text(0.012, 0.95, title, size=13, weight="bold", va="center")
    left, right = figure.add_axes((0.065, 0.12, 0.42, 0.68)), figure.add_axes((0.565, 0.12, 0.42, 0.68))
    names = list(dict.fromkeys(cost.name for cost in costs))
    for i, name in enumerate(names):
        mine = sorted((cost for cost in costs if cost.name == name), key=lambda cost: cost.layers)
        look = {"color": style.PALETTE[i % len(style.PALETTE)], "marker": "os^Dv<>pP"[i % 9], "markersize": 7}
        left.plot([c.multiplications for c in mine], [c.processor for c in mine], linewidth=0.8, **look)  # type: ignore
        right.plot([c.layers for c in mine], [c.peak / _GIGA for c in mine], linewidth=0.8, label=name, **look)  # type: ignore
    rate = _typical([cost.multiplications / cost.processor for cost in costs])
    ends = [min(c.multiplications for c in costs), max(c.multiplications for c in costs)]
    left.plot(ends, [end / rate for end in ends], color=style.FAINT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    text = f"dashed: {rate / 1e6:.3g} million a processor second"
    left.text(0.03, 0.93, text, transform=left.transAxes, color=style.FAINT, va="center")
    left.set(xscale="log", yscale="log", xlabel="multiplications, millions", ylabel="processor seconds")
    _ticks(left.xaxis, ends[0], ends[1], unit=1e6)
    _ticks(left.yaxis, min(c.processor for c in costs), max(c.processor for c in costs))
    right.set(xscale="log", xlabel="layers", ylabel="peak memory, GB")
    right.set_ylim(0, 1.15 * max(c.peak for c in costs) / _GIGA)
    ticks = sorted({cost.layers for cost in costs})
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.minorticks_off()
    for axes in (left, right):
        style.grid(axes)
        style.bare(axes, "left", "bottom")
    figure.legend(loc="upper left", bbox_to_anchor=(0.012, 0.915), ncols=min(4, len(names)), fontsize=9)
    return style.save(figure, path)


def _typical(rates: Sequence[float]) -> float:
    return sorted(rates)[len(rates) // 2]


def _ticks(axis: Any, least: float, most: float, unit: float = 1.0) -> None:
    """1, 2, 5, 10, ... units in the range, as plain numbers."""
    every = [digit * 10.0**power * unit for power in range(-4, 7) for digit in (1, 2, 5)]
    shown = [tick for tick in every if least / 1.3 <= tick <= 1.3 * most]
    shown = shown if len(shown) < 8 else shown[:: len(shown) // 5]
    axis.set_ticks(shown, [f"{tick / unit:,g}" for tick in shown])
    axis.set_tick_params(which="minor", size=0)
