"""Published neuron counts of blocks and models, as data with their source; they only ever stand beside counted ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from lava_nexus.tables.published_neurons import PublishedNeurons

_FILE = Path(__file__).with_name("published_sizes.yaml")


@cache
def published_sizes() -> dict[str, PublishedNeurons]:
    """By model."""
    data = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {
        row["model"]: PublishedNeurons(row["neurons"], f"{data['sources'][row['source']]}, {row['where']}")
        for row in data["rows"]
    }
