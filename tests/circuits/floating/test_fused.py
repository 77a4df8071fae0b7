"""Fused multiply-add: exhaustive in narrow formats, and where one rounding differs from two."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64, FloatFormat
from lava_nexus.verify.operands import Patterns, every, specials
from tests import exact
from tests.circuits.floating.checks import NARROW, STYLES, assert_equal, check, check_reference, everything, rational


@pytest.mark.parametrize("fmt", NARROW, ids=str)
def test_every_triple_of_narrow_formats(fmt):
    built, sets = circuit("fma", fmt), everything(fmt, 3)
    check_reference(built, sets, rational("fma", fmt), most=1 << 13)
    check(built, sets)


@pytest.mark.parametrize(("basis", "style"), STYLES)
@pytest.mark.parametrize("to", [FloatFormat(3, 2), FloatFormat(4, 1), FloatFormat(2, 3, inf=False)], ids=str)
def test_every_triple_into_another_format(to, basis, style):
    fmt = FloatFormat(2, 1)
    built = circuit("fma", fmt, to=to, basis=basis, style=style)
    a, b = everything(fmt, 2)
    addends = np.arange(1 << to.bits).astype(to.pattern_dtype)
    sets = [np.repeat(a, len(addends)), np.repeat(b, len(addends)), np.tile(addends, len(a))]
    check_reference(built, sets, rational("fma", fmt, to), most=4000)
    check(built, sets)


@pytest.mark.parametrize("fmt", [FLOAT8_E4M3FN, FLOAT8_E5M2], ids=str)
def test_every_pair_of_8_bits_with_addends_of_every_class(fmt):
    built = circuit("fma", fmt)
    addends = specials(fmt)[::2]
    sets = [np.repeat(every(fmt), 256 * len(addends)), np.tile(np.repeat(every(fmt), len(addends)), 256)]
    sets.append(np.tile(addends, 1 << 16))
    answer = BitslicedExecutor(count=False, threads=1).invoke(built, sets)
    assert_equal(built, sets, answer, built.golden(*sets))


def traps(fmt: FloatFormat) -> list[Patterns]:
    """(1 + 2^-i)(1 +- 2^-j) + c, c so that the sum cancels but for a few bits, or lies on a tie but for a sliver."""
    one, places = exact.real(fmt.bias << fmt.fraction_bits, fmt), range(1, fmt.significand_bits, 3)
    assert one.value == 1
    full = fmt.significand_bits
    found = []
    for i in places:
        for j in places:
            for sign in (1, -1):
                a, b = 1 + 2.0**-i, 1 + sign * 2.0**-j
                product = 1 + 2.0**-i + sign * 2.0**-j
                cancelling = [-product, -product - sign * 2.0 ** (1 - full), -1 - 2.0**-i, -(2.0**-i)]
                scales = [-full - 1, -full, 1 - full, full - 1, full, full + 1, 2 * full, 2 * full + 3]
                heads = [1.0, 1.5, 1 + 2.0 ** (1 - full)]  # the last is odd: a false tie would round it away
                ties = [s * head * 2.0**e for e in scales for s in (1, -1) for head in heads]
                found += [(a, b, c) for c in [*cancelling, *ties]]
    with np.errstate(over="ignore"):
        values = np.array(found, dtype=np.float64).astype(fmt.dtype)
    return [np.ascontiguousarray(column).view(fmt.pattern_dtype) for column in values.T]


@pytest.mark.parametrize("fmt", [FLOAT16, BFLOAT16, FLOAT32, FLOAT64], ids=str)
def test_cancellation_and_double_rounding(fmt):
    built, sets = circuit("fma", fmt), traps(fmt)
    check_reference(built, sets, rational("fma", fmt), most=3500)
    check(built, sets)
    if fmt.bits <= 32:  # the traps are such: a rounded product, or a sum in double precision, gives something else
        with np.errstate(over="ignore"):
            a, b, c = (fmt.from_patterns(x) for x in sets)
            twice = (a * b).astype(fmt.dtype) + c
        assert (twice.view(fmt.pattern_dtype) != built.golden(*sets)).mean() > 0.02


SPECIAL: list[tuple[float | str, float | str, float | str, float | str]] = [
    ("inf", 0.0, "nan", "nan"),
    (0.0, "-inf", 1.0, "nan"),
    ("inf", 1.0, "-inf", "nan"),
    ("inf", -1.0, "-inf", "-inf"),
    (2.0**100, 2.0**100, "-inf", "-inf"),
    (2.0**64, 2.0**64, "-inf", "-inf"),
    (0.0, -1.0, -0.0, -0.0),
    (0.0, -1.0, 0.0, 0.0),
    (3.0, 0.5, -1.5, 0.0),
    (-0.0, 1e30, 1e-40, 1e-40),
    (2.0**-100, 2.0**-100, -0.0, 0.0),
    (-(2.0**-100), 2.0**-100, -0.0, -0.0),
    (2.0**-75, 2.0**-75, 2.0**-149, 2.0**-148),
    (2.0**127, 2.0, -(2.0**127), 2.0**127),
    (2.0**127, 2.0, 0.0, "inf"),
]
"""a, b, c and a * b + c."""


def test_special_values():
    built = circuit("fma", FLOAT32)
    columns = zip(*(map(float, row) for row in SPECIAL), strict=True)
    *sets, expected = (np.array(column, dtype=np.float32).view(np.uint32) for column in columns)
    assert_equal(built, sets, built.golden(*sets), FLOAT32.canonical(expected))
    check(built, sets)
