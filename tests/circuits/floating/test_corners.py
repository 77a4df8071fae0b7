"""Basic operations of FP32 and FP64: neurons against the machine's own arithmetic, on operands as TestFloat has."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import gmpy2
import numpy as np
import pytest
from numpy.typing import NDArray

from lava_nexus.circuits import circuit
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.formats import FLOAT32, FLOAT64, FloatFormat
from lava_nexus.verify.operands import Patterns, corners
from tests import exact
from tests.circuits.floating.checks import assert_equal
from tests.circuits.floating.vectors import operand_sets

VECTORS, MANY = 200_000, 1_000_000
WIDE = [FLOAT32, FLOAT64]
Values = NDArray[Any]


def _fused(fmt: FloatFormat) -> Callable[..., Values]:
    """a * b + c by MPFR with the format's precision and range."""

    def fused(*operands: Values) -> Values:
        with gmpy2.context(gmpy2.ieee(fmt.bits)):
            number, fma = gmpy2.mpfr, gmpy2.fma
            columns = zip(*(x.astype(np.float64).tolist() for x in operands), strict=True)
            return np.array([float(fma(number(a), number(b), number(c))) for a, b, c in columns])

    return fused


def _ordered(patterns: Patterns, fmt: FloatFormat) -> NDArray[np.int64]:
    """Integers in the order of the numbers, -0 before +0."""
    magnitude = (patterns & fmt.pattern_dtype.type(fmt.sign_mask - 1)).astype(np.int64)
    return np.where(magnitude == patterns.astype(np.uint64).view(np.int64), magnitude, -1 - magnitude)


def _extremum(choose: Callable[..., Any], fmt: FloatFormat) -> Callable[..., Patterns]:
    """minimum or maximum of IEEE 754-2019 on patterns: a NaN wins."""

    def extremum(a: Patterns, b: Patterns) -> Patterns:
        first = choose(_ordered(a, fmt), _ordered(b, fmt)) == _ordered(a, fmt)
        nan = np.isnan(fmt.from_patterns(a)) | np.isnan(fmt.from_patterns(b))
        return np.where(nan, fmt.pattern_dtype.type(fmt.canonical_nan), np.where(first, a, b))

    return extremum


HARDWARE: dict[str, Callable[..., Values]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "sqrt": np.sqrt,
    "neg": np.negative,
    "abs": np.abs,
}
COMPARED = {"compare_lt": np.less, "compare_le": np.less_equal, "compare_eq": np.equal}
EXTREMA = {"min": np.minimum, "max": np.maximum}
OPERATIONS = [*HARDWARE, *COMPARED, *EXTREMA, "fma"]
LARGE = [(name, FLOAT64) for name in ("sub", "mul", "div", "sqrt", "fma")]
CASES = [
    pytest.param(name, fmt, id=f"{fmt}-{name}", marks=[pytest.mark.wide] if (name, fmt) in LARGE else [])
    for fmt in WIDE
    for name in OPERATIONS
]


def expected(name: str, fmt: FloatFormat, sets: list[Patterns]) -> Patterns:
    """Of the machine's floating-point unit; of fma, which numpy does not have, of MPFR."""
    if name in EXTREMA:
        return _extremum(EXTREMA[name], fmt)(*sets)
    values = [fmt.from_patterns(x) for x in sets]
    with np.errstate(all="ignore"):
        if name in COMPARED:
            return COMPARED[name](*values).astype(np.uint8)
        result = (HARDWARE[name] if name in HARDWARE else _fused(fmt))(*values).astype(fmt.dtype)
    return fmt.canonical(np.ascontiguousarray(result).view(fmt.pattern_dtype))


def check(name: str, fmt: FloatFormat, size: int, seed: int) -> None:
    built = circuit(name, fmt)
    sets = operand_sets(fmt, len(built.inputs), size, seed)
    assert all(len(x) == size and x.dtype == fmt.pattern_dtype for x in sets)
    assert_equal(built, sets, BitslicedExecutor(count=False, threads=1).invoke(built, sets), expected(name, fmt, sets))


@pytest.mark.parametrize(("name", "fmt"), CASES)
def test_neurons_give_what_the_machine_gives(fmt: FloatFormat, name: str) -> None:
    check(name, fmt, VECTORS, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("fmt", WIDE, ids=str)
def test_neurons_give_what_the_machine_gives_ten_million_times(fmt: FloatFormat, name: str) -> None:
    for seed in range(10):
        check(name, fmt, MANY, seed=100 + seed)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("fmt", WIDE, ids=str)
def test_the_machine_rounds_as_rationals_do(fmt: FloatFormat, name: str) -> None:
    sets = [x[::1000] for x in operand_sets(fmt, len(circuit(name, fmt).inputs), VECTORS, seed=2)]
    truth = [exact.expected(name, one, fmt) for one in zip(*(x.tolist() for x in sets), strict=True)]
    np.testing.assert_array_equal(expected(name, fmt, sets), truth)


@pytest.mark.parametrize("fmt", WIDE, ids=str)
def test_corners_meet_in_all_pairs(fmt: FloatFormat) -> None:
    a, b = (x[: VECTORS // 2].astype(np.uint64) for x in operand_sets(fmt, 2, VECTORS, seed=1))
    fraction = np.uint64(fmt.fraction_mask)
    for part in (fraction, ~fraction):
        met = np.unique(np.stack([a & part, b & part]), axis=1).shape[1]
        assert met == len(np.unique(corners(fmt).astype(np.uint64) & part)) ** 2


@pytest.mark.parametrize("operation", [exact.add, exact.multiply, exact.divide], ids=lambda f: f.__name__)
@pytest.mark.parametrize("fmt", WIDE, ids=str)
def test_what_rounding_finds_hard_is_there(fmt: FloatFormat, operation: Callable[..., exact.Real]) -> None:
    """Told by rational arithmetic on every 50th pair: a hundred of the 200,000 and more for each one found."""
    hard = [x[VECTORS // 2 :: 50].tolist() for x in operand_sets(fmt, 2, VECTORS, seed=1)]
    pairs = [(exact.real(p, fmt), exact.real(q, fmt)) for p, q in zip(*hard, strict=True)]
    results = [(x, y, operation(x, y)) for x, y in pairs]
    sizes = [r.size for _, _, r in results if r.size is not None and not r.nan]
    largest, normal, least = (exact.real(p, fmt).size for p in (fmt.max_finite, 1 << fmt.fraction_bits, 1))
    assert largest is not None and normal is not None and least is not None
    overflows = largest + largest * Fraction(1, 2 << fmt.significand_bits)  # about: half a unit beyond the largest
    unit = Fraction(4, 1 << fmt.fraction_bits)
    assert sum(overflows * (1 - unit) < size < overflows for size in sizes) >= 2
    assert sum(overflows <= size < overflows * (1 + unit) for size in sizes) >= 2
    assert sum(0 < size < normal for size in sizes) >= 10
    if operation is not exact.add:  # a sum is never below the least number
        assert sum(0 < size <= least for size in sizes) >= 10
    if operation is not exact.divide:  # nor a quotient half way, but for subnormal ones
        assert sum(exact.is_tie(size, fmt) for size in sizes) >= 20
    if operation is exact.add:
        apart = Fraction(8, 1 << fmt.fraction_bits)
        ends = [(max(x.size, y.size), r.size) for x, y, r in results if x.size and y.size and r.size is not None]
        assert sum(0 < size < end * apart for end, size in ends) >= 50
        assert sum(size == 0 for _, size in ends) >= 5


@pytest.mark.parametrize("fmt", WIDE, ids=str)
def test_products_that_must_not_be_rounded_are_there(fmt: FloatFormat) -> None:
    a, b, c = (x[::8] for x in operand_sets(fmt, 3, VECTORS, seed=1))
    once = expected("fma", fmt, [a, b, c])
    twice = expected("add", fmt, [expected("mul", fmt, [a, b]), c])
    assert (once != twice).mean() > 0.02
    left_over = (once != twice) & ((twice & fmt.pattern_dtype.type(fmt.sign_mask - 1)) == 0)
    assert left_over.mean() > 0.005  # the rounded product would cancel to nothing
    if fmt == FLOAT32:
        with np.errstate(all="ignore"):
            x, y, z = (fmt.from_patterns(p).astype(np.float64) for p in (a, b, c))
            through_double = fmt.canonical((x * y + z).astype(np.float32).view(np.uint32))
        assert (once != through_double).mean() > 0.002
