"""ULP distance against numpy's and Python's own walk from number to number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT16, FLOAT32, FLOAT64, FORMATS, ordered, summarise, ulp_distance

FAR = 2**64 - 1


def distance(a, b, fmt):
    pair = [fmt.to_patterns(np.array([x], fmt.dtype)) for x in (a, b)]
    there, back = ulp_distance(*pair, fmt), ulp_distance(*reversed(pair), fmt)
    assert there == back
    return int(there[0])


@pytest.mark.parametrize("fmt", [f for f in FORMATS.values() if f.bits <= 16], ids=str)
def test_order_and_distance_are_those_of_the_sorted_numbers(fmt):
    patterns = np.arange(1 << fmt.bits).astype(fmt.pattern_dtype)
    patterns = patterns[~fmt.is_nan(patterns)]
    values = fmt.from_patterns(patterns).astype(np.float64)
    rank = np.unique(values, return_inverse=True)[1]
    zero = rank[values == 0][0]
    assert np.array_equal(ordered(patterns, fmt), rank - zero)
    other = np.random.default_rng(0).permutation(len(patterns))
    assert np.array_equal(ulp_distance(patterns, patterns[other], fmt), np.abs(rank - rank[other]).astype(np.uint64))


@pytest.mark.parametrize("fmt", [FLOAT16, FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("start", [0.0, -0.0, 1.0, -1.0, 6e-5])
def test_a_walk_of_nextafter_counts_its_steps(fmt, start):
    kind = fmt.dtype.type
    for towards in (kind(np.inf), kind(-np.inf)):
        here = kind(start)
        for steps in range(1, 20):
            here = np.nextafter(here, towards)
            assert distance(kind(start), here, fmt) == steps


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 1000))
def test_doubles_within_a_binade_are_apart_by_their_difference_over_ulp(x, steps):
    y = x + steps * math.ulp(x)
    if math.ulp(y) == math.ulp(x) and math.isfinite(y):
        assert distance(x, y, FLOAT64) == round((y - x) / math.ulp(x))


def test_across_zero_and_at_the_ends():
    tiny = np.float32(1e-45)
    assert distance(0.0, -0.0, FLOAT32) == 0
    assert distance(tiny, -tiny, FLOAT32) == 2
    assert distance(np.inf, np.finfo(np.float32).max, FLOAT32) == 1
    assert distance(np.inf, -np.inf, FLOAT32) == 2 * 0x7F800000
    assert distance(np.inf, -np.inf, FLOAT64) == 2 * (0x7FF << 52)
    assert distance(448.0, -448.0, FLOAT8_E4M3FN) == 2 * 0x7E


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=str)
def test_nan_is_near_nan_and_far_from_all_else(fmt):
    assert distance(np.nan, -np.nan, fmt) == 0
    for value in (0.0, 1.0, float(fmt.from_patterns(np.array(fmt.max_finite)).astype(np.float64))):
        assert distance(np.nan, value, fmt) == FAR


def test_a_summary_counts_what_differs():
    a = np.array([1.0, 0.0, np.nan, 2.0, 1.0], np.float32)
    b = np.array([1.0, -0.0, -np.nan, np.nextafter(np.float32(2), np.float32(3)), 1.0], np.float32)
    b[4] += np.float32(2**-22)
    summary = summarise(FLOAT32.to_patterns(a), FLOAT32.to_patterns(b), FLOAT32)
    assert summary.as_dict() == {"max": 2, "mean": 0.6, "zero_rate": 0.6, "unequal_bits": 3, "count": 5}
    empty = summarise(np.array([], np.uint32), np.array([], np.uint32), FLOAT32)
    assert (empty.max, empty.zero_rate, empty.count) == (0, 1.0, 0)
