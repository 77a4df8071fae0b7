"""Conversions between narrow formats of every kind, all inputs; wider ones are among the cases of all operations."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.formats import BFLOAT16, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64, FloatFormat, IntegerFormat
from lava_nexus.verify.operands import every
from tests.circuits.floating.checks import NARROW, STYLES, check, check_reference, rational
from tests.circuits.floating.test_integers import to_integer

KINDS = [*NARROW, FloatFormat(3, 4), FloatFormat(4, 2), FloatFormat(4, 5, inf=False), FloatFormat(5, 1)]


@pytest.mark.parametrize(("basis", "style"), STYLES)
@pytest.mark.parametrize("fmt", KINDS, ids=str)
def test_every_number_into_every_format(fmt, basis, style):
    for to in KINDS:
        built = circuit("convert", fmt, to=to, basis=basis, style=style)
        check_reference(built, [every(fmt)], rational("convert", fmt, to), most=300)
        check(built, [every(fmt)])


@pytest.mark.parametrize("fmt", KINDS, ids=str)
@pytest.mark.parametrize("to", [IntegerFormat(3), IntegerFormat(2, signed=False), IntegerFormat(9)], ids=str)
def test_every_number_into_narrow_integers(fmt, to):
    for rounding in ("nearest", "zero"):
        built = circuit("convert", fmt, to=to, rounding=rounding)
        check_reference(built, [every(fmt)], to_integer(fmt, to, rounding), most=300)
        check(built, [every(fmt)])


@pytest.mark.parametrize(
    ("fmt", "to", "most"),
    [(FLOAT8_E5M2, FLOAT16, 20), (BFLOAT16, FLOAT32, 40), (FLOAT16, FLOAT32, 100), (FLOAT32, FLOAT64, 200)],
)
def test_widening_rounds_nothing(fmt, to, most):
    built = circuit("convert", fmt, to=to)
    assert built.neurons <= most
    if fmt.bits <= 16:
        values = to.from_patterns(built.golden(every(fmt)))
        same = fmt.from_patterns(every(fmt)).astype(to.dtype)
        assert np.array_equal(values, same, equal_nan=True)
