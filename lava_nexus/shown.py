"""How objects show themselves: in one line, and in Jupyter as a small table with a picture where one helps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_MOST_BARS = 96


class Shown(ABC):
    """A one-line `repr`, and the same facts as a table in Jupyter. Dataclasses take it with `repr=False`."""

    @abstractmethod
    def _facts(self) -> tuple[str, Mapping[str, Any]]:
        """What it is, and its facts by name; None for one that is not known."""

    def _picture(self) -> str:
        """SVG beside the table; empty for none."""
        return ""

    def __repr__(self) -> str:
        title, facts = self._facts()
        told = ", ".join(f"{name} {_text(value)}" for name, value in facts.items() if value is not None)
        return f"<{type(self).__name__} {title}{': ' * bool(told)}{told}>"

    def _repr_html_(self) -> str:
        title, facts = self._facts()
        rows = "".join(
            f"<tr><th style='text-align:left;font-weight:normal'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(_text(value))}</td></tr>"
            for name, value in facts.items()
            if value is not None
        )
        table = f"<table><caption style='text-align:left'><b>{escape(title)}</b></caption>{rows}</table>"
        return f"<div>{table}{self._picture()}</div>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def bars(values: Sequence[float], caption: str, height: int = 60) -> str:
    """Bars from the left, in the colour of the text, so that a dark page shows them too; many are summed in groups."""
    each = -(-len(values) // _MOST_BARS) or 1
    sums = [float(sum(values[i : i + each])) for i in range(0, len(values), each)]
    most = max(sums, default=0.0) or 1.0
    shapes = "".join(
        f"<rect x='{5 * i}' y='{height - height * value / most:.1f}' width='4' height='{height * value / most:.1f}'/>"
        for i, value in enumerate(sums)
    )
    width = max(5 * len(sums), 5)
    return (
        f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}' fill='currentColor' role='img' "
        f"aria-label='{escape(caption)}'>{shapes}</svg><div><small>{escape(caption)}</small></div>"
    )


def squares(grid: Sequence[Sequence[float]], caption: str, size: int = 14) -> str:
    """A chip's cores by column and row, each filled by its share 0..1; a share below 0 is an empty place."""
    shapes = "".join(
        f"<rect x='{size * x + 1}' y='{size * y + 1}' width='{size - 2}' height='{size - 2}' stroke='currentColor' "
        f"stroke-opacity='.4' fill='currentColor' fill-opacity='{max(0.0, share):.2f}'/>"
        for y, row in enumerate(grid)
        for x, share in enumerate(row)
    )
    width, height = size * max(map(len, grid), default=0), size * len(grid)
    return (
        f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}' role='img' "
        f"aria-label='{escape(caption)}'>{shapes}</svg><div><small>{escape(caption)}</small></div>"
    )
