"""The integer operations on arrays of any width against Python's integers."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.circuits.functions import limbs
from lava_nexus.circuits.functions import real as constants
from lava_nexus.circuits.functions.integers import Product, Sum
from lava_nexus.circuits.functions.multi_limb import EvaluateMultiLimb, MultiLimb, signed

ON = EvaluateMultiLimb()
WIDTHS = st.integers(1, 150)
WEIGHTS = st.integers(-(2**100), 2**100)


def word(values: list[int], width: int) -> MultiLimb:
    count = limbs.count(width)
    parts = [[value >> (64 * i) & (2**64 - 1) for value in values] for i in range(count)]
    return MultiLimb([np.array(part, dtype=np.uint64) for part in parts], width)


def integers(made: MultiLimb, n: int) -> list[int]:
    rows = [np.broadcast_to(limb, (n,)) for limb in made.limbs]
    values = [sum(int(row[i]) << (64 * k) for k, row in enumerate(rows)) for i in range(n)]
    assert all(value < 1 << made.width for value in values)
    return values


@st.composite
def words(draw: Any, width: int | None = None) -> tuple[list[int], MultiLimb]:
    size = draw(WIDTHS) if width is None else width
    values = [draw(st.integers(0, 2**size - 1)) >> draw(st.integers(0, size)) for _ in range(3)] + [0, 2**size - 1]
    return values, word(values, size)


@settings(max_examples=40)
@given(words(), words(), words(width=1), st.data())
def test_bits_are_moved_as_integers_are(a: Any, b: Any, c: Any, data: Any) -> None:
    (x, wide), (y, other), (bits, bit) = a, b, c
    n, width = len(x), wide.width
    low = data.draw(st.integers(0, width - 1))
    high = low + data.draw(st.integers(1, 100))
    assert integers(ON.part(wide, low, high), n) == [v >> low & (2 ** (high - low) - 1) for v in x]
    assert integers(ON.join(wide, other), n) == [p | q << width for p, q in zip(x, y, strict=True)]
    assert integers(ON.keep_if(wide, bit), n) == [v if b else 0 for v, b in zip(x, bits, strict=True)]
    assert integers(ON.invert_if(wide, bit), n) == [v ^ (b * (2**width - 1)) for v, b in zip(x, bits, strict=True)]
    same = ON.part(other, 0, width)
    chosen = [v if b else w for v, w, b in zip(x, integers(same, n), bits, strict=True)]
    assert integers(ON.choose(bit, wide, same), n) == chosen


@settings(max_examples=40)
@given(words(), words(), st.integers(-100, 30), st.sampled_from([1, -1]), st.booleans(), st.integers(1, 200), st.data())
def test_sums_of_cut_products(a: Any, b: Any, shift: int, sign: int, two: bool, width: int, data: Any) -> None:
    (x, wide), (y, other) = a, b
    weights = data.draw(st.lists(WEIGHTS, min_size=other.width, max_size=other.width))
    constant, threshold = data.draw(WEIGHTS), data.draw(WEIGHTS)
    got = ON.accumulate([Product(wide, other, shift, sign, two)], Sum([(other, weights)], constant), width)
    sums = [constant + sum(w for i, w in enumerate(weights) if q >> i & 1) for q in y]
    expected = []
    for p, q, total in zip(x, y, sums, strict=True):
        for i in range(wide.width):
            row = (q << (i + shift) if i + shift >= 0 else q >> -(i + shift)) * (p >> i & 1)
            total += -sign * row if two and i == wide.width - 1 else sign * row
        expected.append(total % 2**width)
    assert integers(got, len(x)) == expected
    reached = ON.at_least(Sum([(other, weights)], constant), threshold)
    assert integers(reached, len(x)) == [int(total >= threshold) for total in sums]


@settings(max_examples=40)
@given(words(), words(width=9), words(width=1), st.integers(0, 60), st.data())
def test_shifts_by_what_each_element_says(a: Any, s: Any, c: Any, below: int, data: Any) -> None:
    (x, wide), (amounts, amount), (bits, bit) = a, s, c
    width, n = wide.width, len(x)
    shifted = ON.align(wide, ON.value(amount) - 20, below)
    assert integers(shifted, n) == [(v << below) >> max(0, k - 20) for v, k in zip(x, amounts, strict=True)]
    most, keep = data.draw(st.integers(1, width)), data.draw(st.integers(1, width))
    top, by = ON.normalise(wide, most, bit, keep)
    places = [min(width - v.bit_length(), most) * b for v, b in zip(x, bits, strict=True)]
    assert np.broadcast_to(signed(by), n).tolist() == places
    assert integers(top, n) == [(v << k) % 2**width >> (width - keep) for v, k in zip(x, places, strict=True)]


def test_lookups_of_wide_words() -> None:
    starts, free = [0, 1 << 70, 3 << 69], [70, 69, 69]
    columns = [[5, 1 << 90, 7], [1, 2, 3]]
    x = [0, 12345, (1 << 70) - 1, (1 << 70) + 9, (3 << 69) + 1, (1 << 71) - 1]
    found, place = ON.lookup(word(x, 71), starts, free, columns, [91, 2], 69)
    segment = [0, 0, 0, 1, 2, 2]
    assert [integers(made, len(x)) for made in found] == [[column[k] for k in segment] for column in columns]
    assert integers(place, len(x)) == [v % 2**69 if k == 0 else v - starts[k] for v, k in zip(x, segment, strict=True)]


@pytest.mark.parametrize(
    ("value", "real"),
    [
        (constants.LN2, lambda: mpmath.log(2)),
        (constants.LOG2_E, lambda: 1 / mpmath.log(2)),
        (constants.PI, lambda: +mpmath.pi),
        (constants.TANH_SLOPE, lambda: mpmath.sqrt(8 / mpmath.pi)),
        (constants.roots_of_two(5)[19], lambda: mpmath.power(2, mpmath.mpf(19) / 32)),
    ],
)
def test_constants_are_exact(value: Any, real: Any) -> None:
    with mpmath.workprec(400):
        assert abs(mpmath.mpf(value.numerator) / value.denominator - real()) < mpmath.ldexp(1, -constants.BITS + 8)
