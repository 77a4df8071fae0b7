"""Figures: what cures of noise bring and cost, and formats of a model by accuracy under noise and by work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.lab.figures import style
from lava_nexus.lab.figures.style import colour_of


@dataclass(frozen=True)
class Choice:
    """One way to build an operator.

    Attributes:
        label: of the cure.
        group: what shares a colour, for example the format.
        energy: joules an operation.
        tolerated: sigma up to which the wanted accuracy holds.
        reached: whether that sigma lies inside the scan; else it is the last one tried, and more would hold.
        hollow: drawn without filling; the published cells.
    """

    label: str
    group: str
    energy: float
    tolerated: float
    reached: bool = True
    hollow: bool = False


_ROW = 0.46  # inches


def trade_off_figure(choices: Sequence[Choice], wanted: float, title: str, path: Path) -> Path:
    """A row a cure: tolerated noise in a panel a basis, and its price in times of no cure, a colour a format."""
    labels, groups = (list(dict.fromkeys(getattr(c, key) for c in choices)) for key in ("label", "group"))
    bases = [hollow for hollow in (False, True) if any(c.hollow == hollow for c in choices)]
    plain = {(c.group, c.hollow): c.energy for c in choices if c.label == labels[0]}
    wide, gap, panel = 2.05 + 0.2, 0.3, 3.1
    width, height = wide + (panel + gap) * (len(bases) + 1), _ROW * len(labels) + 1.95
    figure = style.titled(width, height, title, x=0.02)
    box = (0.6 / height, _ROW * len(labels) / height)
    most = max(c.tolerated for c in choices)
    for k in range(len(bases) + 1):
        axes = figure.add_axes(((wide + (panel + gap) * k) / width, box[0], panel / width, box[1]))
        price = k == len(bases)
        for choice in (c for c in choices if price or c.hollow == bases[k]):
            row = labels.index(choice.label) + 0.7 * (groups.index(choice.group) - (len(groups) - 1) / 2) / len(groups)
            x = choice.energy / plain[choice.group, choice.hollow] if price else choice.tolerated
            colour = colour_of(groups.index(choice.group))
            look: dict[str, Any] = {"markerfacecolor": "white" if choice.hollow else colour, "markersize": 5.5 - price}
            axes.plot(x, row, "o", color=colour, zorder=3, **look)
            if not price and not choice.reached:
                axes.annotate("", (x + 0.05 * most, row), (x, row), arrowprops={"arrowstyle": "->", "color": colour})
        _cure_axes(axes, labels, k == 0)
        if price:
            axes.set(xlabel="work, times that without a cure", xlim=(0, None))
        else:
            axes.set(xlabel=f"sigma at which {100 * wanted:g} % are right", xlim=(-0.02 * most, 1.13 * most))
            axes.set_title(f"{'nexus' if bases[k] else 'threshold'} basis", size=10, color=style.FAINT, weight="normal")
    figure.axes[-1].set_title("price", size=10, color=style.FAINT, weight="normal")
    entries = []
    for i, group in enumerate(groups):
        works = " and ".join(f"{1e9 * plain[group, hollow]:.3g}" for hollow in bases if (group, hollow) in plain)
        entries.append(style.legend_mark(f"{group}, {works} nJ", "o", colour_of(i)))
    if len(bases) > 1:
        entries.append(style.legend_mark("hollow: nexus basis", "o", style.FAINT, markerfacecolor="white"))
    style.legend_row(figure, entries, 1 - 0.68 / height, fontsize=9, columnspacing=1.2)
    return style.save(figure, path)


def _cure_axes(axes: Any, labels: Sequence[str], named: bool) -> None:
    for row in range(0, len(labels), 2):
        axes.axhspan(row - 0.5, row + 0.5, color=style.GRID, alpha=0.45, zorder=0, linewidth=0)
    axes.set_yticks(range(len(labels)), labels if named else [""] * len(labels), size=9.5)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    style.grid(axes, "x")
    style.bare(axes, "bottom")


@dataclass(frozen=True)
class ModelCurve:
    """One format of a model.

    Attributes:
        label: the format.
        energy: joules of work an image, undisturbed.
        points: (sigma, accuracy 0..1, its standard error).
    """

    label: str
    energy: float
    points: Sequence[tuple[float, float, float]]


def model_figure(curves: Sequence[ModelCurve], title: str, path: Path) -> Path:
    """A row a format, by its work an image, a column a sigma; a cell has the accuracy and its standard error."""
    from matplotlib.colors import LinearSegmentedColormap

    curves = sorted(curves, key=lambda curve: curve.energy)
    sigmas = sorted({sigma for curve in curves for sigma, _, _ in curve.points})
    wide, high = 0.95 * len(sigmas), 0.62 * len(curves)
    width, height = 1.6 + wide + 2.6, high + 1.75
    figure = style.titled(width, height, title, x=0.02)
    axes = figure.add_axes((1.6 / width, 0.65 / height, wide / width, high / height))
    colours = LinearSegmentedColormap.from_list("right", ["#f6e3e5", "#f3efe2", "#2f7f66"])
    for row, curve in enumerate(curves):
        for sigma, share, error in curve.points:
            x = sigmas.index(sigma)
            axes.add_patch(_cell(x, row, colours(float(share))))
            ink = "white" if share > 0.8 else style.INK
            axes.text(x, row, f"{100 * share:.0f} %", ha="center", va="center", size=11, color=ink, weight="bold")
            sign = "−" if share + error > 1 else "+" if share - error < 0 else "±"  # within 0 to 100 %
            axes.text(x, row + 0.31, f"{sign} {100 * error:.0f}", ha="center", va="center", size=7.5, color=ink)
    axes.set_xlim(-0.5, len(sigmas) - 0.5)
    axes.set_ylim(len(curves) - 0.5, -0.5)
    axes.set_xticks(range(len(sigmas)), [f"{sigma:g}" for sigma in sigmas])
    axes.set_yticks(range(len(curves)), [curve.label for curve in curves])
    axes.set_xlabel("noise on the membrane, sigma in unit weights")
    axes.set_title("images classified rightly", size=10, weight="normal", color=style.FAINT)
    style.bare(axes)
    bars = figure.add_axes(((1.6 + wide + 0.35) / width, 0.65 / height, 1.55 / width, high / height))
    for row, curve in enumerate(curves):
        bars.barh(row, 1e3 * curve.energy, height=0.6, color=style.PALETTE[0])
        bars.text(1e3 * curve.energy, row, f" {1e3 * curve.energy:.3g} mJ", va="center", size=9.5)
    bars.set(ylim=(len(curves) - 0.5, -0.5), yticks=[], xticks=[], xlim=(0, None))
    bars.set_title("work an image, undisturbed", size=10, weight="normal", color=style.FAINT)
    style.bare(bars, "left")
    return style.save(figure, path)


def _cell(x: int, row: int, colour: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5)
