"""What a floating-point number is: an exponent field, a fraction field and a rule for infinity.

Source: IEEE Std 754-2019, section 3; OCP 8-bit Floating Point Specification (OFP8) for E4M3 without infinities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats.integer_format import exact_array
from lava_nexus.shown import Shown

_DTYPES: dict[tuple[int, int, bool], tuple[str, Any]] = {
    (4, 3, False): ("float8_e4m3fn", ml_dtypes.float8_e4m3fn),
    (5, 2, True): ("float8_e5m2", ml_dtypes.float8_e5m2),
    (5, 10, True): ("float16", np.float16),
    (8, 7, True): ("bfloat16", ml_dtypes.bfloat16),
    (8, 23, True): ("float32", np.float32),
    (11, 52, True): ("float64", np.float64),
}


@dataclass(frozen=True)
class FloatFormat(Shown):
    """A binary floating-point format: value = (-1)^s * 2^(e - bias) * 1.f, and 2^(1 - bias) * 0.f where e = 0.

    Attributes:
        exponent_bits: width of the biased exponent field e.
        fraction_bits: width of the stored fraction f.
        inf: True where an all-ones exponent means infinity or NaN; False where only the all-ones pattern is NaN
            and every other pattern is a number (E4M3FN).
    """

    exponent_bits: int
    fraction_bits: int
    inf: bool = True

    def _facts(self) -> tuple[str, dict[str, Any]]:
        fields = f"1 sign, {self.exponent_bits} exponent, {self.fraction_bits} fraction"
        infinities = "yes" if self.inf else "none: all patterns but one NaN of each sign are numbers"
        return self.name, {"bits": fields, "bias": self.bias, "infinities": infinities}

    def __post_init__(self) -> None:
        if not 2 <= self.exponent_bits <= 15 or not 1 <= self.fraction_bits <= 63 or self.bits > 64:
            raise NexusError(
                f"format with {self.exponent_bits} exponent and {self.fraction_bits} fraction bits is out of range: "
                "2..15 exponent bits, at least 1 fraction bit, at most 64 bits together"
            )

    @property
    def bits(self) -> int:
        """Width of the whole pattern, sign included."""
        return 1 + self.exponent_bits + self.fraction_bits

    @property
    def significand_bits(self) -> int:
        """Precision p: the fraction and the hidden bit."""
        return self.fraction_bits + 1

    @property
    def bias(self) -> int:
        """Exponent bias, 2^(exponent_bits - 1) - 1."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def name(self) -> str:
        """The numpy or ml_dtypes name, or eXmY for a format that neither has."""
        known = _DTYPES.get((self.exponent_bits, self.fraction_bits, self.inf))
        return known[0] if known else f"e{self.exponent_bits}m{self.fraction_bits}{'' if self.inf else 'fn'}"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy dtype (from ml_dtypes where numpy has none)."""
        known = _DTYPES.get((self.exponent_bits, self.fraction_bits, self.inf))
        if known is None:
            raise NexusError(f"format {self.name} has no numpy dtype; use its bit patterns")
        return np.dtype(known[1])

    @property
    def pattern_dtype(self) -> np.dtype[Any]:
        """The smallest unsigned integer dtype that holds a pattern."""
        return np.dtype(f"u{next(size for size in (1, 2, 4, 8) if 8 * size >= self.bits)}")

    @property
    def sign_mask(self) -> int:
        """Pattern of -0."""
        return 1 << (self.bits - 1)

    @property
    def exponent_mask(self) -> int:
        """Pattern with only the exponent field set: +infinity where the format has one."""
        return ((1 << self.exponent_bits) - 1) << self.fraction_bits

    @property
    def fraction_mask(self) -> int:
        """Pattern with only the fraction field set."""
        return (1 << self.fraction_bits) - 1

    @property
    def canonical_nan(self) -> int:
        """The one NaN that circuits answer with: positive, quiet, payload zero (E4M3FN: its only NaN)."""
        return self.exponent_mask | (self.fraction_mask if not self.inf else 1 << (self.fraction_bits - 1))

    @property
    def max_finite(self) -> int:
        """Pattern of the largest finite number."""
        return (self.exponent_mask | self.fraction_mask) - 1 if not self.inf else self.exponent_mask - 1

    def is_nan(self, patterns: NDArray[Any]) -> NDArray[np.bool_]:
        """True where a pattern (any shape) is a NaN."""
        magnitude = patterns & self.pattern_dtype.type(self.sign_mask - 1)
        nan: NDArray[np.bool_] = magnitude > self.max_finite + (1 if self.inf else 0)
        return nan

    def canonical(self, patterns: NDArray[Any]) -> NDArray[Any]:
        """The patterns (any shape) with every NaN replaced by the canonical one."""
        return np.where(self.is_nan(patterns), self.pattern_dtype.type(self.canonical_nan), patterns)

    def to_patterns(self, values: ArrayLike) -> NDArray[Any]:
        """Bit patterns, dtype `pattern_dtype`, of values (any shape) that the format holds exactly.

        Raises:
            NexusError: a value would have to be rounded (conversion is an operation of its own), or is no real number.
        """
        array = exact_array("operand", values)
        if array.dtype != self.dtype:
            with np.errstate(over="ignore", invalid="ignore"):
                cast = _number(array).astype(self.dtype)
                exact = _same_numbers(array, cast.astype(np.float64))
            if not exact.all():
                raise NexusError(
                    f"operand of dtype {array.dtype} holds {array[~exact].flat[0]!s}, which {self.name} cannot hold "
                    "exactly; convert it first"
                )
            array = cast
        return np.ascontiguousarray(array).view(self.pattern_dtype).reshape(array.shape)

    def from_patterns(self, patterns: NDArray[Any]) -> NDArray[Any]:
        """Values of dtype `dtype`, same shape, of bit patterns."""
        array = np.ascontiguousarray(patterns, dtype=self.pattern_dtype)
        return array.view(self.dtype).reshape(np.shape(patterns))

    def __str__(self) -> str:
        return self.name


def _number(array: NDArray[Any]) -> NDArray[Any]:
    extension = array.dtype.kind == "V" and array.dtype.fields is None and np.can_cast(array.dtype, np.float64)
    if array.dtype.kind not in "biuf" and not extension:
        raise NexusError(f"operand of dtype {array.dtype} is not an array of real numbers")
    return array


def _same_numbers(array: NDArray[Any], doubles: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where an array of any real dtype equals the doubles exactly; two NaNs count as the same."""
    if array.dtype.kind in "iu" and array.size and max(int(array.max()), -int(array.min())) > 2**53:
        # float64 would round these integers before comparing; Python compares exactly.
        return np.asarray(array.astype(object) == doubles.astype(object), dtype=np.bool_)
    wide = array if array.dtype.itemsize > 8 else array.astype(np.float64)
    return np.asarray((wide == doubles) | (np.isnan(wide) & np.isnan(doubles)))


FLOAT8_E4M3FN = FloatFormat(4, 3, inf=False)
FLOAT8_E5M2 = FloatFormat(5, 2)
FLOAT16 = FloatFormat(5, 10)
BFLOAT16 = FloatFormat(8, 7)
FLOAT32 = FloatFormat(8, 23)
FLOAT64 = FloatFormat(11, 52)

FORMATS: dict[str, FloatFormat] = {f.name: f for f in (FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, BFLOAT16, FLOAT32, FLOAT64)}


def format_named(name: str) -> FloatFormat:
    """The format of that name.

    Raises:
        NexusError: there is none of that name.
    """
    if name not in FORMATS:
        raise NexusError(f"format '{name}' does not exist; choose one of {', '.join(FORMATS)}")
    return FORMATS[name]
