"""Figures of ULP: how far results and hidden states are apart, layer by layer, and what is not correctly rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.lab.figures import style


@dataclass(frozen=True)
class DepthLine:
    """One comparison over depth.

    Attributes:
        largest, mean: ULP at each depth.
        zero_percent: share of results 0 ULP away, 0..100.
    """

    largest: Sequence[float | None]
    mean: Sequence[float | None]
    zero_percent: Sequence[float | None]


_PANELS = (("largest", "largest ULP"), ("mean", "mean ULP"), ("zero_percent", "0 ULP away, %"))
_LOOKS = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "v"), ("-", "D"))


def depth_figure(depths: Sequence[int], lines: Mapping[str, DepthLine], path: Path, title: str) -> Path:
    """Three panels over the number of layers, a line a comparison; returns the path written.

    ULP stand on an axis that is logarithmic above 1, so that 0 has its place; None is left out.
    """
    figure = style.new_figure(12.4, 4.9)
    figure.text(0.03, 0.94, title, size=14, weight="bold", va="center")
    for column, (field, label) in enumerate(_PANELS):
        axes = figure.add_axes((0.055 + 0.325 * column, 0.23, 0.275, 0.58))
        for i, (name, line) in enumerate(lines.items()):
            shown = [(d, v) for d, v in zip(depths, getattr(line, field), strict=True) if v is not None]
            if not shown:
                continue
            dash, marker = _LOOKS[i % len(_LOOKS)]
            axes.plot(
                *zip(*shown, strict=True),
                linestyle=dash,
                marker=marker,
                markersize=5,
                color=style.PALETTE[i],
                label=name,
                clip_on=False,
            )
        axes.set_title(label, size=11, pad=8)
        axes.set_xlabel("layers")
        axes.tick_params(axis="x", pad=7)
        axes.set_xticks(depths if len(depths) <= 16 else depths[:: -(-len(depths) // 14)])
        if field == "zero_percent":
            axes.set_ylim(0, 100)
        else:
            axes.set_yscale("symlog", linthresh=1)
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value < 1e6 else f"{value:.0e}")
        style.grid(axes, "y")
        axes.minorticks_off()
        style.bare(axes, "left", "bottom")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=9, bbox_to_anchor=(0.5, 0.01))
    return style.save(figure, path)


_BINS = 9  # 0, 1, 2-3, ... and what lies beyond
_COLOURS = (style.PALETTE[0], style.PALETTE[2], style.PALETTE[1])
_PRINTED = style.PALETTE[3]


@dataclass(frozen=True)
class UlpPanel:
    """One layer.

    Attributes:
        name, part: of the layer.
        results: how many were compared.
        unequal: results that differ from the strict reference.
        series: by comparison (results 0, 1, 2 to 3, 4 to 7, ... ULP away; largest ULP, -1 for a NaN against a number).
        published_max, published_zero_percent: what a paper prints, or None.
    """

    name: str
    part: str
    results: int
    unequal: int
    series: Mapping[str, tuple[Sequence[int], int]]
    published_max: int | None
    published_zero_percent: float | None


@dataclass(frozen=True)
class OperationBar:
    """One operation: (share 0..1 of results that are not correctly rounded, largest ULP) of ours and of PyTorch."""

    name: str
    ours: tuple[float, int] | None
    pytorch: tuple[float, int] | None
    results: int


def panel_figure(panels: Sequence[UlpPanel], path: Path) -> Path:
    """A histogram of distances a layer, with the published share of 0 ULP and largest ULP marked; returns the path."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    height = 2.85 * rows + 1.35
    figure = style.new_figure(5.4 * columns + 0.4, height)
    figure.text(
        0.035, 1 - 0.32 / height, "How far the results of a layer are apart", size=14, weight="bold", va="center"
    )
    grid = figure.add_gridspec(
        rows, columns, left=0.07, right=0.98, top=1 - 1.25 / height, bottom=0.55 / height, wspace=0.14, hspace=0.55
    )
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(grid[i // columns, i % columns])
        _histogram(axes, panel)
        if i % columns == 0:
            axes.set_ylabel("results, %")
        if i >= len(panels) - columns:
            axes.set_xlabel("distance in ULP")
    _legend(figure, height, list(panels[0].series), any(p.published_max is not None for p in panels))
    return style.save(figure, path)


def operation_figure(bars: Sequence[OperationBar], path: Path) -> Path:
    """For each operation the share of results that are not correctly rounded, ours and PyTorch's; returns the path."""
    height = 0.34 * len(bars) + 1.55
    figure = style.new_figure(9.6, height)
    figure.text(0.03, 1 - 0.3 / height, "Results that are not correctly rounded", size=14, weight="bold", va="center")
    figure.text(
        0.03,
        1 - 0.62 / height,
        f"share of {bars[0].results:,} random inputs; beside it the largest ULP",
        color=style.FAINT,
    )
    for x, colour, name in ((0.70, _COLOURS[0], "ours"), (0.79, _COLOURS[2], "PyTorch")):
        figure.text(x, 1 - 0.3 / height, "■", color=colour, size=12, va="center")
        figure.text(x + 0.02, 1 - 0.3 / height, name, va="center")
    axes = figure.add_axes((0.13, 0.45 / height, 0.77, (height - 1.4) / height))
    axes.set_xscale("log")
    floor = 0.3 / max(bar.results for bar in bars)
    for row, bar in enumerate(bars):
        for found, offset, colour in ((bar.ours, -0.17, _COLOURS[0]), (bar.pytorch, 0.17, _COLOURS[2])):
            _share(axes, row + offset, found, floor, colour)
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(floor, 1.0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.minorticks_off()
    style.grid(axes, "x")
    style.bare(axes, "left")
    return style.save(figure, path)


def _histogram(axes: Any, panel: UlpPanel) -> None:
    width = 0.8 / len(panel.series)
    used = max((i + 1 for h, _ in panel.series.values() for i, n in enumerate(h) if n), default=1)
    bins = min(_BINS, max(used, (panel.published_max or 0).bit_length() + 1))
    for j, (histogram, largest) in enumerate(panel.series.values()):
        shares = [100 * n / panel.results for n in (*histogram[: bins - 1], sum(histogram[bins - 1 :]))]
        where = [i - 0.4 + (j + 0.5) * width for i in range(bins)]
        axes.bar(where, shares, width=width * 0.92, color=_COLOURS[j])
        text = "NaN" if largest < 0 else f"at most {largest:,}"
        axes.text(bins - 0.42, 78 - 11 * j, text, color=_COLOURS[j], size=9, ha="right", va="top")
    if panel.published_zero_percent is not None:
        axes.plot([-0.46, 0.46], [panel.published_zero_percent] * 2, color=_PRINTED, linewidth=2)
    if panel.published_max is not None:
        at = panel.published_max.bit_length()
        axes.axvline(at + 0.5, color=_PRINTED, linewidth=1.2, linestyle=(0, (3, 2)))
        axes.text(at + 0.58, 96, f"published: at most {panel.published_max}", color=_PRINTED, size=9, va="top")
    axes.set_xticks(range(bins), [_bin(i, bins) for i in range(bins)], size=8)
    axes.set_xlim(-0.6, bins - 0.4)
    axes.set_ylim(0, 100)
    style.grid(axes, "y")
    style.bare(axes, "bottom")
    strict = (
        "all equal the strict reference" if not panel.unequal else f"{panel.unequal:,} differ from the strict reference"
    )
    axes.set_title(f"{panel.name}, {panel.part}", size=11, pad=20)
    axes.text(0, 1.03, f"{panel.results:,} results, {strict}", transform=axes.transAxes, size=9, color=style.FAINT)


def _bin(i: int, bins: int) -> str:
    low, high = (0, 0) if i == 0 else (2 ** (i - 1), 2**i - 1)
    if i == bins - 1 == _BINS - 1:
        return f"≥{low}"
    return str(low) if low == high else f"{low}-{high}"


def _legend(figure: Any, height: float, names: Sequence[str], published: bool) -> None:
    y, x = 1 - 0.66 / height, 0.035
    entries = [("■", colour, name) for colour, name in zip(_COLOURS, names, strict=False)]
    for mark, colour, name in entries + ([("━", _PRINTED, "published")] if published else []):
        figure.text(x, y, mark, color=colour, size=12, va="center")
        figure.text(x + 0.018, y, name, size=9.5, va="center")
        x += (0.5 + 0.07 * len(name)) / figure.get_figwidth()


def _share(axes: Any, y: float, found: tuple[float, int] | None, floor: float, colour: str) -> None:
    if found is None:
        axes.text(floor * 1.15, y, "not available", va="center", size=7.5, color=style.FAINT)
        return
    share, largest = found
    if not share:
        axes.plot([floor * 1.12], [y], marker="o", markersize=4, color=colour)
        axes.text(floor * 1.35, y, "none", va="center", size=7.5, color=colour)
        return
    axes.barh(y, share - floor, left=floor, height=0.3, color=colour)
    axes.text(share * 1.12, y, f"{100 * share:.3g} %, {largest:,} ULP", va="center", size=7.5, color=colour)
