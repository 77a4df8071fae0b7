"""Published figures of encodings, methods and whole models, as data with their source, beside measured ones only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("published_models.yaml")


@dataclass(frozen=True)
class Figure:
    """One printed figure.

    Attributes:
        value: as printed, or the bound.
        std: the deviation printed with it, or None.
        sign: "", or "<" or ">" where a bound is printed.
    """

    value: float
    std: float | None = None
    sign: str = ""

    def __str__(self) -> str:
        text = f"{self.sign}{' ' if self.sign else ''}{self.value:,.6g}"
        return text if self.std is None else f"{text} ± {self.std:.6g}"


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table.

    Attributes:
        key: what the row is of: words and numbers.
        figures: by column.
        source: paper and place in it.
    """

    key: dict[str, Any]
    figures: dict[str, Figure]
    source: str

    def __getitem__(self, column: str) -> Figure | None:
        """The figure of a column, None where none is printed."""
        return self.figures.get(column)


@cache
def published_table(name: str) -> tuple[PublishedRow, ...]:
    """The rows of one table of `published_models.yaml`, in the order of print."""
    data = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    source = f"{data['source']}, {data[name]['where']}"
    return tuple(_row(row, source) for row in data[name]["rows"])


def published_row(table: str, **key: Any) -> PublishedRow | None:
    """The row whose key has these entries, None where there is none."""
    return next((r for r in published_table(table) if all(r.key.get(k) == v for k, v in key.items())), None)


def _row(row: dict[str, Any], source: str) -> PublishedRow:
    figures = {name: _figure(value) for name, value in row.items() if isinstance(value, dict)}
    return PublishedRow({k: v for k, v in row.items() if k not in figures}, figures, source)


def _figure(value: dict[str, float]) -> Figure:
    for key, sign in (("gt", ">"), ("lt", "<")):
        if key in value:
            return Figure(float(value[key]), sign=sign)
    return Figure(float(value["value"]), value.get("std"))
