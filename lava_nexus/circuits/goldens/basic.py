"""What a basic operation or a conversion must answer: IEEE hardware through NumPy and ml_dtypes, or exact integers.

Formats narrower than FP32 are computed in FP32 by ml_dtypes and rounded again, which is exact for +, -, *, / and sqrt
because 24 >= 2p + 2 (S. Figueroa, "When is double rounding innocuous?", SIGNUM Newsletter 30(3), 1995).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.goldens import exact
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT64, FloatFormat, IntegerFormat
from lava_nexus.neurons.built import Computed, Golden

Values = NDArray[Any]


def hardware(function: Callable[..., Any]) -> Golden:
    """The golden function of patterns that IEEE hardware computes."""
    return Computed(function, "hardware")


def integers(function: Callable[..., Any]) -> Golden:
    """The golden function of patterns that exact integers compute."""
    return Computed(function, "integers")


@final
@dataclass(frozen=True, eq=False)
class OnValues(Golden):
    """A function that NumPy evaluates on values, rounded once: result = function(operands); NaNs are canonical.

    Attributes:
        function: of arrays of values.
        format: of the operands.
        to: of the result; where it is another one, the function is evaluated in FP64, which must hold its results.
    """

    function: Callable[..., Values]
    format: FloatFormat
    to: FloatFormat
    known: Literal["hardware"] = "hardware"

    def __call__(self, *patterns: NDArray[Any]) -> NDArray[Any]:
        """Patterns of the results, element by element."""
        fmt, to = self.format, self.to
        operands = [fmt.from_patterns(p) for p in patterns]
        with np.errstate(all="ignore"):
            if to != fmt:
                wide = self.function(*(x.astype(np.float64) for x in operands))
                return convert(FLOAT64, to)(wide.view(np.uint64))
            values = self.function(*operands)
        return to.canonical(np.ascontiguousarray(values, dtype=to.dtype).view(to.pattern_dtype))


def on_values(function: Callable[..., Values], fmt: FloatFormat) -> Golden:
    """A function that NumPy evaluates on the format's own values; NaNs are canonical."""
    return OnValues(function, fmt, fmt)


def widening_multiply(fmt: FloatFormat, to: FloatFormat) -> Golden:
    """a * b of one format, rounded once to another: the product is exact in FP64 for FP32 and narrower.

    Raises:
        NexusError: the operands are FP64, whose product FP64 cannot hold.
    """
    if fmt == FLOAT64:
        raise NexusError(f"operation 'mul' on {fmt} has no result in {to}: its reference would be rounded twice")
    return OnValues(np.multiply, fmt, to)


def sign_bit(keep: int, flip: int, fmt: FloatFormat) -> Golden:
    """neg and abs: (pattern & keep) ^ flip, NaN canonical."""

    @hardware
    def golden(patterns: NDArray[Any]) -> NDArray[Any]:
        dtype = fmt.pattern_dtype.type
        return np.where(fmt.is_nan(patterns), dtype(fmt.canonical_nan), (patterns & dtype(keep)) ^ dtype(flip))

    return golden


def extremum(fmt: FloatFormat, largest: bool) -> Golden:
    """IEEE 754-2019 maximum or minimum: NaN wins, -0 is below +0."""

    @hardware
    def golden(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            x, y = (fmt.from_patterns(p).astype(np.float64) for p in (a, b))
            minus_a = np.signbit(x)
            a_wins = (x > y) | ((x == y) & ~minus_a) if largest else (x < y) | ((x == y) & minus_a)
        chosen = np.where(a_wins, a, b)
        nan = fmt.is_nan(a) | fmt.is_nan(b)
        return np.where(nan, fmt.pattern_dtype.type(fmt.canonical_nan), chosen).astype(fmt.pattern_dtype)

    return golden


def comparison(function: Callable[[Values, Values], Values], fmt: FloatFormat) -> Golden:
    """1 where the comparison holds, 0 where it does not or an operand is NaN."""

    @hardware
    def golden(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            x, y = (fmt.from_patterns(p).astype(np.float64) for p in (a, b))
            return np.asarray(function(x, y)).astype(np.uint8)

    return golden


def convert(fmt: FloatFormat, to: FloatFormat) -> Golden:
    """The number in another floating-point format, to nearest even.

    From FP64 to formats of 16 bits and fewer ml_dtypes would round twice (through FP32), so FP64 is first brought to
    FP32 by rounding to odd, which makes the second rounding exact (Boldo and Melquiond, 2008).
    """

    @hardware
    def golden(patterns: NDArray[Any]) -> NDArray[Any]:
        values = fmt.from_patterns(patterns)
        with np.errstate(all="ignore"):
            if fmt == FLOAT64 and to.fraction_bits < 23:
                values = _to_odd(values)
            result = values.astype(to.dtype)
        return to.canonical(np.ascontiguousarray(result).view(to.pattern_dtype))

    return golden


def _to_odd(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """FP64 to FP32, rounded to odd: an inexact result gets a last bit of 1."""
    nearest = values.astype(np.float32)
    back = nearest.astype(np.float64)
    bits = nearest.view(np.uint32)
    away = (np.abs(back) > np.abs(values)).astype(np.uint32)
    truncated = bits - away
    inexact = (back != values) & np.isfinite(values)
    return np.where(inexact, truncated | np.uint32(1), bits).astype(np.uint32).view(np.float32)


def to_integer(fmt: FloatFormat, to: IntegerFormat, rounding: str) -> Golden:
    """The number as an integer, by way of FP64, which holds all of them; out of range saturates, NaN gives 0."""

    @integers
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

    @integers
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

    @integers
    def golden(patterns: NDArray[Any]) -> NDArray[Any]:
        values = fmt.from_patterns(patterns)
        low, high = values < max(fmt.min, to.min), values > min(fmt.max, to.max)
        inside = np.where(low | high, values.dtype.type(0), values).astype(to.dtype)
        return to.to_patterns(np.where(low, to.dtype.type(to.min), np.where(high, to.dtype.type(to.max), inside)))

    return golden


def without_subnormals(golden: Golden, formats: tuple[FloatFormat, ...], to: FloatFormat) -> Golden:
    """The function where subnormal operands and results count as zeros of their sign."""

    def flushed(*patterns: NDArray[Any]) -> NDArray[Any]:
        operands = [flush(p, fmt) for p, fmt in zip(patterns, formats, strict=True)]
        return flush(golden(*operands), to)

    return Computed(flushed, golden.known)


def flush(patterns: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    """The patterns with subnormal numbers replaced by the zero of their sign."""
    dtype = fmt.pattern_dtype.type
    return np.where((patterns & dtype(fmt.exponent_mask)) == 0, patterns & dtype(fmt.sign_mask), patterns)
