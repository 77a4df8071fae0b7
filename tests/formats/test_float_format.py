"""Facts of a format against numpy's and ml_dtypes' own, and the way from values to patterns and back."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64, FORMATS, FloatFormat, format_named

EVERY = pytest.mark.parametrize("fmt", FORMATS.values(), ids=str)


def all_patterns(fmt):
    """Every pattern of 16 bits and fewer; of wider formats a million random ones."""
    if fmt.bits <= 16:
        return np.arange(1 << fmt.bits).astype(fmt.pattern_dtype)
    return np.random.default_rng(0).integers(0, 1 << fmt.bits, 1_000_000, dtype=fmt.pattern_dtype)


@EVERY
def test_facts_are_those_of_finfo(fmt):
    info = ml_dtypes.finfo(fmt.dtype)
    assert (fmt.bits, fmt.exponent_bits, fmt.fraction_bits) == (info.bits, info.nexp, info.nmant)
    assert fmt.bias == 1 - info.minexp
    assert fmt.significand_bits == info.nmant + 1
    patterns = np.array([fmt.max_finite, 1, 1 << fmt.fraction_bits, fmt.sign_mask], fmt.pattern_dtype)
    largest, subnormal, normal, zero = fmt.from_patterns(patterns).astype(np.float64)
    assert largest == float(info.max)
    assert subnormal == float(info.smallest_subnormal)
    assert normal == float(info.smallest_normal)
    assert zero == 0 and np.signbit(zero)
    assert fmt.dtype.itemsize == fmt.pattern_dtype.itemsize


@EVERY
def test_nan_and_infinity_are_where_numpy_sees_them(fmt):
    patterns = all_patterns(fmt)
    values = fmt.from_patterns(patterns)
    with np.errstate(invalid="ignore"):
        nan = np.isnan(values)
    assert nan.any() and np.array_equal(fmt.is_nan(patterns), nan)
    canonical = fmt.canonical(patterns)
    assert (canonical[nan] == fmt.canonical_nan).all() and np.array_equal(canonical[~nan], patterns[~nan])
    top = fmt.from_patterns(np.array([fmt.exponent_mask], fmt.pattern_dtype)).astype(np.float64)[0]
    assert top == (np.inf if fmt.inf else 256.0)


@pytest.mark.parametrize(
    ("fmt", "nan"),
    [(FLOAT32, 0x7FC00000), (FLOAT8_E5M2, 0x7E), (FLOAT8_E4M3FN, 0x7F), (FLOAT64, 0x7FF8 << 48), (FLOAT16, 0x7E00)],
    ids=str,
)
def test_the_canonical_nan_is_the_documented_one(fmt, nan):
    assert fmt.canonical_nan == nan


@EVERY
def test_values_are_spelt_by_the_equation(fmt):
    patterns = all_patterns(fmt)[:: 1 if fmt.bits <= 8 else 997]
    with np.errstate(invalid="ignore"):
        values = fmt.from_patterns(patterns).astype(np.float64)
    for pattern, value in zip(patterns.tolist(), values.tolist(), strict=True):
        sign, exponent = pattern >> (fmt.bits - 1), pattern >> fmt.fraction_bits & ((1 << fmt.exponent_bits) - 1)
        fraction = (pattern & fmt.fraction_mask) / 2**fmt.fraction_bits
        if fmt.is_nan(np.array([pattern], fmt.pattern_dtype))[0]:
            assert value != value
        elif fmt.inf and exponent == (1 << fmt.exponent_bits) - 1:
            assert value == (-np.inf if sign else np.inf)
        else:
            magnitude = (1 + fraction) * 2.0 ** (exponent - fmt.bias) if exponent else fraction * 2.0 ** (1 - fmt.bias)
            assert value == (-magnitude if sign else magnitude)


@EVERY
def test_patterns_to_values_and_back(fmt):
    patterns = all_patterns(fmt)[:65536].reshape(2, -1)
    assert np.array_equal(fmt.to_patterns(fmt.from_patterns(patterns)), patterns)
    assert np.array_equal(fmt.to_patterns(fmt.from_patterns(patterns).T), patterns.T)


@EVERY
def test_wider_values_that_fit_are_taken_as_they_are(fmt):
    patterns = fmt.canonical(all_patterns(fmt)[:65536])
    finite = patterns[~fmt.is_nan(patterns)]
    assert np.array_equal(fmt.to_patterns(fmt.from_patterns(finite).astype(np.float64)), finite)
    assert fmt.to_patterns([True, False]).tolist() == fmt.to_patterns(np.array([1.0, 0.0])).tolist()
    assert fmt.is_nan(fmt.to_patterns(np.array([np.nan]))).all()
    assert fmt.to_patterns(2).shape == () and fmt.to_patterns(np.zeros((0, 3))).shape == (0, 3)


@EVERY
def test_narrow_values_widen_from_every_small_dtype(fmt):
    for dtype in (ml_dtypes.float8_e5m2, ml_dtypes.bfloat16, np.float16, np.float32, np.longdouble, np.int8, np.uint64):
        assert fmt.from_patterns(fmt.to_patterns(np.array([0, 1, 2], dtype))).astype(np.float64).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("fmt", "value", "sentence"),
    [
        (FLOAT32, 0.1, "holds 0.1, which float32 cannot hold exactly"),
        (FLOAT32, 1e39, "holds 1e\\+39"),
        (FLOAT16, [1.0, 65520.0], "holds 65520.0"),
        (FLOAT8_E4M3FN, np.inf, "holds inf, which float8_e4m3fn"),
        (FLOAT8_E4M3FN, np.float32(464), "holds 464.0"),
        (FLOAT64, 2**53 + 1, "holds 9007199254740993, which float64"),
        (FLOAT64, np.uint64(2**64 - 1), "holds 18446744073709551615"),
        (FLOAT64, -(2**63) + 1, "holds -9223372036854775807"),
        (FLOAT64, np.longdouble(1) + np.finfo(np.longdouble).eps, "cannot hold exactly"),
        (FLOAT32, "one", "dtype <U3 is not an array of real numbers"),
        (FLOAT32, 1j, "dtype complex128 is not"),
        (FLOAT32, None, "dtype object is not"),
    ],
)
def test_what_would_be_rounded_is_refused(fmt, value, sentence):
    if isinstance(value, np.longdouble) and np.finfo(np.longdouble).eps == np.finfo(np.float64).eps:
        pytest.skip("long double is no longer than double here")
    with pytest.raises(NexusError, match=sentence):
        fmt.to_patterns(value)


def test_large_integers_that_fit_are_taken():
    assert FLOAT64.from_patterns(FLOAT64.to_patterns(np.array([2**60, -(2**63)]))).tolist() == [2.0**60, -(2.0**63)]


def test_formats_are_found_by_name_and_made_to_measure():
    assert format_named("bfloat16").dtype == np.dtype(ml_dtypes.bfloat16)
    with pytest.raises(NexusError, match=r"format 'fp32' does not exist; choose one of float8_e4m3fn, .*float64"):
        format_named("fp32")
    odd = FloatFormat(3, 2)
    assert (odd.name, odd.bits, odd.bias, odd.pattern_dtype) == ("e3m2", 6, 3, np.dtype("u1"))
    assert FloatFormat(3, 2, inf=False).name == "e3m2fn"
    with pytest.raises(NexusError, match="e3m2 has no numpy dtype"):
        odd.to_patterns([1.0])
    for exponent_bits, fraction_bits in ((1, 3), (16, 3), (5, 0), (11, 53)):
        with pytest.raises(NexusError, match=f"{exponent_bits} exponent and {fraction_bits} fraction bits"):
            FloatFormat(exponent_bits, fraction_bits)
