"""Published ULP figures, as data with their source; they only ever stand beside measured ones.

Published figures of encodings, methods and whole models, as data with their source, beside measured ones only.
Published neuron counts of operations, blocks and models, as data with their source, beside counted ones only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).parents[1] / "published" / "ulp.yaml"


@dataclass(frozen=True)
class Published:
    """What a paper prints of one row, in FP32; None where it prints nothing.

    Attributes:
        max, mean: ULP.
        zero_percent: share of results 0 ULP away, 0..100.
        source: paper and place in it.
        error: largest absolute error.
    """

    max: int | None
    mean: float | None
    zero_percent: float | None
    source: str
    error: float | None = None


@lru_cache(maxsize=1)
def published_ulp() -> dict[tuple[str, str], Published]:
    """By row (layer or operation) and part ("forward + backward", "forward", "grad x", ..., "" for an operation)."""
    data = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {
        (row["row"], row["part"]): Published(
            row.get("max"),
            row.get("mean"),
            row.get("zero_percent"),
            f"{data['sources'][row['source']]}, {row['where']}",
            row.get("error"),
        )
        for row in data["rows"]
    }


_MODELS_FILE = Path(__file__).parents[1] / "published" / "models.yaml"


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
    """The rows of one table of `published/models.yaml`, in the order of print."""
    data = yaml.safe_load(_MODELS_FILE.read_text(encoding="utf-8"))
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


@dataclass(frozen=True)
class PublishedNeurons:
    """What a paper prints of one operation in one format, or of one model.

    Attributes:
        neurons: of it.
        source: paper and place in it.
    """

    neurons: int
    source: str


@cache
def published_neurons() -> dict[str, dict[tuple[str, str], PublishedNeurons]]:
    """By the short name of the paper, then by (operation, name of the format)."""
    found: dict[str, dict[tuple[str, str], PublishedNeurons]] = {}
    for row, published in _rows("neurons.yaml"):
        found.setdefault(row["source"], {})[row["operation"], row["format"]] = published
    return found


@cache
def published_sizes() -> dict[str, PublishedNeurons]:
    """By model."""
    return {row["model"]: published for row, published in _rows("sizes.yaml")}


def _rows(file: str) -> Iterator[tuple[dict[str, Any], PublishedNeurons]]:
    data = yaml.safe_load((Path(__file__).parents[1] / "published" / file).read_text(encoding="utf-8"))
    for row in data["rows"]:
        yield row, PublishedNeurons(row["neurons"], f"{data['sources'][row['source']]}, {row['where']}")
