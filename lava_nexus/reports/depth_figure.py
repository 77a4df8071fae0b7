"""Figure: how far hidden states are apart, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lava_nexus.reports import style


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
