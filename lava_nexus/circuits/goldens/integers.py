"""References of conversions to, from and between integers, and of arithmetic without subnormal numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Golden
from lava_nexus.circuits.goldens import exact
from lava_nexus.formats import FloatFormat, IntegerFormat


def to_integer(fmt: FloatFormat, to: IntegerFormat, rounding: str) -> Golden:
    """Conversion in FP64, which holds every number of the format; out of range saturates, NaN gives 0."""

    def golden(patterns: NDArray[Any]) -> NDArray[Any]:
        flat = np.ravel(patterns)
        x = exact.numbers(flat, fmt)
        with np.errstate(over="ignore"):
            size = np.ldexp(x.significand.astype(np.float64), x.exponent.astype(np.int32))
        infinite = ((flat.astype(np.uint64) & np.uint64(fmt.sign_mask - 1)) == fmt.exponent_mask) & fmt.inf
        value = np.where(infinite, np.inf, size) * np.where(x.sign, -1.0, 1.0)
        whole = np.rint(value) if rounding == "nearest" else np.trunc(value)
        low, high = whole < to.min, whole >= to.max + 1
        inside = np.where(low | high | fmt.is_nan(flat), 0.0, whole).astype(to.dtype)
        result = np.where(low, to.dtype.type(to.min), np.where(high, to.dtype.type(to.max), inside))
        result = np.where(fmt.is_nan(flat), to.dtype.type(0), result)
        return to.to_patterns(result).reshape(np.shape(patterns))

    return golden


def from_integer(fmt: IntegerFormat, to: FloatFormat) -> Golden:
    """The integer, exact, rounded once."""

    def golden(patterns: NDArray[Any]) -> NDArray[Any]:
        values = fmt.from_patterns(np.ravel(patterns))
        sign = values < 0
        word = values.astype(np.int64).view(np.uint64) if fmt.signed else values.astype(np.uint64)
        magnitude = np.where(sign, np.uint64(0) - word, word)
        none = np.zeros(len(word), dtype=np.bool_)
        number = exact.Numbers(sign, np.zeros(len(word), np.int64), magnitude, none)
        return exact.rounded(number, to).reshape(np.shape(patterns))

    return golden


def between_integers(fmt: IntegerFormat, to: IntegerFormat) -> Golden:
    """The integer, saturated."""

    def golden(patterns: NDArray[Any]) -> NDArray[Any]:
        values = fmt.from_patterns(patterns)
        low, high = values < max(fmt.min, to.min), values > min(fmt.max, to.max)
        inside = np.where(low | high, values.dtype.type(0), values).astype(to.dtype)
        return to.to_patterns(np.where(low, to.dtype.type(to.min), np.where(high, to.dtype.type(to.max), inside)))

    return golden


def without_subnormals(golden: Golden, formats: tuple[FloatFormat, ...], to: FloatFormat) -> Golden:
    """The reference where every subnormal operand counts as a zero of its sign, and so does every subnormal result."""

    def flushed(*patterns: NDArray[Any]) -> NDArray[Any]:
        operands = [flush(p, fmt) for p, fmt in zip(patterns, formats, strict=True)]
        return flush(golden(*operands), to)

    return flushed


def flush(patterns: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    """The patterns with subnormal numbers replaced by the zero of their sign."""
    dtype = fmt.pattern_dtype.type
    return np.where((patterns & dtype(fmt.exponent_mask)) == 0, patterns & dtype(fmt.sign_mask), patterns)
