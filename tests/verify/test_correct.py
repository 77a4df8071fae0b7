"""Correct rounding: against rationals and 200-bit values that share no code with it, and on cases known to be hard."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT16, FLOAT32, FLOAT64, FORMATS, FloatFormat
from lava_nexus.verify.correct import against_order, correctly_rounded, round_ratio
from lava_nexus.verify.real_functions import FUNCTIONS
from tests import exact

TRUE = {
    "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: x ** mpmath.mpf("-0.5"),
    "exp": lambda x: mpmath.e**x,
    "exp2": lambda x: mpmath.exp(x * mpmath.ln2),
    "log": lambda x: mpmath.log(x, 2) * mpmath.ln2,
    "sin": lambda x: mpmath.cos(x - mpmath.pi / 2),
    "cos": lambda x: mpmath.sin(x + mpmath.pi / 2),
    "sigmoid": lambda x: (1 + mpmath.tanh(x / 2)) / 2,
    "tanh": lambda x: mpmath.sinh(x) / mpmath.cosh(x),
    "silu": lambda x: x * (1 + mpmath.tanh(x / 2)) / 2,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "gelu_tanh": lambda x: x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))),
    "erf": lambda x: 1 - mpmath.erfc(x) if x > -1 else mpmath.erf(x),
}


def _patterns(values: list[float], fmt: FloatFormat) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(values).astype(fmt.dtype).view(fmt.pattern_dtype)


def _rational(x: mpmath.mpf) -> Fraction:
    sign, significand, exponent, _ = x._mpf_
    return (-1) ** sign * Fraction(int(significand)) * Fraction(2) ** int(exponent)


@pytest.mark.parametrize("fmt", [FLOAT8_E4M3FN, FLOAT16, BFLOAT16, FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_against_rationals(name: str, fmt: FloatFormat) -> None:
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.standard_normal(25) * 4, rng.standard_normal(10) * 0.01])
    values = values[values != 0] if name not in ("log", "rsqrt") else np.abs(values) + 0.01
    patterns = np.unique(_patterns(values.tolist(), fmt))
    patterns = patterns[fmt.from_patterns(patterns).astype(np.float64) != 0]
    found, _ = correctly_rounded(name, patterns, fmt)
    with mpmath.workprec(400):
        for pattern, result in zip(patterns.tolist(), found.tolist(), strict=True):
            operand = exact.real(pattern, fmt).value
            true = _rational(TRUE[name](mpmath.mpf(operand.numerator) / operand.denominator))
            # 400 bits less a millionth of a bit: exact ties and results next to them are tested below.
            assert result == exact.rounded(exact.Real(int(true < 0), abs(true)), fmt), (name, operand)


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=str)
@given(st.integers(1, 2**80), st.integers(-1200, 1200))
def test_round_ratio(fmt: FloatFormat, significand: int, exponent: int) -> None:
    expected = exact.rounded(exact.Real(0, significand * Fraction(2) ** exponent), fmt)
    assert round_ratio(significand, exponent, fmt) == expected


@pytest.mark.parametrize(
    ("name", "fmt", "pattern", "expected"),
    [
        ("exp2", FLOAT32, 0xC3160000, 0),  # 2^-150, a tie between 0 and the least subnormal
        ("exp2", FLOAT32, 0xC315FFFF, 1),  # just above
        ("silu", FLOAT32, 0x00000001, 1),  # x/2 + x^2/4: just above the tie
        ("silu", FLOAT32, 0x80000001, 0x80000000),  # -x/2 + x^2/4: just inside it
        ("gelu", FLOAT32, 0x00000003, 2),
        ("gelu", FLOAT32, 0x80000003, 0x80000001),
        ("gelu_tanh", FLOAT64, 0x0000000000000005, 3),
        ("silu", FLOAT64, 0x8000000000000005, 0x8000000000000002),
        ("silu", FLOAT32, 0xFF800000, 0x80000000),
        ("gelu", FLOAT16, 0xFC00, 0x8000),
        ("sigmoid", FLOAT16, 0xFC00, 0),
        ("tanh", FLOAT32, 0x7F800000, 0x3F800000),
        ("log", FLOAT32, 0x80000000, 0xFF800000),
        ("log", FLOAT32, 0xBF800000, 0x7FC00000),
        ("rsqrt", FLOAT32, 0x80000000, 0xFF800000),
        ("sin", FLOAT32, 0x49800000, None),  # 2^20 is the last angle
        ("sin", FLOAT32, 0x49800001, 0x7FC00000),
        ("cos", FLOAT64, 0x7FF0000000000000, 0x7FF8000000000000),
        ("exp", FLOAT8_E4M3FN, 0x7E, 0x7F),  # overflow is NaN where there is no infinity
        ("exp", FLOAT32, 0x7FC00123, 0x7FC00000),
    ],
)
def test_hard_and_special(name: str, fmt: FloatFormat, pattern: int, expected: int | None) -> None:
    found, _ = correctly_rounded(name, np.array([pattern], fmt.pattern_dtype), fmt)
    assert not fmt.is_nan(found)[0] if expected is None else found[0] == expected


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_stated_error_of_the_screen_holds(name: str) -> None:
    function = FUNCTIONS[name]
    x = np.random.default_rng(1).uniform(-10, 10, 60)
    x = np.abs(x) if name in ("log", "rsqrt") else x
    y = function.wide(x)
    with mpmath.workprec(200):
        for value, approximate in zip(x.tolist(), y.tolist(), strict=True):
            true = TRUE[name](mpmath.mpf(value))
            assert abs(mpmath.mpf(approximate) - true) <= abs(true) * function.error / 4


@pytest.mark.parametrize("fmt", [FLOAT16, BFLOAT16], ids=str)
@pytest.mark.parametrize("name", ["exp", "log", "silu", "tanh", "cos", "reciprocal"])
def test_runs_of_one_result_are_what_single_operands_give(name: str, fmt: FloatFormat) -> None:
    patterns = np.arange(1 << fmt.bits, dtype=fmt.pattern_dtype)
    runs = np.concatenate([correctly_rounded(name, run, fmt)[0] for run in np.array_split(patterns, 700)])
    mixed = np.random.default_rng(3).permutation(patterns)
    found, _ = correctly_rounded(name, mixed, fmt)
    np.testing.assert_array_equal(runs[mixed], found)


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if np.isfinite(function.lowest)])
def test_where_a_function_is_lowest(name: str) -> None:
    lowest = FUNCTIONS[name].lowest
    with mpmath.workprec(200):
        below, at, above = (TRUE[name](mpmath.mpf(lowest) + step) for step in (-1e-12, 0, 1e-12))
    assert below > at < above


@pytest.mark.parametrize(
    ("name", "operand"), [("exp", 1.5), ("reciprocal", -3.0), ("silu", -2.0), ("silu", 2.0), ("sin", 3.0)]
)
def test_results_in_the_wrong_order_are_counted(name: str, operand: float) -> None:
    function = FUNCTIONS[name]
    first = int(np.array(operand, np.float32).view(np.uint32))
    patterns = np.arange(first, first + 1000, dtype=np.uint32)

    def evaluate(patterns: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return correctly_rounded(name, patterns, FLOAT32)[0]

    results = evaluate(patterns)
    assert against_order(evaluate, patterns, results, FLOAT32, function) == (1000, 0)
    steps = np.flatnonzero(results[1:] != results[:-1])
    swapped = results.copy()
    swapped[[steps[5], steps[5] + 1]] = swapped[[steps[5] + 1, steps[5]]]
    pairs, wrong = against_order(evaluate, patterns, swapped, FLOAT32, function)
    assert pairs == 1000
    assert wrong >= 1


def test_nothing_is_compared_across_the_turn_of_a_function() -> None:
    turn = int(np.array(FUNCTIONS["silu"].lowest, np.float32).view(np.uint32))
    patterns = np.arange(turn - 10, turn + 10, dtype=np.uint32)
    results = correctly_rounded("silu", patterns, FLOAT32)[0]
    pairs, wrong = against_order(
        lambda p: correctly_rounded("silu", p, FLOAT32)[0], patterns, results, FLOAT32, FUNCTIONS["silu"]
    )
    assert (pairs, wrong) == (19, 0)
