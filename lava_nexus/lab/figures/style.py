"""One look for every figure: quiet axes, one palette, text that can be read beside the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lava_nexus.errors import needs_extras
from lava_nexus.files import replacing
from lava_nexus.lab.trial import MARK, trial
from lava_nexus.progress import doing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FAINT, GRID = "#22303c", "#8a97a3", "#e4e9ed"
SIGN, EXPONENT, FRACTION = "#d1495b", "#e2982b", "#2f6f9f"
# Kinds of circuit, told apart also without colour vision (after Okabe and Ito, darkened for white paper).
PALETTE = ("#2f6f9f", "#e2982b", "#3a9a7c", "#d1495b", "#8a6fb3", "#6db4d8", "#b5a642", "#7c5a4a", "#9aa5ae")


def colour_of(index: int) -> str:
    """Colour of the line of that number."""
    return PALETTE[index % len(PALETTE)]


_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "lava_nexus",
    "svg.fonttype": "none",
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, drawn without a display; matplotlib is imported here and not before."""
    needs_extras("a figure", "plots")
    with doing("beginning a figure"):
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    matplotlib.rcParams.update(_SETTINGS)
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def titled(width: float, height: float, title: str, down: float = 0.3, *, x: float = 0.03, size: float = 14) -> Figure:
    """A new figure with a bold title, `down` inches below its top edge, that begins at `x` of its width."""
    figure = new_figure(width, height)
    figure.text(x, 1 - down / height, title, size=size, weight="bold", va="center")
    return figure


def thousands(value: float, _: Any = None) -> str:
    """A tick of a count: 500, 20 k."""
    return f"{value:g}" if value < 1000 else f"{value / 1000:g} k"


def save(figure: Figure, path: Path) -> Path:
    """Writes a PNG, and an SVG beside it for pages, each whole or not at all, the same bytes for the same figure.

    In a quick run both are marked.
    """
    if trial() is not None:
        look: dict[str, Any] = {
            "size": 40,
            "color": SIGN,
            "alpha": 0.25,
            "rotation": 18,
            "ha": "center",
            "va": "center",
            "zorder": 99,
        }
        figure.text(0.5, 0.5, MARK, **look)
    drawn = path.with_suffix(".svg")
    kinds: dict[Path, Any] = {path: {"Software": None}, drawn: {"Date": None, "Creator": None}}
    for file, how in kinds.items():
        with doing(f"drawing {file.name}"), replacing(file) as temporary:
            figure.savefig(temporary, dpi=160, format=file.suffix[1:], metadata=how)
    return path


def bare(axes: Any, *keep: str) -> None:
    """Takes the frame away except for the sides named."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)


def grid(axes: Any, axis: str = "both") -> None:
    """Faint lines behind the data, at the large ticks of "x", "y" or both."""
    axes.grid(axis=axis, color=GRID)
    axes.set_axisbelow(True)


def legend_mark(label: str, marker: str, colour: str, **look: Any) -> Any:
    """The entry of a legend for a mark without a line."""
    from matplotlib.lines import Line2D

    told = {"linestyle": "", "markersize": 7, "marker": marker, "color": colour, "label": label}
    return Line2D([], [], **{**told, **look})


def logarithmic_ticks(axes: Any) -> None:
    """Ticks at 1, 2 and 5 of each decade of the lower axis, and none between them on either."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())


def legend_row(figure: Figure, entries: list[Any], y: float, **look: Any) -> None:
    """A legend in one row, from the left edge on."""
    look = {"loc": "center left", "bbox_to_anchor": (0.012, y), "ncols": len(entries), **look}
    figure.legend(handles=entries, handletextpad=0.3, **look)
