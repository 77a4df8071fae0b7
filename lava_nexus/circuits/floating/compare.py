"""Comparisons, minimum, maximum and the operations on the sign bit."""

from __future__ import annotations

from lava_nexus.circuits.cells import Basis, Bit, Word
from lava_nexus.circuits.floating.operand import nonzero, unpack
from lava_nexus.formats import FloatFormat


def negate(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
    """-a; NaN is canonical."""
    return or_nan(basis, [*a[:-1], basis.not_(a[-1])], unpack(basis, a, fmt).nan, fmt)


def absolute(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
    """|a|; NaN is canonical."""
    return or_nan(basis, [*a[:-1], basis.zero], unpack(basis, a, fmt).nan, fmt)


def minimum(basis: Basis, a: Word, b: Word, fmt: FloatFormat) -> Word:
    """IEEE 754-2019 minimum: NaN wins, -0 is below +0."""
    return _extremum(basis, a, b, fmt, largest=False)


def maximum(basis: Basis, a: Word, b: Word, fmt: FloatFormat) -> Word:
    """IEEE 754-2019 maximum: NaN wins, -0 is below +0."""
    return _extremum(basis, a, b, fmt, largest=True)


def less(basis: Basis, a: Word, b: Word, fmt: FloatFormat) -> Word:
    """[a < b], one bit; 0 where either is NaN."""
    some = basis.or_(nonzero(basis, unpack(basis, a, fmt)), nonzero(basis, unpack(basis, b, fmt)))
    return [_numbers(basis, a, b, fmt, basis.and_(_below(basis, a, b), some))]


def less_equal(basis: Basis, a: Word, b: Word, fmt: FloatFormat) -> Word:
    """[a <= b], one bit; 0 where either is NaN."""
    some = basis.or_(nonzero(basis, unpack(basis, a, fmt)), nonzero(basis, unpack(basis, b, fmt)))
    return [_numbers(basis, a, b, fmt, basis.not_(basis.and_(_below(basis, b, a), some)))]


def equal(basis: Basis, a: Word, b: Word, fmt: FloatFormat) -> Word:
    """[a = b], one bit; +0 equals -0; 0 where either is NaN."""
    magnitudes_differ = basis.or_(basis.greater(a[:-1], b[:-1]), basis.greater(b[:-1], a[:-1]))
    opposite = basis.and_(basis.xor(a[-1], b[-1]), nonzero(basis, unpack(basis, a, fmt)))
    return [_numbers(basis, a, b, fmt, basis.not_(basis.or_(magnitudes_differ, opposite)))]


def _below(basis: Basis, a: Word, b: Word) -> Bit:
    """1 where a stands before b in the order of sign and magnitude, -0 before +0."""
    minus, plus = basis.greater(a[:-1], b[:-1]), basis.greater(b[:-1], a[:-1])
    both_positive = basis.and_not(plus, a[-1], b[-1])
    both_negative = basis.and_(minus, a[-1], b[-1])
    return basis.or_(basis.and_not(a[-1], b[-1]), both_positive, both_negative)


def _extremum(basis: Basis, a: Word, b: Word, fmt: FloatFormat, largest: bool) -> Word:
    a_below = basis.real(_below(basis, a, b))
    chosen = [basis.mux(a_below, y, x) if largest else basis.mux(a_below, x, y) for x, y in zip(a, b, strict=True)]
    return or_nan(basis, chosen, basis.or_(unpack(basis, a, fmt).nan, unpack(basis, b, fmt).nan), fmt)


def _numbers(basis: Basis, a: Word, b: Word, fmt: FloatFormat, bit: Bit) -> Bit:
    return basis.and_not(bit, unpack(basis, a, fmt).nan, unpack(basis, b, fmt).nan)


def or_nan(basis: Basis, word: Word, nan: Bit, fmt: FloatFormat) -> Word:
    """The word, or the canonical NaN where `nan` is 1."""
    nan = basis.real(nan)
    return [
        basis.or_(bit, nan) if fmt.canonical_nan >> i & 1 else basis.and_not(bit, nan) for i, bit in enumerate(word)
    ]
