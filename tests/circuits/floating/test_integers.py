"""Conversions to, from and between integers against Python's own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.circuits import circuit
from lava_nexus.formats import (
    BFLOAT16,
    FLOAT8_E4M3FN,
    FLOAT8_E5M2,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    FORMATS,
    INT8,
    INT16,
    INT32,
    INT64,
    INTEGER_FORMATS,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    FloatFormat,
    IntegerFormat,
)
from lava_nexus.verify.operands import Patterns, every, singles
from tests import exact
from tests.circuits.floating.checks import STYLES, Oracle, check, check_reference

ROUNDINGS = ["nearest", "zero"]


def to_integer(fmt: FloatFormat, to: IntegerFormat, rounding: str) -> Oracle:
    def oracle(pattern: int) -> int:
        x = exact.real(pattern, fmt)
        if x.nan:
            return 0
        if x.size is None:
            whole = to.min if x.sign else to.max
        else:
            whole = round(x.value) if rounding == "nearest" else int(x.value)  # round: ties to even; int: toward zero
        return min(max(whole, to.min), to.max) & ((1 << to.bits) - 1)

    return oracle


def number(pattern: int, fmt: IntegerFormat) -> int:
    return pattern - (1 << fmt.bits) if fmt.signed and pattern >> (fmt.bits - 1) else pattern


def from_integer(fmt: IntegerFormat, to: FloatFormat) -> Oracle:
    def oracle(pattern: int) -> int:
        value = number(pattern, fmt)
        return exact.rounded(exact.Real(int(value < 0), Fraction(abs(value))), to)

    return oracle


def near_integers(fmt: FloatFormat) -> Patterns:
    """Integers and halves of every size, with their neighbours, and all kinds of numbers."""
    sizes = np.array([2.0**e for e in range(-2, min(66, fmt.bias))])
    around = np.concatenate([sizes, sizes + 0.5, sizes - 0.5, sizes + 1.5, sizes - 1, 3 * sizes, 1.5 * sizes + 0.5])
    kept = np.ascontiguousarray(np.concatenate([around, -around]).astype(fmt.dtype)).view(fmt.pattern_dtype)
    steps = [kept + fmt.pattern_dtype.type(step) for step in (0, 1, 2, (1 << fmt.bits) - 1)]
    return np.concatenate([*steps, singles(fmt, 2000)])


def integers(fmt: IntegerFormat) -> Patterns:
    """All integers of 16 bits and fewer; of more, runs of ones and zeros with their neighbours, and any."""
    if fmt.bits <= 16:
        return np.arange(1 << fmt.bits).astype(fmt.pattern_dtype)
    full, rng = (1 << fmt.bits) - 1, np.random.default_rng(0)
    runs = [((1 << i) - (1 << j) + step) & full for i in range(fmt.bits + 1) for j in range(i) for step in (-1, 0, 1)]
    some = rng.integers(0, full, 2000, dtype=np.uint64, endpoint=True) >> rng.integers(
        0, fmt.bits, 2000, dtype=np.uint64
    )
    return np.concatenate([np.array(runs, dtype=np.uint64), some]).astype(fmt.pattern_dtype)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("to", [INT8, UINT16, INT32], ids=str)
@pytest.mark.parametrize("fmt", [FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, BFLOAT16], ids=str)
def test_every_input_to_an_integer(fmt, to, rounding):
    built, sets = circuit("convert", fmt, to=to, rounding=rounding), [every(fmt)]
    check_reference(built, sets, to_integer(fmt, to, rounding), most=3000)
    check(built, sets)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("to", [INT8, UINT16, INT32, UINT32, INT64, UINT64], ids=str)
@pytest.mark.parametrize("fmt", [FLOAT32, FLOAT64], ids=str)
def test_wide_numbers_to_an_integer(fmt, to, rounding):
    built, sets = circuit("convert", fmt, to=to, rounding=rounding), [near_integers(fmt)]
    check_reference(built, sets, to_integer(fmt, to, rounding), most=1500)
    check(built, sets)


@pytest.mark.parametrize("to", FORMATS.values(), ids=str)
@pytest.mark.parametrize("fmt", [INT8, UINT16, INT32, UINT32, INT64, UINT64], ids=str)
def test_from_an_integer(fmt, to):
    built, sets = circuit("convert", fmt, to=to), [integers(fmt)]
    check_reference(built, sets, from_integer(fmt, to), most=1500)
    check(built, sets)


@pytest.mark.parametrize("fmt", INTEGER_FORMATS.values(), ids=str)
def test_between_integers(fmt):
    for to in INTEGER_FORMATS.values():
        built, sets = circuit("convert", fmt, to=to), [integers(fmt)[::7]]
        mask = (1 << to.bits) - 1
        check_reference(
            built, sets, lambda p, to=to, mask=mask: min(max(number(p, fmt), to.min), to.max) & mask, most=500
        )
        check(built, sets)


@pytest.mark.parametrize(("basis", "style"), STYLES[1:])
@pytest.mark.parametrize(
    ("fmt", "to", "options"),
    [
        (FLOAT16, INT8, {}),
        (FLOAT16, UINT16, {"rounding": "zero"}),
        (FLOAT8_E4M3FN, IntegerFormat(5), {}),
        (IntegerFormat(11), FLOAT8_E4M3FN, {}),
        (UINT16, BFLOAT16, {}),
        (INT16, UINT8, {}),
    ],
)
def test_other_bases_and_widths(fmt, to, options, basis, style):
    built = circuit("convert", fmt, to=to, basis=basis, style=style, **options)
    sets = [np.arange(1 << fmt.bits).astype(fmt.pattern_dtype)[::5]]
    check(built, sets)


def test_integers_in_and_out_by_run():
    to_int8 = circuit("convert", FLOAT32, to=INT8)
    values = np.array([[2.5, 3.5, -2.5], [np.nan, 1e9, -np.inf]], dtype=np.float32)
    result = nexus.run(to_int8, values)
    assert result.value.dtype == np.int8
    assert result.value.tolist() == [[2, 4, -2], [0, 127, -128]]
    back = nexus.run(circuit("convert", INT8, to=FLOAT16), np.array([-128, 0, 127]))
    assert back.value.dtype == np.float16
    assert back.value.tolist() == [-128.0, 0.0, 127.0]
    assert repr(to_int8).startswith("<Circuit convert float32 to int8, threshold basis: ")
    assert circuit("convert", FLOAT32, to=INT8, rounding="zero").label == "convert float32 to int8, rounding zero"
    assert circuit("convert", FLOAT32, to=INT8, rounding="nearest") is to_int8
