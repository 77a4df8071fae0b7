"""Published errors and error bounds of NLSpike, as data and formulas with their source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True)
class PublishedError:
    """Largest and mean error that are printed, and where."""

    max: float
    mean: float
    source: str


@lru_cache(maxsize=1)
def published_errors() -> dict[tuple[str, int], PublishedError]:
    """By operator and size."""
    data = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {
        (row["operator"], row["size"]): PublishedError(row["max"], row["mean"], data["sources"][row["source"]])
        for row in data["operator_errors"]
    }


def exponential_bound(bound: float, segments: int) -> float:
    """eps_exp = L^2 / (2 K^2) exp(2 L / K), relative. Source: theorem 5.1, second-hand."""
    return bound**2 / (2 * segments**2) * math.exp(2 * bound / segments)


def norm_bound(size: int, steps: int) -> float:
    """eps_pol = ceil(log2 d) 2^(-2 n - 1), relative. Source: theorem 5.1, second-hand."""
    return (size - 1).bit_length() * 2.0 ** (-2 * steps - 1)


def softmax_bound(bound: float, segments: int, step: float) -> float:
    """2 / (1 - eps_exp) (eps_exp + Delta), relative. Source: theorem 5.1, second-hand."""
    eps = exponential_bound(bound, segments)
    return 2 / (1 - eps) * (eps + step)


def silu_bound(x: float, bound: float, segments: int, step: float) -> float:
    """|x| 2 eps_exp / (1 - eps_exp) + |x| Delta, absolute. Source: theorem 5.1, second-hand."""
    eps = exponential_bound(bound, segments)
    return abs(x) * (2 * eps / (1 - eps) + step)


def rms_norm_bound(size: int, steps: int, step: float, doubled: bool) -> float:
    """(eps_pol + Delta) / (1 - eps_pol) + sqrt(d) Delta, relative; one of five notes has 2 eps_pol (`doubled`)."""
    eps = norm_bound(size, steps)
    return ((1 + doubled) * eps + step) / (1 - eps) + math.sqrt(size) * step
