"""Tables as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def markdown(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; columns of numbers are set to the right, None is shown as a dash."""
    listed = [list(row) for row in rows]
    numeric = [
        bool(listed) and all(isinstance(row[i], int | float) or row[i] is None for row in listed)
        for i in range(len(header))
    ]
    cells = [[str(word).replace("|", "\\|") for word in header]]
    cells += [[shown(value).replace("|", "\\|") for value in row] for row in listed]
    width = [max(3, *(len(row[i]) for row in cells)) for i in range(len(header))]
    rule = ["-" * (w - 1) + ":" if right else "-" * w for w, right in zip(width, numeric, strict=True)]
    aligned = [
        [cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, width, numeric, strict=True)]
        for row in cells
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in (aligned[0], rule, *aligned[1:]))


def comma_separated(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV table with full precision; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def with_prefix(value: float, unit: str) -> str:
    """A physical value with an SI prefix, three significant digits: 0.0123 J is `12.3 mJ`."""
    for factor, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p")):
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def three_digits(value: float) -> str:
    """Three significant digits, thousands set apart: 5,934.2 is `5,930`, 0.00099882 is `0.000999`."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def shown(value: Any) -> str:
    """A value as tables show it: None a dash, thousands apart, four digits of a fraction."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
