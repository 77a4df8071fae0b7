"""Every operation once: what it computes, how its neurons are built, and the golden function that they must equal."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lava_nexus.circuits.cells import Basis, Word
from lava_nexus.circuits.floating import convert as conversions
from lava_nexus.circuits.floating.arithmetic import add, multiply
from lava_nexus.circuits.floating.compare import absolute, equal, less, less_equal, maximum, minimum, negate
from lava_nexus.circuits.floating.divide import divide, reciprocal, square_root
from lava_nexus.circuits.floating.exact_sum import dot_exact, sum_exact
from lava_nexus.circuits.floating.fused import fused_multiply_add
from lava_nexus.circuits.functions import (
    activations,
    exponential,
    function,
    logarithm,
    odd,
    reciprocal_root,
    tabulated,
    trigonometric,
)
from lava_nexus.circuits.functions.function import Program
from lava_nexus.circuits.goldens import basic, sums
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT64, FORMATS, INTEGER_FORMATS, FloatFormat, IntegerFormat, NumberFormat
from lava_nexus.neurons.built import Golden

Build = Callable[..., Word]
GoldenOf = Callable[..., Golden]
Ports = Callable[..., Sequence[tuple[str, NumberFormat]]]


@dataclass(frozen=True)
class Option:
    """An argument that an operation takes beside its formats.

    Attributes:
        default: its value where it is not given.
        allowed: the values it can have.
        text: those values in words.
    """

    default: Any
    allowed: Container[Any]
    text: str


@dataclass(frozen=True)
class Operation:
    """An operation over any format.

    Attributes:
        computes: what, in a line.
        operands: names of the input ports.
        build: (basis, operand words, format, output format, **options) to the output word, LSB first.
        golden: (format, output format, **options) to the golden function.
        widens: whether the output format may differ from that of the operands.
        predicate: whether the output is one plain bit.
        integers: whether integer formats are among the formats.
        options: its further arguments by name.
        ports: (format, output format, **options) to names and formats of the input ports, where not all are `operands`
            of the one format.
    """

    computes: str
    operands: tuple[str, ...]
    build: Build
    golden: GoldenOf
    widens: bool = False
    predicate: bool = False
    integers: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)
    ports: Ports | None = None

    @property
    def formats(self) -> tuple[str, ...]:
        """Names of the formats that operands may have."""
        return (*FORMATS, *(INTEGER_FORMATS if self.integers else ()))

    def inputs(self, fmt: NumberFormat, to: NumberFormat, **options: Any) -> Sequence[tuple[str, NumberFormat]]:
        """Names and formats of the input ports."""
        return self.ports(fmt, to, **options) if self.ports else [(operand, fmt) for operand in self.operands]


SUBNORMALS = Option(True, (True, False), "True or False (subnormal operands and results count as zeros of their sign)")
ROUNDING = Option("nearest", ("nearest", "zero"), "'nearest' (ties to even) or 'zero' (toward zero)")
FUNCTION_ROUNDING = Option(
    "faithful", ("faithful", "correct"), "'faithful' (within 1 ULP) or 'correct' (to nearest even on every input)"
)
TERMS = Option(2, range(1, 1025), "1 .. 1024")

PRECISE: dict[str, Program] = {
    "exp": exponential.exp_precise,
    "sigmoid": activations.sigmoid_precise,
    "tanh": odd.tanh_precise,
    "silu": activations.silu_precise,
    "gelu": activations.gelu_precise,
}
"""Programs that miss so few FP32 inputs that each of those can have a neuron of its own."""


def _same(
    computes: str,
    function: Callable[..., Word],
    operands: str,
    golden: GoldenOf,
    predicate: bool = False,
    options: Mapping[str, Option] | None = None,
) -> Operation:
    """An operation whose operands, one a letter, and result have one format."""

    def build(basis: Basis, words: list[Word], fmt: FloatFormat, to: FloatFormat, **given: Any) -> Word:
        return function(basis, *words, fmt, **given)

    return Operation(computes, tuple(operands), build, golden, predicate=predicate, options=options or {})


def _arithmetic(computes: str, function: Callable[..., Word], operands: str, golden: GoldenOf) -> Operation:
    """An operation that can do without subnormal numbers."""
    flushable = _flushable(lambda fmt, _: (fmt,) * len(operands), golden)
    return _same(computes, function, operands, flushable, options={"subnormals": SUBNORMALS})


def _flushable(formats: Callable[[FloatFormat, FloatFormat], tuple[FloatFormat, ...]], golden: GoldenOf) -> GoldenOf:
    def flushed(fmt: FloatFormat, to: FloatFormat, subnormals: bool = True) -> Golden:
        found = golden(fmt, to)
        return found if subnormals else basic.without_subnormals(found, formats(fmt, to), to)

    return flushed


def _product(fmt: FloatFormat, to: FloatFormat) -> Golden:
    if fmt == to:
        return basic.on_values(np.multiply, fmt)
    return sums.dot(fmt, to) if fmt == FLOAT64 else basic.widening_multiply(fmt, to)


def _pairs(fmt: NumberFormat, to: NumberFormat, terms: int = 2) -> list[tuple[str, NumberFormat]]:
    return [(f"{side}{i}", fmt) for i in range(terms) for side in "ab"]


def _addends(fmt: NumberFormat, to: NumberFormat, terms: int = 2) -> list[tuple[str, NumberFormat]]:
    return [(f"a{i}", fmt) for i in range(terms)]


def _exact(computes: str, function: Callable[..., Word], golden: GoldenOf, ports: Ports) -> Operation:
    """An exact sum of a number of terms."""

    def build(basis: Basis, words: list[Word], fmt: FloatFormat, to: FloatFormat, terms: int = 2) -> Word:
        return function(basis, words, fmt, to)

    def golden_of(fmt: FloatFormat, to: FloatFormat, terms: int = 2) -> Golden:
        return golden(fmt, to)

    operands = tuple(name for name, _ in ports(None, None))
    return Operation(computes, operands, build, golden_of, widens=True, options={"terms": TERMS}, ports=ports)


def _converted(basis: Basis, a: Word, fmt: NumberFormat, to: NumberFormat, rounding: str = "nearest") -> Word:
    """a as a word of the format `to`."""
    if isinstance(fmt, FloatFormat):
        if isinstance(to, FloatFormat):
            return conversions.convert(basis, a, fmt, to)
        return conversions.to_integer(basis, a, fmt, to, rounding)
    if isinstance(to, FloatFormat):
        return conversions.from_integer(basis, a, fmt, to)
    return conversions.between_integers(basis, a, fmt, to)


def _conversion(fmt: NumberFormat, to: NumberFormat, rounding: str = "nearest") -> Golden:
    """What `_converted` must answer.

    Raises:
        NexusError: a rounding other than to nearest, where the result is no integer made of a floating-point number.
    """
    if rounding != "nearest" and not (isinstance(fmt, FloatFormat) and isinstance(to, IntegerFormat)):
        raise NexusError(
            f"rounding '{rounding}' is for conversions of floating-point numbers to integers, not {fmt} to {to}"
        )
    if isinstance(fmt, FloatFormat):
        if isinstance(to, FloatFormat):
            known = fmt in FORMATS.values() and to in FORMATS.values()
            return basic.convert(fmt, to) if known else sums.total(fmt, to)
        return basic.to_integer(fmt, to, rounding)
    return basic.from_integer(fmt, to) if isinstance(to, FloatFormat) else basic.between_integers(fmt, to)


def _function(computes: str, program: Program, exact: tabulated.Exact, correct: str | None = None) -> Operation:
    """A function by its program; in 8-bit formats by the steps of the exact one, in 16-bit formats with corrections.

    `correct` names the function whose precise program and stored corrections round every FP32 input correctly.
    """
    patches = tabulated.missed(program, exact)
    plain, patched_word = function.build(program), tabulated.build_patched(program, patches)
    plain_golden, patched_golden = function.golden(program), tabulated.patched_golden(program, patches)
    precise = (PRECISE[correct], tabulated.stored(correct)) if correct else (program, patches)
    precise_word, precise_golden = tabulated.build_patched(*precise), tabulated.patched_golden(*precise)

    def word(basis: Basis, a: Word, fmt: FloatFormat, rounding: str = "faithful") -> Word:
        if fmt.bits <= 8:
            return tabulated.staircase(basis, a, exact, fmt)
        if fmt.bits <= 16:
            return patched_word(basis, a, fmt)
        return (precise_word if rounding == "correct" else plain)(basis, a, fmt)

    def golden(fmt: FloatFormat, _: FloatFormat, rounding: str = "faithful") -> Golden:
        if fmt.bits <= 8:
            return tabulated.TableGolden(exact, fmt)
        if fmt.bits <= 16:
            return patched_golden(fmt)
        return (precise_golden if rounding == "correct" else plain_golden)(fmt)

    return _same(computes, word, "a", golden, options={"rounding": FUNCTION_ROUNDING} if correct else {})


OPERATIONS: dict[str, Operation] = {
    "add": _arithmetic("a + b", add, "ab", lambda f, _: basic.on_values(np.add, f)),
    "sub": _arithmetic(
        "a - b",
        lambda basis, a, b, fmt, **given: add(basis, a, b, fmt, subtract=True, **given),
        "ab",
        lambda f, _: basic.on_values(np.subtract, f),
    ),
    "mul": Operation(
        "a * b",
        ("a", "b"),
        lambda basis, words, fmt, to, **given: multiply(basis, words[0], words[1], fmt, to, **given),
        _flushable(lambda fmt, _: (fmt, fmt), _product),
        widens=True,
        options={"subnormals": SUBNORMALS},
    ),
    "fma": Operation(
        "a * b + c, rounded once",
        ("a", "b", "c"),
        lambda basis, words, fmt, to, **given: fused_multiply_add(
            basis, words[0], words[1], words[2], fmt, to, **given
        ),
        _flushable(lambda fmt, to: (fmt, fmt, to), sums.fused_multiply_add),
        widens=True,
        options={"subnormals": SUBNORMALS},
        ports=lambda fmt, to, **_: [("a", fmt), ("b", fmt), ("c", to)],
    ),
    "dot_exact": _exact("a0 * b0 + a1 * b1 + ..., rounded once", dot_exact, sums.dot, _pairs),
    "sum_exact": _exact("a0 + a1 + ..., rounded once", sum_exact, sums.total, _addends),
    "convert": Operation(
        "the number in another format",
        ("a",),
        lambda basis, words, fmt, to, **given: _converted(basis, words[0], fmt, to, **given),
        _conversion,
        widens=True,
        integers=True,
        options={"rounding": ROUNDING},
    ),
    "div": _arithmetic("a / b", divide, "ab", lambda f, _: basic.on_values(np.divide, f)),
    "sqrt": _arithmetic("square root of a", square_root, "a", lambda f, _: basic.on_values(np.sqrt, f)),
    "reciprocal": _same("1 / a", reciprocal, "a", lambda f, _: basic.on_values(lambda x: x.dtype.type(1) / x, f)),
    "rsqrt": _function("1 / square root of a", reciprocal_root.rsqrt, reciprocal_root.exact),
    "exp": _function("e^a", exponential.exp, np.exp, correct="exp"),
    "exp2": _function("2^a", exponential.exp2, np.exp2),
    "log": _function("natural logarithm of a", logarithm.logarithm, logarithm.exact),
    "sin": _function("sine of a, |a| <= 2^20 (NaN beyond)", trigonometric.sin, trigonometric.sin.exact),
    "cos": _function("cosine of a, |a| <= 2^20 (NaN beyond)", trigonometric.cos, trigonometric.cos.exact),
    "sigmoid": _function("1 / (1 + e^-a)", activations.sigmoid, activations.sigmoid.exact, correct="sigmoid"),
    "tanh": _function("hyperbolic tangent of a", odd.tanh, odd.tanh.exact, correct="tanh"),
    "silu": _function("a / (1 + e^-a)", activations.silu, activations.silu.exact, correct="silu"),
    "gelu": _function(
        "a * Phi(a), Phi the normal distribution function", activations.gelu, activations.gelu.exact, correct="gelu"
    ),
    "gelu_tanh": _function("gelu by its tanh form", activations.gelu_tanh, activations.gelu_tanh.exact),
    "erf": _function("error function of a", odd.erf, odd.erf.exact),
    "neg": _same("-a", negate, "a", lambda f, _: basic.sign_bit(f.sign_mask * 2 - 1, f.sign_mask, f)),
    "abs": _same("|a|", absolute, "a", lambda f, _: basic.sign_bit(f.sign_mask - 1, 0, f)),
    "min": _same("IEEE 754-2019 minimum of a and b", minimum, "ab", lambda f, _: basic.extremum(f, largest=False)),
    "max": _same("IEEE 754-2019 maximum of a and b", maximum, "ab", lambda f, _: basic.extremum(f, largest=True)),
    "compare_lt": _same("1 where a < b, else 0", less, "ab", lambda f, _: basic.comparison(np.less, f), predicate=True),
    "compare_le": _same(
        "1 where a <= b, else 0", less_equal, "ab", lambda f, _: basic.comparison(np.less_equal, f), predicate=True
    ),
    "compare_eq": _same(
        "1 where a = b, else 0", equal, "ab", lambda f, _: basic.comparison(np.equal, f), predicate=True
    ),
}
