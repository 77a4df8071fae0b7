"""Figure: where the synaptic operations go, by layer and by kind of circuit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.reports import style

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
    figure = style.new_figure(10.0, height)
    figure.text(0.03, 1 - 0.33 / height, title or "Where the SynOps go", size=14, weight="bold", va="center")
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
