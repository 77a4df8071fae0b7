"""What an operation must answer, in the words of SMT-LIB: all operands, rounding to nearest even, signed zeros.

Results that SMT-LIB calls NaN must have the format's canonical pattern; any other result fixes its pattern. minimum and
maximum of IEEE 754-2019 are written out, because fp.min and fp.max leave the sign of a zero open. Conversions to
integers saturate and give 0 for NaN, which fp.to_sbv and fp.to_ubv leave open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat, IntegerFormat, NumberFormat
from lava_nexus.verify.formal.terms import Term, Terms


def converted(
    terms: Terms, fmt: NumberFormat, to: NumberFormat, operand: Term, result: Term, rounding: str = "nearest"
) -> Term:
    """True where the pattern `result` is the pattern `operand` in the format `to`; one of the two is an integer's."""
    if isinstance(fmt, FloatFormat):
        assert isinstance(to, IntegerFormat)
        return terms.equal(result, _to_integer(terms, fmt, to, operand, rounding))
    if isinstance(to, FloatFormat):
        return terms.is_float(result, _from_integer(terms, fmt, to, operand), to)
    return terms.equal(result, _between_integers(terms, fmt, to, operand))


def _to_integer(terms: Terms, fmt: FloatFormat, to: IntegerFormat, operand: Term, rounding: str) -> Term:
    """fp.to_sbv or fp.to_ubv, which SMT-LIB leaves open out of range."""
    number = terms.float_of(operand, fmt)
    mode = terms.nearest_even if rounding == "nearest" else terms.toward_zero
    whole = terms.make("FP_RTI", mode, number)
    room = to.bits - to.signed
    exact = terms.make("FP_TO_SBV" if to.signed else "FP_TO_UBV", mode, number, indices=(to.bits,))
    smallest, largest = terms.number(to.min, to.bits), terms.number(to.max, to.bits)
    over = _beyond(terms, fmt, whole, room, "FP_GEQ")
    under = _beyond(terms, fmt, whole, room, "FP_LT") if to.signed else terms.make("FP_IS_NEG", whole)
    bounded = terms.if_(over, largest, terms.if_(under, smallest, exact))
    return terms.if_(terms.make("FP_IS_NAN", number), terms.number(0, to.bits), bounded)


def _beyond(terms: Terms, fmt: FloatFormat, whole: Term, room: int, relation: str) -> Term:
    """whole >= 2^room, or whole < -2^room; where the format does not reach so far only infinity is beyond."""
    negative = relation == "FP_LT"
    if fmt.bias + room > (fmt.exponent_mask >> fmt.fraction_bits) - 1:
        return terms.and_(terms.make("FP_IS_INF", whole), terms.make("FP_IS_NEG" if negative else "FP_IS_POS", whole))
    power = (negative << (fmt.bits - 1)) | (fmt.bias + room) << fmt.fraction_bits
    return terms.make(relation, whole, terms.float_of(terms.number(power, fmt.bits), fmt))


def _from_integer(terms: Terms, fmt: IntegerFormat, to: FloatFormat, operand: Term) -> Term:
    kind = "FP_TO_FP_FROM_SBV" if fmt.signed else "FP_TO_FP_FROM_UBV"
    return terms.make(kind, terms.nearest_even, operand, indices=(to.exponent_bits, to.significand_bits))


def _between_integers(terms: Terms, fmt: IntegerFormat, to: IntegerFormat, operand: Term) -> Term:
    """Compared in one bit more than either has, where both are signed numbers."""
    width = max(fmt.bits, to.bits) + 1
    extend = "BV_SIGN_EXTEND" if fmt.signed else "BV_ZERO_EXTEND"
    number = terms.make(extend, operand, indices=(width - fmt.bits,))
    smallest, largest = terms.number(to.min, width), terms.number(to.max, width)
    low = terms.if_(terms.make("BV_SLT", number, smallest), smallest, number)
    bounded = terms.if_(terms.make("BV_SGT", number, largest), largest, low)
    return terms.slice(bounded, to.bits - 1, 0)


_ROUNDED = {"add": "FP_ADD", "sub": "FP_SUB", "mul": "FP_MUL", "div": "FP_DIV", "sqrt": "FP_SQRT", "fma": "FP_FMA"}
_EXACT = {"neg": "FP_NEG", "abs": "FP_ABS"}
_PREDICATES = {"compare_lt": "FP_LT", "compare_le": "FP_LEQ", "compare_eq": "FP_EQUAL"}

SPECIFIED = (*_ROUNDED, *_EXACT, "min", "max", "convert", *_PREDICATES)
"""Operations that SMT-LIB has a word for."""


def correct(
    terms: Terms,
    operation: str,
    fmt: NumberFormat,
    to: NumberFormat,
    operands: Sequence[Term],
    result: Term,
    **options: Any,
) -> Term:
    """True where the pattern `result` is the operation's answer to the patterns `operands`.

    Raises:
        NexusError: SMT-LIB does not have the operation, or not the format.
    """
    if not (isinstance(fmt, FloatFormat) and isinstance(to, FloatFormat)):
        return converted(terms, fmt, to, operands[0], result, **options)
    numbers = [terms.float_of(operand, fmt) for operand in operands]
    if operation in _PREDICATES:
        return terms.equal(terms.bit(result, 0), terms.make(_PREDICATES[operation], *numbers))
    return terms.is_float(result, _value(terms, operation, fmt, to, numbers), to)


def _value(terms: Terms, operation: str, fmt: FloatFormat, to: FloatFormat, numbers: Sequence[Term]) -> Term:
    if operation in _EXACT:
        return terms.make(_EXACT[operation], *numbers)
    if operation in ("min", "max"):
        return _extremum(terms, numbers[0], numbers[1], "FP_LT" if operation == "min" else "FP_GT")
    if operation == "convert":
        return _rounded_to(terms, numbers[0], to)
    if operation not in _ROUNDED:
        raise NexusError(f"operation '{operation}' has no meaning in SMT-LIB; proven are {', '.join(SPECIFIED)}")
    if fmt != to:
        return _widening(terms, operation, fmt, to, numbers)
    return terms.make(_ROUNDED[operation], terms.nearest_even, *numbers)


def _widening(terms: Terms, operation: str, fmt: FloatFormat, to: FloatFormat, numbers: Sequence[Term]) -> Term:
    """Operands exact in a format that holds both: for a wider result format rounding once is rounding there."""
    if fmt.exponent_bits > to.exponent_bits or fmt.fraction_bits > to.fraction_bits:
        raise NexusError(f"operation '{operation}' from {fmt} to {to} is proven only where {to} holds every {fmt}")
    wide = [_rounded_to(terms, number, to) for number in numbers]
    return terms.make(_ROUNDED[operation], terms.nearest_even, *wide)


def _rounded_to(terms: Terms, number: Term, to: FloatFormat) -> Term:
    return terms.make("FP_TO_FP_FROM_FP", terms.nearest_even, number, indices=(to.exponent_bits, to.significand_bits))


def _extremum(terms: Terms, a: Term, b: Term, below: str) -> Term:
    """IEEE 754-2019 minimum (or maximum): a NaN where either is; -0 below +0."""
    first = terms.make("FP_IS_NEG" if below == "FP_LT" else "FP_IS_POS", a)  # of two equal ones, zeros among them
    chosen = terms.if_(terms.make(below, a, b), a, terms.if_(terms.make(below, b, a), b, terms.if_(first, a, b)))
    return terms.if_(terms.make("FP_IS_NAN", a), a, terms.if_(terms.make("FP_IS_NAN", b), b, chosen))
