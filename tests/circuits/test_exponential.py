"""The exponentials against correct rounding by multiple precision, and their fixed-point programs at their edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from lava_nexus.circuits import OPERATIONS
from lava_nexus.circuits.functions import exponential
from lava_nexus.circuits.functions.evaluate import Evaluate, Number
from lava_nexus.circuits.functions.exponential import two_to_the
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FloatFormat, ulp_distance
from lava_nexus.verify.operands import every, singles
from tests import exact

NARROW = [FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, BFLOAT16]
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "exp": (np.exp, mpmath.exp),
    "exp2": (np.exp2, lambda x: mpmath.power(2, x)),
}


def correctly_rounded(name: str, patterns: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    """float64 decides where both ends of its error round alike; multiple precision the few others, and they are few."""
    screen, precise = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        x = fmt.from_patterns(patterns).astype(np.float64)
        y = screen(x)
        # Wider than FP32 rounds, through which ml_dtypes takes float64 to narrower formats.
        slack = 2.0**-48 if fmt == FLOAT32 else 2.0**-22
        low, high = ((y * (1 + s)).astype(fmt.dtype) for s in (-slack, slack))
    answer, other = (fmt.canonical(v.view(fmt.pattern_dtype)) for v in (low, high))
    undecided = np.flatnonzero((answer != other) & np.isfinite(x))
    assert len(undecided) < 0.02 * len(x) + 30
    with mpmath.workprec(300):
        for i in undecided.tolist():
            # exp(x) is irrational but for x = 0, 2^x but for whole x, where 300 bits hold it: no tie is missed.
            man, exponent = precise(mpmath.mpf(float(x[i]))).man_exp
            value = exact.Fraction(int(man)) * exact.Fraction(2) ** int(exponent)
            answer[i] = exact.rounded(exact.Real(0, value), fmt)
    return answer


def golden(name: str, fmt: FloatFormat) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return OPERATIONS[name].golden(fmt, fmt)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("fmt", NARROW, ids=str)
def test_every_input_of_16_bits_and_fewer_is_correctly_rounded(name, fmt):
    patterns = every(fmt)
    wrong = np.flatnonzero(golden(name, fmt)(patterns) != correctly_rounded(name, patterns, fmt))
    assert not len(wrong), f"{len(wrong)} wrong, first {name}({hex(patterns[wrong[0]])})"


def fp32_inputs(name: str, size: int) -> NDArray[np.uint32]:
    """Where the result is neither 0, 1 nor infinite, evenly over exponents and signs, around the ends; corners."""
    rng = np.random.default_rng(3)
    scale = np.exp2(rng.uniform(-26, 7.2, size))
    reach = {"exp": 88.8, "exp2": 128.2}[name]
    spread = rng.uniform(-1.18, 1.0, size // 2) * reach
    values = np.concatenate([scale * rng.choice([-1, 1], size), spread]).astype(np.float32)
    return np.concatenate([values.view(np.uint32), singles(FLOAT32, size // 20)])


def check_fp32(name: str, size: int) -> None:
    patterns = fp32_inputs(name, size)
    answer, truth = golden(name, FLOAT32)(patterns), correctly_rounded(name, patterns, FLOAT32)
    assert ulp_distance(answer, truth, FLOAT32).max() <= 1
    value = FLOAT32.from_patterns(truth)
    hard = np.isfinite(value) & (value != 0) & (value != 1)
    assert hard.sum() > size
    assert (answer[hard] == truth[hard]).mean() >= 0.999
    assert np.array_equal(answer[~hard & (value != 1)], truth[~hard & (value != 1)])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_fp32_is_within_one_ulp_and_almost_always_correctly_rounded(name):
    check_fp32(name, 150_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_fp32_is_within_one_ulp_on_ten_million_inputs(name):
    check_fp32(name, 10_000_000)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_million_ordered_fp32_inputs_give_ordered_results(name):
    """A wrap of the fraction, of the exponent or of a table would show as a fall."""
    rng = np.random.default_rng(4)
    near_whole = np.round(rng.uniform(-150, 130, 2000)) / (1.4426950408889634 if name == "exp" else 1.0)
    steps = (near_whole.astype(np.float32).view(np.int32)[:, None] + np.arange(-100, 101)).ravel()
    spread = rng.uniform(-160, 130, 300_000).astype(np.float32).view(np.int32)
    values = np.unique(np.concatenate([steps, spread]).astype(np.int32).view(np.float32))
    values = np.sort(values[np.isfinite(values)])
    results = FLOAT32.from_patterns(golden(name, FLOAT32)(values.view(np.uint32)))
    assert not np.isnan(results).any()
    assert (results[1:] >= results[:-1]).all()
    assert results[0] == 0 and np.isinf(results[-1])


PLANS = {getattr(exponential, name).plan(fmt) for name in FUNCTIONS for fmt in (FLOAT16, BFLOAT16, FLOAT32)}


@pytest.mark.parametrize("widths", sorted({(p.working_bits, p.index_bits, p.adjust) for p in PLANS}))
def test_two_to_a_fraction_close_to_one_does_not_wrap(widths):
    """The largest 2^20 fractions that the plan can hold: 2^f stays below 2 and close to what it should be."""
    plan = next(p for p in PLANS if (p.working_bits, p.index_bits, p.adjust) == widths)
    working = plan.working_bits
    count = min(1 << 20, 1 << working)
    fractions = np.arange((1 << working) - count, 1 << working, dtype=np.uint64)
    answer = two_to_the(Evaluate(), Number(fractions, working), plan).values.astype(np.longdouble)
    truth = np.ldexp(np.exp2(np.ldexp(fractions.astype(np.longdouble), -working)) - 1, working)
    assert np.abs(answer - truth).max() < 16
