"""Published ULP figures, as data with their source; they only ever stand beside measured ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("published_ulp.yaml")


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
