"""Spatial bit encoding: lossless both ways, the sign first."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.formats import (
    FLOAT8_E5M2,
    FLOAT32,
    FLOAT64,
    FORMATS,
    FloatFormat,
    decode,
    encode,
    patterns_to_spikes,
    spikes_to_patterns,
)

EVERY = pytest.mark.parametrize("fmt", FORMATS.values(), ids=str)
SHORT = pytest.mark.parametrize("fmt", [f for f in FORMATS.values() if f.bits <= 16], ids=str)
LONG = pytest.mark.parametrize("fmt", [FLOAT32, FLOAT64], ids=str)


def errors_of_a_round_trip(patterns, fmt):
    """Patterns that come back from values, spikes and values again with another bit."""
    spikes = encode(fmt.from_patterns(patterns), fmt)
    assert spikes.shape == (*patterns.shape, fmt.bits)
    return int((decode(spikes, fmt).view(fmt.pattern_dtype) != patterns).sum())


def random_patterns(fmt, count, rng):
    return rng.integers(0, 1 << fmt.bits, count, dtype=fmt.pattern_dtype)


@SHORT
def test_every_short_pattern_survives(fmt):
    assert errors_of_a_round_trip(np.arange(1 << fmt.bits).astype(fmt.pattern_dtype), fmt) == 0


@LONG
def test_ten_million_long_patterns_survive(fmt):
    rng = np.random.default_rng(2)
    assert sum(errors_of_a_round_trip(random_patterns(fmt, 1_000_000, rng), fmt) for _ in range(10)) == 0


@EVERY
def test_channel_i_is_bit_i_from_the_top(fmt):
    patterns = random_patterns(fmt, 64, np.random.default_rng(3))
    spikes = patterns_to_spikes(patterns, fmt.bits)
    assert spikes.dtype == np.uint8
    assert spikes.tolist() == [[p >> (fmt.bits - 1 - i) & 1 for i in range(fmt.bits)] for p in patterns.tolist()]


def test_the_layout_is_that_of_big_endian_ieee_bytes():
    for value in (1.0, -2.5, 3.14159, 1e-40, float("inf")):
        single = np.float32(value)
        text = "".join(f"{byte:08b}" for byte in struct.pack(">f", single))
        assert "".join(map(str, encode(single, FLOAT32))) == text
        text = "".join(f"{byte:08b}" for byte in struct.pack(">d", value))
        assert "".join(map(str, encode(value, FLOAT64))) == text
    assert encode(np.float32(-1.0), FLOAT32).tolist() == [1, 0, *[1] * 7, *[0] * 23]


@EVERY
def test_memory_order_and_rank_do_not_matter(fmt):
    patterns = random_patterns(fmt, 24, np.random.default_rng(4)).reshape(2, 3, 4)
    for array in (patterns, patterns.T, np.asfortranarray(patterns), patterns[:, ::2, ::-1], patterns[0, 0, 0]):
        spikes = patterns_to_spikes(array, fmt.bits)
        assert spikes.shape == (*array.shape, fmt.bits)
        assert np.array_equal(spikes_to_patterns(spikes, fmt.pattern_dtype), array)
        back = spikes_to_patterns(np.asfortranarray(spikes), fmt.pattern_dtype)
        assert np.array_equal(back, array) and back.dtype == fmt.pattern_dtype and back.dtype.isnative
    empty = patterns[:0]
    assert np.array_equal(spikes_to_patterns(patterns_to_spikes(empty, fmt.bits), fmt.pattern_dtype), empty)


def test_widths_that_fill_no_byte():
    fmt = FloatFormat(4, 6)
    patterns = np.arange(1 << 11, dtype=np.uint16)
    spikes = patterns_to_spikes(patterns, fmt.bits)
    assert spikes.shape == (2048, 11) and spikes[1024].tolist() == [1] + 10 * [0]
    assert np.array_equal(spikes_to_patterns(spikes, fmt.pattern_dtype), patterns)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float32])
def test_spikes_of_any_dtype_are_read(dtype):
    values = np.array([1.5, -0.0, np.inf], np.float32)
    assert decode(encode(values, FLOAT32).astype(dtype), FLOAT32).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("spikes", "sentence"),
    [
        (np.zeros((2, 31)), r"spikes of shape \(2, 31\) do not end in the 32 channels of float32"),
        (np.array(1), r"spikes of shape \(\) do not end"),
        (np.full((1, 32), 2, np.uint8), "must be 0 or 1, found 2"),
        (np.full((1, 32), -1), "must be 0 or 1, found -1"),
        (np.full((1, 32), 0.5), "must be 0 or 1, found 0.5"),
        (np.full((1, 32), np.nan), "must be 0 or 1, found nan"),
    ],
)
def test_what_are_no_spikes_is_refused(spikes, sentence):
    with pytest.raises(NexusError, match=sentence):
        decode(spikes, FLOAT32)


def test_a_value_that_would_be_rounded_is_refused():
    with pytest.raises(NexusError, match="holds 0.3, which float8_e5m2"):
        encode([0.3], FLOAT8_E5M2)
