"""Published robustness tables, as data with their source, and when a measurement rules a printed cell out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from lava_nexus.robustness.measure import Measured

_FILE = Path(__file__).with_name("published.yaml")
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
def published(table: str) -> dict[tuple[str, float], Printed]:
    """By (circuit, parameter); empty for a table that the paper does not have."""
    data = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    entry = data["tables"].get(table, {"rows": [], "label": ""})
    source = f"{data['source']}, {entry['label']}"
    return {
        (name, float(at)): Printed(value / 100, deviation / 100, source) for name, at, value, deviation in entry["rows"]
    }


def deviations(printed: Printed, measured: Measured) -> float:
    """Standard deviations between the two: |difference| less rounding, over both uncertainties."""
    apart = max(0.0, abs(printed.accuracy - measured.accuracy) - _ROUNDING)
    return apart / math.hypot(printed.deviation, measured.standard_error)


def verdict(printed: Printed, by_model: Mapping[str, Measured]) -> str:
    """`inconsistent` only where every model excludes the printed cell; else the models that agree with it."""
    apart = {model: deviations(printed, measured) for model, measured in by_model.items()}
    agree = [model for model, distance in apart.items() if distance <= DEVIATIONS]
    if agree:
        return "as " + ", ".join(agree)
    nearest = min(apart, key=lambda model: apart[model])
    return (
        f"inconsistent: nearest is {nearest}, {100 * by_model[nearest].accuracy:.2f} %, {apart[nearest]:.1f} s.d. away"
    )
