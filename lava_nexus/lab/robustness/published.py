"""Published robustness tables, as data with their source, and when a measurement rules a printed cell out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lava_nexus.lab.robustness.measure import Measured

_FILE = Path(__file__).parents[1] / "published" / "robustness.yaml"
DEVIATIONS = 3.0
"""Standard deviations beyond which a model excludes a printed cell."""
_ROUNDING = 0.0005  # half of the last digit printed, 0.1 percent


@dataclass(frozen=True)
class Printed:
    """One cell as printed; shares 0..1.

    Attributes:
        accuracy: mean.
        deviation: as printed; what over is not stated.
        source: paper and table.
    """

    accuracy: float
    deviation: float
    source: str


@cache
def _data() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return loaded


def published_tables() -> tuple[str, ...]:
    """Names of the tables that are there."""
    return tuple(_data()["tables"])


@cache
def published(table: str) -> dict[tuple[str, float], Printed]:
    """By (circuit, parameter); `table` is one of `published_tables`."""
    entry = _data()["tables"][table]
    source = f"{_data()['source']}, {entry['label']}"
    return {
        (name, float(at)): Printed(value / 100, deviation / 100, source) for name, at, value, deviation in entry["rows"]
    }


def deviations(printed: Printed, measured: Measured) -> float:
    """Standard deviations between the two: |difference| less rounding, over both uncertainties."""
    apart = max(0.0, abs(printed.accuracy - measured.accuracy) - _ROUNDING)
    return apart / math.hypot(printed.deviation, measured.standard_error)


def verdict(printed: Printed, by_model: Mapping[str, Measured], others: Mapping[str, Measured] | None = None) -> str:
    """`inconsistent` only where every model excludes the printed cell; else the models that agree with it.

    `others` are of circuits that are not the published ones; where one of these agrees, that is said beside it.
    """
    apart = {model: deviations(printed, measured) for model, measured in by_model.items()}
    agree = [model for model, distance in apart.items() if distance <= DEVIATIONS]
    if agree:
        return "as " + ", ".join(agree)
    nearest = min(apart, key=lambda model: apart[model])
    share = 100 * by_model[nearest].accuracy
    other = [model for model, found in (others or {}).items() if deviations(printed, found) <= DEVIATIONS]
    beside = f"; other circuits agree: {', '.join(other)}" if other else ""
    return f"inconsistent: nearest is {nearest}, {share:.2f} %, {apart[nearest]:.1f} s.d. away{beside}"
