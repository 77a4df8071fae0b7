"""Single roundings against rational arithmetic, and the bins of a histogram."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lava_nexus.formats import BFLOAT16, FLOAT16, FLOAT32, FloatFormat
from lava_nexus.lab.ulp.comparison import measure
from lava_nexus.lab.ulp.components import fused_multiply_add, rounded_once
from lava_nexus.lab.ulp.report import percent
from tests.exact import Real, rounded


def nearest(x: Fraction, fmt: FloatFormat) -> int:
    return rounded(Real(int(x < 0), abs(x)), fmt)


@pytest.mark.parametrize("fmt", [FLOAT16, BFLOAT16, FLOAT32], ids=str)
def test_rounded_once_near_ties(fmt: FloatFormat) -> None:
    rng = np.random.default_rng(0)
    odd = rng.integers(2**fmt.fraction_bits, 2**fmt.significand_bits, 200) * 2 + 1
    values = np.concatenate([odd * 2.0**-30 * (1 + s * 2.0**-50) for s in (-1, 0, 1)])
    assert rounded_once(values, fmt).tolist() == [nearest(Fraction(v), fmt) for v in values]


def test_fused_multiply_add_rounds_once() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(600).astype(np.float32) for _ in range(2))
    c = (rng.standard_normal(600) * 2.0 ** rng.integers(-60, 60, 600)).astype(np.float32)
    c[:200] = -(a * b)[:200]  # cancels to the rounding error of the product
    half = np.float32(2.0**-24)
    a[-2:], b[-2:] = 1 + 2.0**-12, np.array([half, half]) * np.float32(1 + 2.0**-12)  # just above a tie
    c[-2:] = [1, -1]
    got = rounded_once(fused_multiply_add(a, b, c), FLOAT32)
    exact = [Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)) for x, y, z in zip(a, b, c, strict=True)]
    assert got.tolist() == [nearest(x, FLOAT32) for x in exact]


def test_histogram_bins_double() -> None:
    one = int(FLOAT32.to_patterns(np.float32(1)))
    distances = [0, 0, 1, 2, 3, 4, 7, 8, 1000]
    a = np.full(len(distances) + 1, one, np.uint32)
    b = np.array([*(one + d for d in distances), FLOAT32.canonical_nan], np.uint32)
    histogram = measure(a, b, FLOAT32).histogram
    assert {i: n for i, n in enumerate(histogram) if n} == {0: 2, 1: 1, 2: 2, 3: 2, 4: 1, 10: 1, len(histogram) - 1: 1}


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100 %"), (0.3751, "37.5 %"), (0.9999, "99.990 %"), (1 - 1e-9, "< 100 %"), (0.0, "0.0 %")]
)
def test_a_hundred_percent_means_all(share: float, text: str) -> None:
    assert percent(share) == text
