"""Figure: what a number loses on its way into spikes and back, by code and by time steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from lava_nexus.reports import style

Points = Sequence[tuple[int, float]]


def encoding_figure(
    measured: Mapping[str, Points], printed: Mapping[str, Points], scattered: Collection[str], path: Path
) -> Path:
    """Mean squared error over time steps, both on log axes; returns the path written.

    Args:
        measured: (T, error) by code; an error of 0 is left out.
        printed: as published, by the paper's name.
        scattered: codes whose points no line joins.
        path: PNG file.
    """
    figure = style.new_figure(8.6, 5.2)
    figure.text(0.03, 0.945, "Mean squared error of a number in spikes", size=14, weight="bold", va="center")
    figure.text(0.03, 0.89, "filled: measured; hollow: published; what is exact has no point", color=style.FAINT)
    axes = figure.add_axes((0.09, 0.12, 0.6, 0.72))
    for i, (name, points) in enumerate(measured.items()):
        shown = sorted((t, e) for t, e in points if e > 0)
        line, size = ("none" if name in scattered else "-"), 9 - 1.5 * i
        axes.plot(
            *zip(*shown, strict=True),
            linestyle=line,
            marker="o",
            markersize=max(4, size),
            color=style.PALETTE[i],
            label=name,
        )
    for (name, points), marker in zip(printed.items(), "Ds^vP", strict=False):
        axes.plot(
            *zip(*points, strict=True),
            linestyle="none",
            marker=marker,
            markersize=7,
            markerfacecolor="none",
            color=style.INK,
            label=f"published: {name}",
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("time steps of a number, or channels of one step")
    style.grid(axes)
    axes.minorticks_off()
    style.bare(axes, "left", "bottom")
    figure.legend(loc="center left", bbox_to_anchor=(0.7, 0.5), fontsize=9)
    return style.save(figure, path)
