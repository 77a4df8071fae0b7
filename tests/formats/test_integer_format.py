"""Integer formats: patterns are two's complement, what does not fit is told."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.formats import INT8, INT64, INTEGER_FORMATS, UINT64, IntegerFormat

WIDTHS = [IntegerFormat(bits, signed) for bits in (2, 5, 8, 11, 16) for signed in (True, False)]


@pytest.mark.parametrize("fmt", WIDTHS, ids=str)
def test_every_pattern_there_and_back(fmt):
    patterns = np.arange(1 << fmt.bits).astype(fmt.pattern_dtype)
    values = fmt.from_patterns(patterns)
    assert values.dtype == fmt.dtype
    assert sorted(values.tolist()) == list(range(fmt.min, fmt.max + 1))
    assert all(int(v) % (1 << fmt.bits) == int(p) for v, p in zip(values, patterns, strict=True))
    assert np.array_equal(fmt.to_patterns(values), patterns)
    assert np.array_equal(fmt.to_patterns(values.astype(np.float64).reshape(2, -1)), patterns.reshape(2, -1))


@pytest.mark.parametrize("fmt", INTEGER_FORMATS.values(), ids=str)
def test_the_named_formats_are_those_of_numpy(fmt):
    assert fmt.dtype == np.dtype(fmt.name)
    assert (fmt.min, fmt.max) == (np.iinfo(fmt.name).min, np.iinfo(fmt.name).max)
    ends = np.array([fmt.min, fmt.max], dtype=fmt.dtype)
    assert np.array_equal(fmt.from_patterns(fmt.to_patterns(ends)), ends)


@pytest.mark.parametrize(
    ("fmt", "values", "sentence"),
    [
        (INT8, [1, 128], "operand 128 is out of the range -128..127 of int8"),
        (INT64, [2**63], "operand 9223372036854775808 is out of the range"),
        (UINT64, [-1], "operand -1 is out of the range 0..18446744073709551615 of uint64"),
        (INT8, [0.5], "operand of dtype float64 is not an array of integers, as int8 asks"),
        (INT8, [np.inf], "operand of dtype float64 is not an array of integers, as int8 asks"),
        (INT8, ["one"], "operand of dtype <U3 is not an array of integers, as int8 asks"),
    ],
)
def test_what_does_not_fit(fmt, values, sentence):
    with pytest.raises(NexusError) as caught:
        fmt.to_patterns(values)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("bits", [0, 1, 65])
def test_widths_out_of_range(bits):
    with pytest.raises(NexusError, match=f"integer format of {bits} bits is out of range: 2..64"):
        IntegerFormat(bits)
