"""Conversion between any two number formats.

To a floating-point format: to nearest even. To an integer: to nearest with ties to even or toward zero; what is out of
range saturates, NaN gives 0. Source: IEEE Std 754-2019, sections 5.4.2 and 5.8.
"""

from __future__ import annotations

from lava_nexus.circuits.cells import Basis, Bit, Word, weighted
from lava_nexus.circuits.floating.compare import or_nan
from lava_nexus.circuits.floating.operand import unpack
from lava_nexus.circuits.floating.rounder import Scaled, Unrounded, round_pack, round_scaled
from lava_nexus.circuits.shift import align
from lava_nexus.formats import FloatFormat, IntegerFormat


def convert(basis: Basis, a: Word, fmt: FloatFormat, to: FloatFormat) -> Word:
    """a as a word of the format `to`, to nearest even; one that holds all numbers of the format needs no rounding."""
    x = unpack(basis, a, fmt)
    more = to.fraction_bits - fmt.fraction_bits
    if (fmt.exponent_bits, fmt.inf) == (to.exponent_bits, to.inf):
        if more >= 0:
            return or_nan(basis, [*[basis.zero] * more, *a], x.nan, to)
        return _shorten(basis, a, fmt, to)
    offset = to.bias - fmt.bias
    value = Scaled(
        sign=a[-1],
        exponent=[*x.scale(basis), (basis.one, offset)],
        bounds=(1 + offset, (fmt.exponent_mask >> fmt.fraction_bits) + offset),
        significand=x.significand[::-1],
        # Where `to` reaches no further down, a subnormal number stays one: its leading zeros stay.
        most_zeros=fmt.fraction_bits if offset > 0 else 0,
        sticky=[],
        infinite=x.infinite,
        nan=x.nan,
    )
    return round_scaled(basis, value, to)


def _shorten(basis: Basis, a: Word, fmt: FloatFormat, to: FloatFormat) -> Word:
    """The same exponent field with a shorter fraction: subnormal numbers stay where they are."""
    x = unpack(basis, a, fmt)
    significand = x.significand[::-1]
    kept = to.significand_bits
    value = Unrounded(
        sign=a[-1],
        exponent=[*weighted(x.exponent), (x.normal, -1)],
        largest=(to.exponent_mask >> to.fraction_bits) - 1,
        significand=significand[:kept],
        guard=significand[kept],
        sticky=significand[kept + 1 :],
        infinite=x.infinite,
        nan=x.nan,
        field=x.exponent,
    )
    return round_pack(basis, value, to)


def to_integer(basis: Basis, a: Word, fmt: FloatFormat, to: IntegerFormat, rounding: str = "nearest") -> Word:
    """a as an integer, to nearest with ties to even or ("zero") toward zero.

    The magnitude is shifted to fixed point. A negative number inverts it and adds 1, less what would be rounded up, so
    that one increment does both.
    """
    x, sign = unpack(basis, a, fmt), a[-1]
    room = to.bits - to.signed
    # The largest number lies below 2^reach, also when it is rounded.
    largest = (fmt.exponent_mask >> fmt.fraction_bits) - fmt.bias - fmt.inf
    reach = largest + 1 + (fmt.significand_bits > largest + 1)
    bits = min(room, reach)
    if reach > room:
        over: Bit = basis.real(basis.at_least(weighted(x.exponent), fmt.bias + room))
    else:
        over = basis.and_(*x.exponent) if fmt.inf else basis.zero
    magnitude, up = _fixed(
        basis, x.significand, [*x.scale(basis, -1), (basis.one, fmt.bias + bits - 1)], bits, rounding
    )
    negative = basis.and_not(sign, x.nan)
    positive_over = basis.and_not(over, sign, x.nan)
    if bits == room and up != basis.zero:  # a number just below the largest integer does not round beyond it
        full = basis.and_(*magnitude)
        up = basis.and_not(up, full if not to.signed else basis.and_not(full, sign))
    if not to.signed:
        clear = basis.or_(over, sign, x.nan)
        word, _ = basis.increment(magnitude, up, clear, positive_over)
        return [*word, *[positive_over] * (to.bits - bits)]
    clear = basis.or_(over, x.nan)
    flipped = [basis.xor(bit, sign) for bit in magnitude]
    word, carry = basis.increment(flipped, basis.real(basis.xor(up, sign)), clear, positive_over)
    minus = basis.or_(basis.and_not(negative, carry), basis.and_(negative, over))
    between = basis.or_(basis.and_not(minus, over), positive_over)
    return [*word, *[between] * (room - bits), minus]


def _fixed(
    basis: Basis, significand: Word, amount: list[tuple[Bit, int]], bits: int, rounding: str
) -> tuple[Word, Bit]:
    """(the significand, moved to `bits` integer bits and shifted right by the amount; 1 where it rounds up)."""
    kept = bits + (rounding == "nearest")
    tail, head = significand[: max(0, len(significand) - kept)], significand[-kept:]
    word, lost = align(basis, head, amount, basis.zero, kept - len(head), nested=True)
    word = basis.reals(word)
    if rounding == "zero":
        return word, basis.zero
    return word[1:], basis.and_any([word[0]], [*lost, *tail, word[1]])


def from_integer(basis: Basis, a: Word, fmt: IntegerFormat, to: FloatFormat) -> Word:
    """The integer a as a floating-point number, to nearest even; 0 is +0."""
    sign, magnitude = basis.zero, a
    if fmt.signed:
        sign = a[-1]
        low, carry = basis.increment([basis.real(basis.xor(bit, sign)) for bit in a[:-1]], sign, basis.zero, basis.zero)
        magnitude = [*low, carry]
    top = to.bias + len(magnitude) - 1
    value = Scaled(
        sign=sign,
        exponent=[(basis.one, top)],
        bounds=(top, top),
        significand=magnitude[::-1],
        most_zeros=len(magnitude) - 1,
        sticky=[],
        infinite=basis.zero,
        nan=basis.zero,
    )
    return round_scaled(basis, value, to)


def between_integers(basis: Basis, a: Word, fmt: IntegerFormat, to: IntegerFormat) -> Word:
    """The integer a in another format, saturated."""
    sign = a[-1] if fmt.signed else basis.zero
    magnitude = a[:-1] if fmt.signed else a
    room = to.bits - to.signed
    above = magnitude[room:]
    over = basis.and_not(basis.or_(*above), sign)
    under = basis.and_any([sign], [basis.not_(bit) for bit in above]) if above else basis.zero
    clear = under if to.signed else sign
    kept = [*magnitude[:room], *[sign] * (room - len(magnitude))]
    word = [basis.or_(basis.and_not(bit, clear), over) for bit in kept]
    return [*word, sign] if to.signed else word
