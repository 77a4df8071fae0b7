"""Published neuron counts of operations, blocks and models, as data with their source, beside counted ones only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml


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
    for row, published in _rows("published_neurons.yaml"):
        found.setdefault(row["source"], {})[row["operation"], row["format"]] = published
    return found


@cache
def published_sizes() -> dict[str, PublishedNeurons]:
    """By model."""
    return {row["model"]: published for row, published in _rows("published_sizes.yaml")}


def _rows(file: str) -> Iterator[tuple[dict[str, Any], PublishedNeurons]]:
    data = yaml.safe_load(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    for row in data["rows"]:
        yield row, PublishedNeurons(row["neurons"], f"{data['sources'][row['source']]}, {row['where']}")
