"""Correct rounding of functions, whether results rise and fall where the function does, and what a check found of it.

A screen in wide floats takes y(1 - e) and y(1 + e) of an approximation y whose relative error is below e; if both round
to the same pattern, so does the true value, because rounding is monotone. The rest is evaluated in multiple precision,
with more and more bits until the same holds. Source: A. Ziv, "Fast evaluation of elementary mathematical functions with
correctly rounded last bit", ACM TOMS 17(3), 1991.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.goldens.basic import convert
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32, FLOAT64, FloatFormat
from lava_nexus.verify.real_functions import FUNCTIONS, RealFunction

MOST_EXAMPLES = 5
MOST_MISSES = 4096


@dataclass(frozen=True)
class Example:
    """One operand set on which neurons and reference differ; patterns.

    Attributes:
        operands: of each input port.
        answered: by the neurons.
        expected: by the golden function.
    """

    operands: tuple[int, ...]
    answered: int
    expected: int

    def text(self, widths: tuple[int, ...]) -> str:
        """`0x3f, 0x80 gives 0x40, not 0x41`, for operands and a result of these bits."""
        words = [
            f"0x{v:0{-(-w // 4)}x}" for v, w in zip((*self.operands, self.answered, self.expected), widths, strict=True)
        ]
        return f"{', '.join(words[:-2])} gives {words[-2]}, not {words[-1]}"


@dataclass
class Rounding:
    """A golden function against correct rounding.

    Attributes:
        wrong: results that are not the correctly rounded one.
        counted: results that are finite, not zero and no limit of the function.
        wrong_counted: those of them that are not the correctly rounded one.
        max_ulp: largest distance from it; 2^64 - 1 is a number where a NaN belongs, or the reverse.
        worst: operand with that distance.
        misses: (operand, result, correctly rounded result) of the wrong ones, None where there are too many.
        by_precision: results that the screen in wide floats left to multiple precision.
        neighbours: operands next to each other, between which the function only rises or only falls, that were
            compared.
        against_order: those of them whose results go the other way.
    """

    wrong: int = 0
    counted: int = 0
    wrong_counted: int = 0
    max_ulp: int = 0
    worst: int | None = None
    misses: list[tuple[int, int, int]] | None = field(default_factory=list)
    by_precision: int = 0
    neighbours: int = 0
    against_order: int = 0

    def add(self, other: Rounding) -> None:
        """Adds what was found on other operand sets."""
        if other.max_ulp > self.max_ulp:
            self.max_ulp, self.worst = other.max_ulp, other.worst
        known = None if self.misses is None or other.misses is None else self.misses + other.misses
        self.misses = known if known is not None and len(known) <= MOST_MISSES else None
        for name in ("wrong", "counted", "wrong_counted", "by_precision", "neighbours", "against_order"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def times(self, n: int) -> Rounding:
        """What was found on one operand, on n that are all like it."""
        misses = self.misses if n == 1 or not self.wrong else None
        counts = {name: n * getattr(self, name) for name in ("wrong", "counted", "wrong_counted")}
        return Rounding(**counts, max_ulp=self.max_ulp, worst=self.worst, misses=misses)


@dataclass
class Outcome:
    """What was found so far.

    Attributes:
        sets: operand sets tried.
        mismatches: sets on which the neurons differ from the golden function; None where not asked.
        examples: the first few of them.
        rounding: of the golden function, None where not asked.
        seconds: wall time.
    """

    sets: int = 0
    mismatches: int | None = None
    examples: list[Example] = field(default_factory=list)
    rounding: Rounding | None = None
    seconds: float = 0.0

    def add(self, other: Outcome) -> None:
        """Adds what was found on other operand sets."""
        self.sets += other.sets
        self.seconds += other.seconds
        if other.mismatches is not None:
            self.mismatches = (self.mismatches or 0) + other.mismatches
            self.examples = (self.examples + other.examples)[:MOST_EXAMPLES]
        if other.rounding is not None:
            self.rounding = self.rounding or Rounding()
            self.rounding.add(other.rounding)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Outcome:
        """The inverse of `to_dict`; raises TypeError or KeyError on other values."""
        examples = [Example(tuple(e["operands"]), e["answered"], e["expected"]) for e in values["examples"]]
        rounding = values["rounding"] and Rounding(**values["rounding"])
        if rounding and rounding.misses is not None:
            rounding.misses = [(int(p), int(got), int(right)) for p, got, right in rounding.misses]
        return Outcome(**{**values, "examples": examples, "rounding": rounding})


Patterns = NDArray[Any]
Evaluate = Callable[[Patterns], Patterns]

_TINY = 2.0**-70
"""Below, c x^2 is less than an eighth of the last place of x/2 even in longdouble: only its sign matters."""

_PRECISIONS = (128, 640, 4096)
_SLACK = 40  # bits of a multiple-precision result that are not relied upon
_LOCK = Lock()  # mpmath's precision is global


def correctly_rounded(name: str, patterns: Patterns, fmt: FloatFormat) -> tuple[Patterns, int]:
    """(patterns of the correctly rounded results, how many of them the screen could not decide).

    Args:
        name: a key of `FUNCTIONS`.
        patterns: operands [n] of the format.
        fmt: of operands and results; NaNs are canonical, E4M3FN overflows to NaN.
    """
    function = FUNCTIONS[name]
    if _monotone(function, patterns, fmt):
        ends, by_precision = correctly_rounded(name, patterns[[0, -1]], fmt)
        if ends[0] == ends[1]:  # and rounding is monotone: so is everything between
            return np.full(len(patterns), ends[0]), by_precision
    extended = fmt == FLOAT64
    with np.errstate(all="ignore"):
        values = fmt.from_patterns(patterns).astype(np.longdouble if extended else np.float64)
        y = function.wide(values)
        lower, upper = (_rounded(bound, fmt) for bound in _bounds(function, values, y, extended))
        undecided = lower != upper
        if extended and np.finfo(np.longdouble).nmant < 63:
            undecided |= np.isfinite(values) & (values != 0)
        unknown = np.flatnonzero(undecided)
        unknown = unknown[~np.isnan(y[unknown])]
    if fmt.is_nan(lower).any():
        lower = fmt.canonical(lower)
    hard, places = np.unique(values[unknown], return_inverse=True)
    precise = [_precise(function, value, fmt) for value in hard]
    lower[unknown] = np.array(precise, dtype=fmt.pattern_dtype)[places]
    return lower, len(unknown)


def _monotone(function: RealFunction, patterns: Patterns, fmt: FloatFormat) -> bool:
    """Whether the patterns are a run of numbers of one sign on which the function only rises or only falls."""
    n, first = len(patterns), int(patterns[0]) if len(patterns) else 0
    if n <= 2 or int(patterns[-1]) - first != n - 1 or (patterns[1:] <= patterns[:-1]).any():
        return False
    return one_way(function, patterns[[0, -1]], fmt)


def one_way(function: RealFunction, ends: Patterns, fmt: FloatFormat) -> bool:
    """Whether two patterns are numbers of one sign between which the function only rises or only falls."""
    if int(ends[0] ^ ends[1]) & fmt.sign_mask or fmt.is_nan(ends).any():
        return False
    x = fmt.from_patterns(ends).astype(np.float64)
    return isinstance(function.slope, int) and bool((x < function.lowest).all() or (x > function.lowest).all())


def _bounds(function: RealFunction, x: Patterns, y: Patterns, extended: bool) -> tuple[Patterns, Patterns]:
    kind = x.dtype.type
    bound = function.extended if extended else function.error
    error = (bound(x) if callable(bound) else np.float64(bound)).astype(kind)
    lower, upper = y * (1 - error), y * (1 + error)
    if function.half:
        tiny = np.flatnonzero((np.abs(x) < _TINY) & (x != 0))
        if len(tiny):
            lower[tiny] = upper[tiny] = np.nextafter(x[tiny] / 2, kind(np.inf))
    return lower, upper


def _rounded(values: Patterns, fmt: FloatFormat) -> Patterns:
    """To nearest even; a NaN keeps its pattern."""
    if fmt in (FLOAT64, FLOAT32):
        return values.astype(fmt.dtype).view(fmt.pattern_dtype)
    return convert(FLOAT64, fmt)(np.ascontiguousarray(values).view(np.uint64))


def _precise(function: RealFunction, value: Any, fmt: FloatFormat) -> int:
    """The correctly rounded pattern for a finite operand other than 0; a result that stays on a tie is one."""
    mpmath = _mpmath()
    with _LOCK:
        for bits in _PRECISIONS:
            with mpmath.workprec(bits):
                mantissa, exponent = np.frexp(value)
                x = mpmath.ldexp(mpmath.mpf(int(np.ldexp(mantissa, 64))), int(exponent) - 64)
                sign, significand, scale, _ = function.exact(mpmath.mp, x)._mpf_
            error = (int(significand) << bits) >> (bits - _SLACK)
            ends = {round_ratio(int(significand << bits) + d, int(scale) - bits, fmt) for d in (-error, error)}
            if len(ends) == 1:
                break
        magnitude = ends.pop() if len(ends) == 1 else round_ratio(int(significand), int(scale), fmt)
    return magnitude if magnitude == fmt.canonical_nan else magnitude | int(sign) << (fmt.bits - 1)


def round_ratio(significand: int, exponent: int, fmt: FloatFormat) -> int:
    """significand * 2^exponent, significand not negative, to the nearest pattern, ties to even."""
    top = significand.bit_length() - 1 + exponent
    if significand == 0 or top < -fmt.bias - fmt.significand_bits:
        return 0
    if top > fmt.bias + 1:
        return fmt.exponent_mask if fmt.inf else fmt.canonical_nan
    unit = max(top, 1 - fmt.bias) - fmt.fraction_bits
    shift = unit - exponent
    if shift <= 0:
        kept = significand << -shift
    else:
        kept, rest = significand >> shift, significand & ((1 << shift) - 1)
        half = 1 << (shift - 1)
        kept += rest > half or (rest == half and kept & 1)
    # The hidden bit carries into the exponent field by itself, and so does one that rounds up to a power of 2.
    pattern = kept + ((unit + fmt.fraction_bits + fmt.bias - 1) << fmt.fraction_bits)
    return min(pattern, fmt.exponent_mask) if fmt.inf else (pattern if pattern <= fmt.max_finite else fmt.canonical_nan)


def _mpmath() -> Any:
    try:
        return import_module("mpmath")
    except ImportError:
        raise NexusError("correct rounding needs the package mpmath, which is not installed") from None


def against_order(
    evaluate: Evaluate, patterns: Patterns, results: Patterns, fmt: FloatFormat, function: RealFunction
) -> tuple[int, int]:
    """(neighbours between which the function only rises or falls; those of them whose results go the other way).

    Args:
        evaluate: patterns to results.
        patterns: that follow each other; the one after the last is compared too, but -0 does not follow the last NaN.
        results: theirs.
    """
    if int(patterns[-1]) < 2 * fmt.sign_mask - 1:
        after = patterns[-1:] + fmt.pattern_dtype.type(1)
        patterns, results = np.concatenate([patterns, after]), np.concatenate([results, evaluate(after)])
    middle = int(np.searchsorted(patterns, fmt.sign_mask))
    sides = ((1, slice(None, middle)), (-1, slice(middle, None)))
    found = [_one_side(side, patterns[part], results[part], fmt, function) for side, part in sides]
    return sum(pairs for pairs, _ in found), sum(wrong for _, wrong in found)


def _one_side(side: int, patterns: Patterns, results: Patterns, fmt: FloatFormat, function: RealFunction) -> Any:
    """Operands of one sign, which rise with their patterns where `side` is 1 and fall where it is -1."""
    if len(patterns) < 2:
        return 0, 0
    slope = function.slope
    with np.errstate(invalid="ignore"):  # a NaN is neither above nor below
        y = fmt.from_patterns(results)
        if isinstance(slope, int) and np.isneginf(function.lowest):
            wrong = y[1:] < y[:-1] if slope * side > 0 else y[1:] > y[:-1]
            return len(wrong), int(np.count_nonzero(wrong))
        x = fmt.from_patterns(patterns).astype(np.float64)
        signs = side * np.sign(x - function.lowest if isinstance(slope, int) else slope(x))
    rising, falling = ((signs[1:] == sign) & (signs[:-1] == sign) for sign in (1, -1))
    wrong = (rising & (y[1:] < y[:-1])) | (falling & (y[1:] > y[:-1]))
    return int(np.count_nonzero(rising | falling)), int(np.count_nonzero(wrong))
