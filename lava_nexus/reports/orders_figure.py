"""Orders of accumulation: how far from PyTorch and from float64, and the energy of a multiply-accumulate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lava_nexus.reports.style import FAINT, PALETTE, bare, grid, new_figure, save


@dataclass(frozen=True)
class OrderBar:
    """One choice.

    Attributes:
        name: shown below, lines broken.
        torch_mean, exact_mean: mean ULP from PyTorch and from float64.
        torch_zero_rate, exact_zero_rate: share of results with the same bits.
        nanojoules: of a multiply-accumulate.
    """

    name: str
    torch_mean: float
    exact_mean: float
    torch_zero_rate: float
    exact_zero_rate: float
    nanojoules: float


def orders_figure(bars: Sequence[OrderBar], path: Path) -> Path:
    """Two panels: equal bits, and energy."""
    figure = new_figure(max(8.0, 1.35 * len(bars) + 1.2), 6.4)
    upper, lower = figure.subplots(2, 1, sharex=True)
    places = np.arange(len(bars))
    series = (
        ("PyTorch", PALETTE[0], -0.2, [(bar.torch_zero_rate, bar.torch_mean) for bar in bars]),
        ("float64, rounded", PALETTE[1], 0.2, [(bar.exact_zero_rate, bar.exact_mean) for bar in bars]),
    )
    for name, colour, shift, values in series:
        upper.bar(places + shift, [100 * rate for rate, _ in values], 0.36, color=colour, label=name)
        for place, (rate, mean) in zip(places, values, strict=True):
            text = f"{100 * rate:.0f} %\n{mean:.2g}"
            upper.text(place + shift, 100 * rate + 1.5, text, ha="center", va="bottom", fontsize=8)
    upper.set_ylim(0, 128)
    upper.set_yticks([0, 25, 50, 75, 100])
    upper.set_ylabel("same bits, %")
    upper.set_title("Results with the same bits (below the rate: mean ULP)")
    upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    lower.bar(places, [bar.nanojoules for bar in bars], 0.6, color=PALETTE[2])
    for place, bar in zip(places, bars, strict=True):
        lower.text(place, bar.nanojoules, f"{bar.nanojoules:.0f}", ha="center", va="bottom", fontsize=8, color=FAINT)
    lower.set_ylabel("nJ a multiply-accumulate")
    lower.set_title("Energy: SynOps and neuron updates")
    lower.set_xticks(places, [bar.name for bar in bars], fontsize=9)
    for axes in (upper, lower):
        grid(axes, "y")
        bare(axes, "bottom")
    figure.tight_layout()
    return save(figure, path)
