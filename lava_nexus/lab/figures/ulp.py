"""Figures of ULP: how far results and hidden states are apart, layer by layer, and what is not correctly rounded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.lab.figures import style
from lava_nexus.lab.ulp.comparison import COMPARISONS, NOT_A_NUMBER, TITLES, Distances, UlpRow

_PANELS = ("largest ULP", "mean ULP", "0 ULP away, %")
_LOOKS = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "v"), ("-", "D"))


def depth_figure(rows: Sequence[UlpRow], path: Path, title: str) -> Path:
    """Three panels over the number of layers, a line a comparison and one as published; returns the path written.

    ULP stand on an axis that is logarithmic above 1, so that 0 has its place; what is not measured is left out.
    """
    depths = [int(row.name.split()[0]) for row in rows]
    lines = {TITLES[c]: [_distances(row.measured[c]) for row in rows] for c in COMPARISONS}
    lines["published"] = [_printed(row) for row in rows]
    lines = {name: values for name, values in lines.items() if any(value != _NOTHING for value in values)}
    figure = style.titled(12.4, 4.9, title, 0.06 * 4.9)
    for column, label in enumerate(_PANELS):
        axes = figure.add_axes((0.055 + 0.325 * column, 0.23, 0.275, 0.58))
        for i, (name, values) in enumerate(lines.items()):
            shown = [(d, v[column]) for d, v in zip(depths, values, strict=True) if v[column] is not None]
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
        if column == 2:
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


Values = tuple[float | None, float | None, float | None]
_NOTHING: Values = (None, None, None)


def _distances(measured: Distances | None) -> Values:
    """Largest and mean ULP, share of 0 ULP in percent; ULP only where every number stands against a number."""
    if measured is None:
        return _NOTHING
    ulp = measured.ulp
    return (None, None, 100 * ulp.zero_rate) if ulp.max == NOT_A_NUMBER else (ulp.max, ulp.mean, 100 * ulp.zero_rate)


def _printed(row: UlpRow) -> Values:
    p = row.published
    return _NOTHING if p is None else (p.max, p.mean, p.zero_percent)


_BINS = 9  # 0, 1, 2-3, ... and what lies beyond
_COLOURS = (style.PALETTE[0], style.PALETTE[2], style.PALETTE[1])
_PRINTED = style.PALETTE[3]


def panel_figure(rows: Sequence[UlpRow], path: Path) -> Path:
    """A histogram of distances a layer, with the published share of 0 ULP and largest ULP marked; returns the path."""
    columns = min(2, len(rows))
    down = -(-len(rows) // columns)
    height = 2.85 * down + 1.35
    title = "How far the results of a layer are apart"
    figure = style.titled(5.4 * columns + 0.4, height, title, 0.32, x=0.035)
    grid = figure.add_gridspec(
        down, columns, left=0.07, right=0.98, top=1 - 1.25 / height, bottom=0.55 / height, wspace=0.14, hspace=0.55
    )
    for i, row in enumerate(rows):
        axes = figure.add_subplot(grid[i // columns, i % columns])
        _histogram(axes, row)
        if i % columns == 0:
            axes.set_ylabel("results, %")
        if i >= len(rows) - columns:
            axes.set_xlabel("distance in ULP")
    printed = any(row.published is not None and row.published.max is not None for row in rows)
    _legend(figure, height, [TITLES[c] for c, _ in _series(rows[0])], printed)
    return style.save(figure, path)


def operation_figure(rows: Sequence[UlpRow], path: Path) -> Path:
    """For each operation the share of results that are not correctly rounded, ours and PyTorch's; returns the path."""
    height = 0.34 * len(rows) + 1.55
    figure = style.titled(9.6, height, "Results that are not correctly rounded")
    text = f"share of {rows[0].results:,} random inputs; beside it the largest ULP"
    figure.text(0.03, 1 - 0.62 / height, text, color=style.FAINT)
    for x, colour, name in ((0.70, _COLOURS[0], "ours"), (0.79, _COLOURS[2], "PyTorch")):
        figure.text(x, 1 - 0.3 / height, "■", color=colour, size=12, va="center")
        figure.text(x + 0.02, 1 - 0.3 / height, name, va="center")
    axes = figure.add_axes((0.13, 0.45 / height, 0.77, (height - 1.4) / height))
    axes.set_xscale("log")
    floor = 0.3 / max(row.results for row in rows)
    for place, row in enumerate(rows):
        for comparison, offset, colour in (("exact", -0.17, _COLOURS[0]), ("pytorch_exact", 0.17, _COLOURS[2])):
            _share(axes, place + offset, row.measured[comparison], floor, colour)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(floor, 1.0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.minorticks_off()
    style.grid(axes, "x")
    style.bare(axes, "left")
    return style.save(figure, path)


def _series(row: UlpRow) -> list[tuple[str, Distances]]:
    """What was compared beside the strict reference."""
    return [(c, found) for c in COMPARISONS if c != "strict" and (found := row.measured[c]) is not None]


def _histogram(axes: Any, row: UlpRow) -> None:
    series, p = _series(row), row.published
    largest, zero = (p.max, p.zero_percent) if p else (None, None)
    width = 0.8 / len(series)
    used = max((i + 1 for _, found in series for i, n in enumerate(found.histogram) if n), default=1)
    bins = min(_BINS, max(used, (largest or 0).bit_length() + 1))
    for j, (_, found) in enumerate(series):
        counts = (*found.histogram[: bins - 1], sum(found.histogram[bins - 1 :]))
        where = [i - 0.4 + (j + 0.5) * width for i in range(bins)]
        axes.bar(where, [100 * n / row.results for n in counts], width=width * 0.92, color=_COLOURS[j])
        text = "NaN" if found.ulp.max == NOT_A_NUMBER else f"at most {found.ulp.max:,}"
        axes.text(bins - 0.42, 78 - 11 * j, text, color=_COLOURS[j], size=9, ha="right", va="top")
    if zero is not None:
        axes.plot([-0.46, 0.46], [zero] * 2, color=_PRINTED, linewidth=2)
    if largest is not None:
        at = largest.bit_length()
        axes.axvline(at + 0.5, color=_PRINTED, linewidth=1.2, linestyle=(0, (3, 2)))
        axes.text(at + 0.58, 96, f"published: at most {largest}", color=_PRINTED, size=9, va="top")
    axes.set_xticks(range(bins), [_bin(i, bins) for i in range(bins)], size=8)
    axes.set_xlim(-0.6, bins - 0.4)
    axes.set_ylim(0, 100)
    style.grid(axes, "y")
    style.bare(axes, "bottom")
    unequal = row.measured["strict"].ulp.unequal_bits if row.measured["strict"] else 0
    strict = "all equal the strict reference" if not unequal else f"{unequal:,} differ from the strict reference"
    axes.set_title(f"{row.name}, {row.part}", size=11, pad=20)
    axes.text(0, 1.03, f"{row.results:,} results, {strict}", transform=axes.transAxes, size=9, color=style.FAINT)


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


def _share(axes: Any, y: float, found: Distances | None, floor: float, colour: str) -> None:
    if found is None:
        axes.text(floor * 1.15, y, "not available", va="center", size=7.5, color=style.FAINT)
        return
    share, largest = 1 - found.ulp.zero_rate, found.ulp.max
    if not share:
        axes.plot([floor * 1.12], [y], marker="o", markersize=4, color=colour)
        axes.text(floor * 1.35, y, "none", va="center", size=7.5, color=colour)
        return
    axes.barh(y, share - floor, left=floor, height=0.3, color=colour)
    axes.text(share * 1.12, y, f"{100 * share:.3g} %, {largest:,} ULP", va="center", size=7.5, color=colour)
