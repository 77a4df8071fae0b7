"""Published neuron counts, as data with their source; they only ever stand beside counted ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("published_neurons.yaml")


@dataclass(frozen=True)
class PublishedNeurons:
    """What a paper prints for one operation in one format.

    Attributes:
        neurons: an operation.
        source: paper and place in it.
    """

    neurons: int
    source: str


@cache
def published_neurons() -> dict[str, dict[tuple[str, str], PublishedNeurons]]:
    """By the short name of the paper, then by (operation, name of the format)."""
    data = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    found: dict[str, dict[tuple[str, str], PublishedNeurons]] = {name: {} for name in data["sources"]}
    for row in data["rows"]:
        source = f"{data['sources'][row['source']]}, {row['where']}"
        found[row["source"]][row["operation"], row["format"]] = PublishedNeurons(row["neurons"], source)
    return found
