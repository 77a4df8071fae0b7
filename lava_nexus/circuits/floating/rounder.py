"""The last floor of a floating-point circuit, and the only place where anything is rounded.

Round to nearest, ties to even; overflow gives infinity, or NaN where the format has none; every NaN is
canonical. Source: IEEE Std 754-2019, sections 4.3.1 and 7.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from lava_nexus.cells import Basis, Bit, Terms, Word
from lava_nexus.formats import FloatFormat


@dataclass(frozen=True)
class Unrounded:
    """An exact result, or enough of it to round.

    The value is (-1)^sign * 1.f * 2^(exponent + 1 - bias), where the exponent is one less than the biased one, so that
    a hidden bit of 1 completes it and a hidden bit of 0 stands for a subnormal result with an exponent of 0.

    Attributes:
        sign: 1 for negative.
        exponent: terms of the biased exponent less one.
        largest: the most that the exponent sum can be.
        significand: p bits, MSB (the hidden bit) first.
        guard: the bit below the significand.
        sticky: bits whose OR says that something lies below the guard bit.
        infinite: 1 where the result is an infinity.
        nan: 1 where it is a NaN.
    """

    sign: Bit
    exponent: Terms
    largest: int
    significand: Word
    guard: Bit
    sticky: Word
    infinite: Bit
    nan: Bit


def round_pack(basis: Basis, value: Unrounded, fmt: FloatFormat) -> Word:
    """The rounded number as a word of the format, LSB first."""
    hidden, fraction = basis.real(value.significand[0]), [basis.real(bit) for bit in value.significand[:0:-1]]
    up = basis.and_any([value.guard], [*value.sticky, fraction[0]])
    width = max(fmt.exponent_bits, (value.largest + 1).bit_length())
    biased = [basis.real(bit) for bit in basis.sum_bits([*value.exponent, (hidden, 1)], width)]
    field, above = biased[: fmt.exponent_bits], biased[fmt.exponent_bits :]
    special, top = _special(basis, value, fmt, hidden, field, above)
    low, carry = basis.increment(fraction[:-1], up, clear=special if fmt.inf else basis.zero, ones=top)
    high, carry = basis.increment(fraction[-1:], carry, clear=special, ones=value.nan if fmt.inf else special)
    # With neither a hidden bit nor a carry the result is subnormal or zero: the exponent field is 0.
    absent = basis.not_(basis.or_(hidden, carry))
    exponent, beyond = basis.increment(field, carry, clear=absent, ones=special)
    word = [*low, *high, *exponent]
    if not fmt.inf:  # the carry out of the largest number
        word = [basis.or_(bit, beyond) for bit in word]
    return [*word, basis.and_not(value.sign, value.nan if fmt.inf else basis.and_(*word))]


def _special(
    basis: Basis, value: Unrounded, fmt: FloatFormat, hidden: Bit, field: Word, above: Word
) -> tuple[Bit, Bit]:
    """(1 where the exponent field is all ones whatever the sum, 1 where the low fraction bits are)."""
    if fmt.inf:
        over = basis.and_(hidden, *field)
        if above:
            over = basis.or_(over, basis.and_any([hidden], above))
        return basis.or_(over, value.infinite, value.nan), basis.zero
    over = basis.and_any([hidden], above) if above else basis.zero
    special = basis.or_(over, value.infinite, value.nan)
    return special, special
