"""What a conversion to or from integers must answer, in the words of SMT-LIB: out of range saturates, NaN gives 0."""

from __future__ import annotations

from lava_nexus.formats import FloatFormat, IntegerFormat, NumberFormat
from lava_nexus.verification.formal.terms import Term, Terms


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
