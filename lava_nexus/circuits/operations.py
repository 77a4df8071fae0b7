"""Every operation once: how it is built over a basis and a format, and the reference that it is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lava_nexus.cells import Basis, Word
from lava_nexus.circuits import reference
from lava_nexus.circuits.circuit import Golden
from lava_nexus.circuits.floating.add import add
from lava_nexus.circuits.floating.compare import (
    absolute,
    equal,
    less,
    less_equal,
    maximum,
    minimum,
    negate,
)
from lava_nexus.circuits.floating.divide import divide
from lava_nexus.circuits.floating.multiply import multiply
from lava_nexus.circuits.floating.reciprocal import reciprocal
from lava_nexus.circuits.floating.square_root import square_root
from lava_nexus.circuits.functions import (
    exponential,
    function,
    gates,
    logarithm,
    odd,
    patched,
    reciprocal_root,
    tabulated,
    trigonometric,
)
from lava_nexus.circuits.functions.function import Program
from lava_nexus.formats import FloatFormat

Build = Callable[[Basis, list[Word], FloatFormat, FloatFormat], Word]
Reference = Callable[[FloatFormat, FloatFormat], Golden]


@dataclass(frozen=True)
class Operation:
    """An operation over any format.

    Attributes:
        operands: names of the input ports.
        build: (basis, operand words, format, output format) to the output word, LSB first.
        golden: (format, output format) to the reference.
        widens: whether the output format may differ from that of the operands.
        predicate: whether the output is one plain bit.
    """

    operands: tuple[str, ...]
    build: Build
    golden: Reference
    widens: bool = False
    predicate: bool = False


def _same(function: Callable[..., Word], operands: str, golden: Reference, predicate: bool = False) -> Operation:
    def build(basis: Basis, words: list[Word], fmt: FloatFormat, to: FloatFormat) -> Word:
        return function(basis, *words, fmt)

    return Operation(tuple(operands), build, golden, predicate=predicate)


def _function(program: Program, exact: tabulated.Exact) -> Operation:
    """A function by its program; in 8-bit formats by the steps of the exact one, in 16-bit formats with patches."""
    plain, corrected, reference_of = function.build(program), patched.build(program, exact), function.golden(program)

    def word(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
        if fmt.bits <= 8:
            return tabulated.staircase(basis, a, exact, fmt)
        return (corrected if fmt.bits <= 16 else plain)(basis, a, fmt)

    def reference(fmt: FloatFormat, _: FloatFormat) -> Golden:
        if fmt.bits <= 8:
            return tabulated.golden(exact, fmt)
        return patched.golden(program, exact, fmt) if fmt.bits <= 16 else reference_of(fmt)

    return _same(word, "a", reference)


def _multiply_reference(fmt: FloatFormat, to: FloatFormat) -> Golden:
    return reference.on_values(np.multiply, fmt) if fmt == to else reference.widening_multiply(fmt, to)


OPERATIONS: dict[str, Operation] = {
    "add": _same(add, "ab", lambda f, _: reference.on_values(np.add, f)),
    "sub": _same(
        lambda basis, a, b, fmt: add(basis, a, b, fmt, subtract=True),
        "ab",
        lambda f, _: reference.on_values(np.subtract, f),
    ),
    "mul": Operation(
        ("a", "b"),
        lambda basis, words, fmt, to: multiply(basis, words[0], words[1], fmt, to),
        _multiply_reference,
        widens=True,
    ),
    "div": _same(divide, "ab", lambda f, _: reference.on_values(np.divide, f)),
    "sqrt": _same(square_root, "a", lambda f, _: reference.on_values(np.sqrt, f)),
    "reciprocal": _same(reciprocal, "a", lambda f, _: reference.on_values(lambda x: x.dtype.type(1) / x, f)),
    "rsqrt": _function(reciprocal_root.rsqrt, reciprocal_root.exact),
    "exp": _function(exponential.exp, np.exp),
    "exp2": _function(exponential.exp2, np.exp2),
    "log": _function(logarithm.logarithm, logarithm.exact),
    "sin": _function(trigonometric.sin, trigonometric.sin.exact),
    "cos": _function(trigonometric.cos, trigonometric.cos.exact),
    "sigmoid": _function(gates.sigmoid, gates.sigmoid.exact),
    "tanh": _function(odd.tanh, odd.tanh.exact),
    "silu": _function(gates.silu, gates.silu.exact),
    "gelu": _function(gates.gelu, gates.gelu.exact),
    "gelu_tanh": _function(gates.gelu_tanh, gates.gelu_tanh.exact),
    "erf": _function(odd.erf, odd.erf.exact),
    "neg": _same(negate, "a", lambda f, _: reference.sign_bit(f.sign_mask * 2 - 1, f.sign_mask, f)),
    "abs": _same(absolute, "a", lambda f, _: reference.sign_bit(f.sign_mask - 1, 0, f)),
    "min": _same(minimum, "ab", lambda f, _: reference.extremum(f, largest=False)),
    "max": _same(maximum, "ab", lambda f, _: reference.extremum(f, largest=True)),
    "compare_lt": _same(less, "ab", lambda f, _: reference.comparison(np.less, f), predicate=True),
    "compare_le": _same(less_equal, "ab", lambda f, _: reference.comparison(np.less_equal, f), predicate=True),
    "compare_eq": _same(equal, "ab", lambda f, _: reference.comparison(np.equal, f), predicate=True),
}
