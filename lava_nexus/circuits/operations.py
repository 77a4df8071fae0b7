"""Conversion between any two number formats: which circuit and which reference.

Every operation once: how it is built over a basis and a format, and the reference that it is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lava_nexus.circuits.cells import Basis, Word
from lava_nexus.circuits.circuit import Golden
from lava_nexus.circuits.floating import convert as floating
from lava_nexus.circuits.floating import convert as integers
from lava_nexus.circuits.floating.add import add
from lava_nexus.circuits.floating.compare import absolute, equal, less, less_equal, maximum, minimum, negate
from lava_nexus.circuits.floating.divide import divide, reciprocal, square_root
from lava_nexus.circuits.floating.exact_sum import dot_exact, sum_exact
from lava_nexus.circuits.floating.fused import fused_multiply_add
from lava_nexus.circuits.floating.multiply import multiply
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
from lava_nexus.circuits.functions import tabulated as patched
from lava_nexus.circuits.functions.function import Program
from lava_nexus.circuits.goldens import basic as reference
from lava_nexus.circuits.goldens import integers as reference_integers
from lava_nexus.circuits.goldens import sums as reference_sums
from lava_nexus.circuits.goldens.integers import without_subnormals
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT64, FORMATS, FloatFormat, IntegerFormat, NumberFormat


def convert(basis: Basis, a: Word, fmt: NumberFormat, to: NumberFormat, rounding: str = "nearest") -> Word:
    """a as a word of the format `to`."""
    if isinstance(fmt, FloatFormat):
        if isinstance(to, FloatFormat):
            return floating.convert(basis, a, fmt, to)
        return integers.to_integer(basis, a, fmt, to, rounding)
    if isinstance(to, FloatFormat):
        return integers.from_integer(basis, a, fmt, to)
    return integers.between_integers(basis, a, fmt, to)


def golden(fmt: NumberFormat, to: NumberFormat, rounding: str = "nearest") -> Golden:
    """The reference of a conversion.

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
            return reference.convert(fmt, to) if known else reference_sums.total(fmt, to)
        return reference_integers.to_integer(fmt, to, rounding)
    if isinstance(to, FloatFormat):
        return reference_integers.from_integer(fmt, to)
    return reference_integers.between_integers(fmt, to)


Build = Callable[..., Word]
Reference = Callable[..., Golden]
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
        operands: names of the input ports.
        build: (basis, operand words, format, output format, **options) to the output word, LSB first.
        golden: (format, output format, **options) to the reference.
        widens: whether the output format may differ from that of the operands.
        predicate: whether the output is one plain bit.
        integers: whether integer formats are among the formats.
        options: its further arguments by name.
        ports: (format, output format, **options) to names and formats of the input ports, where not all are `operands`
            of the one format.
    """

    operands: tuple[str, ...]
    build: Build
    golden: Reference
    widens: bool = False
    predicate: bool = False
    integers: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)
    ports: Ports | None = None

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
    function: Callable[..., Word],
    operands: str,
    golden: Reference,
    predicate: bool = False,
    options: Mapping[str, Option] | None = None,
) -> Operation:
    def build(basis: Basis, words: list[Word], fmt: FloatFormat, to: FloatFormat, **given: Any) -> Word:
        return function(basis, *words, fmt, **given)

    return Operation(tuple(operands), build, golden, predicate=predicate, options=options or {})


def _arithmetic(function: Callable[..., Word], operands: str, golden: Reference) -> Operation:
    """An operation that can do without subnormal numbers."""
    flushable = _flushable(lambda fmt, _: (fmt,) * len(operands), golden)
    return _same(function, operands, flushable, options={"subnormals": SUBNORMALS})


def _flushable(formats: Callable[[FloatFormat, FloatFormat], tuple[FloatFormat, ...]], golden: Reference) -> Reference:
    def flushed(fmt: FloatFormat, to: FloatFormat, subnormals: bool = True) -> Golden:
        found = golden(fmt, to)
        return found if subnormals else without_subnormals(found, formats(fmt, to), to)

    return flushed


def _pairs(fmt: NumberFormat, to: NumberFormat, terms: int = 2) -> list[tuple[str, NumberFormat]]:
    return [(f"{side}{i}", fmt) for i in range(terms) for side in "ab"]


def _addends(fmt: NumberFormat, to: NumberFormat, terms: int = 2) -> list[tuple[str, NumberFormat]]:
    return [(f"a{i}", fmt) for i in range(terms)]


def _exact(function: Callable[..., Word], golden: Reference, ports: Ports) -> Operation:
    """An exact sum of a number of terms."""

    def build(basis: Basis, words: list[Word], fmt: FloatFormat, to: FloatFormat, terms: int = 2) -> Word:
        return function(basis, words, fmt, to)

    def reference_of(fmt: FloatFormat, to: FloatFormat, terms: int = 2) -> Golden:
        return golden(fmt, to)

    operands = tuple(name for name, _ in ports(None, None))
    return Operation(operands, build, reference_of, widens=True, options={"terms": TERMS}, ports=ports)


def _function(program: Program, exact: tabulated.Exact, correct: str | None = None) -> Operation:
    """A function by its program; in 8-bit formats by the steps of the exact one, in 16-bit formats with patches.

    `correct` names the function whose precise program and stored corrections round every FP32 input correctly.
    """
    patches = patched.missed(program, exact)
    plain, patched_word = function.build(program), patched.build(program, patches)
    plain_golden, patched_golden = function.golden(program), patched.patched_golden(program, patches)
    precise = (PRECISE[correct], patched.stored(correct)) if correct else (program, patches)
    precise_word, precise_golden = patched.build(*precise), patched.patched_golden(*precise)

    def word(basis: Basis, a: Word, fmt: FloatFormat, rounding: str = "faithful") -> Word:
        if fmt.bits <= 8:
            return tabulated.staircase(basis, a, exact, fmt)
        if fmt.bits <= 16:
            return patched_word(basis, a, fmt)
        return (precise_word if rounding == "correct" else plain)(basis, a, fmt)

    def reference(fmt: FloatFormat, _: FloatFormat, rounding: str = "faithful") -> Golden:
        if fmt.bits <= 8:
            return tabulated.golden(exact, fmt)
        if fmt.bits <= 16:
            return patched_golden(fmt)
        return (precise_golden if rounding == "correct" else plain_golden)(fmt)

    return _same(word, "a", reference, options={"rounding": FUNCTION_ROUNDING} if correct else {})


def _multiply_reference(fmt: FloatFormat, to: FloatFormat) -> Golden:
    if fmt == to:
        return reference.on_values(np.multiply, fmt)
    return reference_sums.dot(fmt, to) if fmt == FLOAT64 else reference.widening_multiply(fmt, to)


OPERATIONS: dict[str, Operation] = {
    "add": _arithmetic(add, "ab", lambda f, _: reference.on_values(np.add, f)),
    "sub": _arithmetic(
        lambda basis, a, b, fmt, **given: add(basis, a, b, fmt, subtract=True, **given),
        "ab",
        lambda f, _: reference.on_values(np.subtract, f),
    ),
    "mul": Operation(
        ("a", "b"),
        lambda basis, words, fmt, to, **given: multiply(basis, words[0], words[1], fmt, to, **given),
        _flushable(lambda fmt, _: (fmt, fmt), _multiply_reference),
        widens=True,
        options={"subnormals": SUBNORMALS},
    ),
    "fma": Operation(
        ("a", "b", "c"),
        lambda basis, words, fmt, to, **given: fused_multiply_add(
            basis, words[0], words[1], words[2], fmt, to, **given
        ),
        _flushable(lambda fmt, to: (fmt, fmt, to), reference_sums.fused_multiply_add),
        widens=True,
        options={"subnormals": SUBNORMALS},
        ports=lambda fmt, to, **_: [("a", fmt), ("b", fmt), ("c", to)],
    ),
    "dot_exact": _exact(dot_exact, reference_sums.dot, _pairs),
    "sum_exact": _exact(sum_exact, reference_sums.total, _addends),
    "convert": Operation(
        ("a",),
        lambda basis, words, fmt, to, **given: convert(basis, words[0], fmt, to, **given),
        golden,
        widens=True,
        integers=True,
        options={"rounding": ROUNDING},
    ),
    "div": _arithmetic(divide, "ab", lambda f, _: reference.on_values(np.divide, f)),
    "sqrt": _arithmetic(square_root, "a", lambda f, _: reference.on_values(np.sqrt, f)),
    "reciprocal": _same(reciprocal, "a", lambda f, _: reference.on_values(lambda x: x.dtype.type(1) / x, f)),
    "rsqrt": _function(reciprocal_root.rsqrt, reciprocal_root.exact),
    "exp": _function(exponential.exp, np.exp, correct="exp"),
    "exp2": _function(exponential.exp2, np.exp2),
    "log": _function(logarithm.logarithm, logarithm.exact),
    "sin": _function(trigonometric.sin, trigonometric.sin.exact),
    "cos": _function(trigonometric.cos, trigonometric.cos.exact),
    "sigmoid": _function(activations.sigmoid, activations.sigmoid.exact, correct="sigmoid"),
    "tanh": _function(odd.tanh, odd.tanh.exact, correct="tanh"),
    "silu": _function(activations.silu, activations.silu.exact, correct="silu"),
    "gelu": _function(activations.gelu, activations.gelu.exact, correct="gelu"),
    "gelu_tanh": _function(activations.gelu_tanh, activations.gelu_tanh.exact),
    "erf": _function(odd.erf, odd.erf.exact),
    "neg": _same(negate, "a", lambda f, _: reference.sign_bit(f.sign_mask * 2 - 1, f.sign_mask, f)),
    "abs": _same(absolute, "a", lambda f, _: reference.sign_bit(f.sign_mask - 1, 0, f)),
    "min": _same(minimum, "ab", lambda f, _: reference.extremum(f, largest=False)),
    "max": _same(maximum, "ab", lambda f, _: reference.extremum(f, largest=True)),
    "compare_lt": _same(less, "ab", lambda f, _: reference.comparison(np.less, f), predicate=True),
    "compare_le": _same(less_equal, "ab", lambda f, _: reference.comparison(np.less_equal, f), predicate=True),
    "compare_eq": _same(equal, "ab", lambda f, _: reference.comparison(np.equal, f), predicate=True),
}
