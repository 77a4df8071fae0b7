"""`subnormals=False`: operands and results below the normal range are zeros of their sign, and neurons are saved."""

from __future__ import annotations

import pytest

from lava_nexus.circuits import circuit
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2, FLOAT16, FLOAT32, FLOAT64, FloatFormat
from lava_nexus.verify.operands import every_pair, operands
from tests import exact
from tests.circuits.floating.checks import NARROW, STYLES, Oracle, check, check_reference, everything

BINARY = ["add", "sub", "mul", "div"]
ALL = [*BINARY, "sqrt", "fma"]


def flushed(pattern: int, fmt: FloatFormat) -> int:
    return pattern if pattern & fmt.exponent_mask else pattern & fmt.sign_mask


def oracle(operation: str, fmt: FloatFormat, to: FloatFormat) -> Oracle:
    formats = [fmt, fmt, to]

    def expected(*patterns: int) -> int:
        operands = tuple(flushed(p, of) for p, of in zip(patterns, formats, strict=False))
        return flushed(exact.expected(operation, operands, fmt, to), to)

    return expected


@pytest.mark.parametrize(("basis", "style"), STYLES)
@pytest.mark.parametrize("fmt", [FLOAT8_E4M3FN, FLOAT8_E5M2], ids=str)
@pytest.mark.parametrize("operation", BINARY)
def test_every_pair_of_8_bits(operation, fmt, basis, style):
    built = circuit(operation, fmt, basis=basis, style=style, subnormals=False)
    pairs = every_pair(fmt)
    check_reference(built, pairs, oracle(operation, fmt, fmt), most=1000)
    check(built, pairs if (basis, style) == STYLES[0] else [x[::7] for x in pairs])


@pytest.mark.parametrize("fmt", NARROW[1:], ids=str)
def test_every_triple_of_narrow_formats(fmt):
    built, sets = circuit("fma", fmt, subnormals=False), everything(fmt, 3)
    check_reference(built, sets, oracle("fma", fmt, fmt), most=4000)
    check(built, sets)


@pytest.mark.parametrize("fmt", [FLOAT16, BFLOAT16, FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("operation", ALL)
def test_hard_operands(operation, fmt):
    built = circuit(operation, fmt, subnormals=False)
    sets = operands(fmt, len(built.inputs), 12_000, seed=3)
    sets = [x[:: max(1, len(x) // 6000)] for x in sets]
    check_reference(built, sets, oracle(operation, fmt, fmt), most=500 if operation != "sqrt" else 100)
    check(built, sets)


@pytest.mark.parametrize(("fmt", "to"), [(FLOAT8_E4M3FN, FLOAT16), (FLOAT8_E5M2, FLOAT8_E4M3FN)], ids=str)
def test_every_product_into_another_format(fmt, to):
    pairs = every_pair(fmt)
    for subnormals in (False, True):
        built = circuit("mul", fmt, to=to, subnormals=subnormals)
        plain = lambda *p: exact.expected("mul", p, fmt, to)  # noqa: E731
        check_reference(built, pairs, plain if subnormals else oracle("mul", fmt, to), most=4000)
        check(built, pairs)


@pytest.mark.parametrize("operation", ["mul", "div", "sqrt", "fma"])
def test_neurons_are_saved(operation):
    for fmt in (BFLOAT16, FLOAT32):
        assert circuit(operation, fmt, subnormals=False).neurons < circuit(operation, fmt).neurons
    assert circuit(operation, FLOAT32, subnormals=False).label == f"{operation} float32, subnormals False"
