"""The last stage of a floating-point circuit, and the only place where anything is rounded.

Round to nearest, ties to even; overflow gives infinity, or NaN where the format has none; every NaN is canonical.
`round_pack` takes a result whose significand is in place (`Unrounded`). `round_scaled` takes an exact product or
quotient of any exponent (`Scaled`): one shift does underflow and normalisation. Source: IEEE Std 754-2019, sections
4.3.1 and 7.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from lava_nexus.circuits.cells import Basis, Bit, Terms, Word, weighted
from lava_nexus.circuits.shift import normalise
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import FALSE


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
        half: 1 where exactly half a unit lies below the significand although the guard bit is 0.
        lowest: the least that the exponent sum can be; below 0 only where subnormal results count as zeros.
        field: the exponent field, where the caller has it already; `exponent` is not read then.
    """

    sign: Bit
    exponent: Terms
    largest: int
    significand: Word
    guard: Bit
    sticky: Word
    infinite: Bit
    nan: Bit
    half: Bit = FALSE
    lowest: int = 0
    field: Word | None = None


@dataclass(frozen=True)
class Scaled:
    """(-1)^sign * 2^(exponent - bias) * significand, where the significand's first bit weighs 1.

    Attributes:
        sign: 1 for negative.
        exponent: terms of the biased exponent of the significand's first bit.
        bounds: the least and the most that the exponent sum can be.
        significand: MSB first.
        most_zeros: leading zeros that a significand other than 0 can have.
        sticky: bits whose OR says that something lies below the significand.
        infinite: 1 where the result is an infinity.
        nan: 1 where it is a NaN.
        zero: 1 where the result is a zero whatever the significand; only without subnormal numbers.
    """

    sign: Bit
    exponent: Terms
    bounds: tuple[int, int]
    significand: Word
    most_zeros: int
    sticky: Word
    infinite: Bit
    nan: Bit
    zero: Bit = FALSE


def round_pack(basis: Basis, value: Unrounded, fmt: FloatFormat, subnormals: bool = True) -> Word:
    """The rounded number as a word of the format, LSB first.

    Without `subnormals` the hidden bit is 1 for everything but zero, and a result that would be subnormal is a zero.
    """
    hidden, fraction = basis.real(value.significand[0]), value.significand[:0:-1]
    if value.guard != basis.zero or value.half != basis.zero:
        fraction = basis.reals(fraction)
    up = basis.or_(basis.and_any([value.guard], [*value.sticky, fraction[0]]), basis.and_(value.half, fraction[0]))
    field, above, below = _biased(basis, value, fmt, hidden)
    special, top = _special(basis, value, fmt, basis.and_not(hidden, below), field, above)
    clear, tiny, promoted = (special if fmt.inf else basis.zero), basis.zero, basis.zero
    if not subnormals:
        least = basis.and_not(hidden, below, *field, *above)  # an exponent of 0: half the least normal number or more
        promoted = _promoted(basis, value, least, fraction)
        tiny = basis.or_(below, least, basis.not_(hidden))
        clear = basis.or_(clear, tiny)
    low, carry = basis.increment(fraction[:-1], up, clear=clear, ones=top)
    high, carry = basis.increment(
        fraction[-1:], carry, clear=basis.or_(special, tiny), ones=value.nan if fmt.inf else special
    )
    # With neither a hidden bit nor a carry the result is subnormal or zero: the exponent field is 0.
    absent = basis.not_(basis.or_(hidden, carry)) if subnormals else basis.and_not(tiny, promoted)
    exponent, beyond = basis.increment(field, basis.or_(carry, promoted), clear=absent, ones=special)
    word = [*low, *high, *exponent]
    if not fmt.inf:  # the carry out of the largest number
        beyond = basis.and_not(beyond, tiny)
        word = [basis.or_(bit, beyond) for bit in word]
    return [*word, basis.and_not(value.sign, value.nan if fmt.inf else basis.and_(*word))]


def _promoted(basis: Basis, value: Unrounded, least: Bit, fraction: Word) -> Bit:
    """1 where a number of exponent 0, rounded as a subnormal one would be, is the least normal number."""
    ones = basis.and_(least, *fraction)
    return basis.or_(ones, basis.and_(least, *fraction[1:], value.guard, value.half))


def _biased(basis: Basis, value: Unrounded, fmt: FloatFormat, hidden: Bit) -> tuple[Word, Word, Bit]:
    """(the exponent field; bits above it; 1 where the exponent is negative)."""
    if value.field is not None:
        return value.field, [], basis.zero
    width = max(fmt.exponent_bits, (value.largest + 1).bit_length(), (-value.lowest).bit_length())
    signed = value.lowest < 0
    biased = basis.reals(basis.sum_bits([*value.exponent, (hidden, 1)], width + signed))
    return biased[: fmt.exponent_bits], biased[fmt.exponent_bits : width], biased[width] if signed else basis.zero


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


def round_scaled(basis: Basis, value: Scaled, fmt: FloatFormat, subnormals: bool = True) -> Word:
    """The rounded number as a word of the format, LSB first.

    The significand is put behind up to p + 1 zeros and shifted left by min(its leading zeros, what the exponent
    allows), so that a result below the normal range stays further right by itself. Without `subnormals` such a result
    is a zero.
    """
    kept, (least, most) = fmt.significand_bits + 1, value.bounds
    free = not subnormals or least - value.most_zeros >= 1  # no exponent stops the shift
    room = 0 if free else min(kept, max(0, 1 - least))  # how far a result can lie below the normal range
    limit: Terms = [*value.exponent, (basis.one, room - 1)]
    negative = basis.zero
    if not free:
        width = max(most + room, -least).bit_length() + 1
        word = basis.reals(basis.sum_bits(limit, width))
        limit = weighted(word[:-1])
        negative = word[-1] if least + room - 1 < 0 else basis.zero
    window = [basis.zero] * room + value.significand
    top, shift, dropped = normalise(
        basis, window, room + value.most_zeros, kept, None if free else limit, negative, nested=True
    )
    unrounded = Unrounded(
        sign=value.sign,
        exponent=[*limit, *((bit, -unit) for bit, unit in shift)],
        largest=most + room,
        significand=[basis.and_not(top[0], value.zero), *top[1:-1]],
        guard=top[-1],
        sticky=[*dropped, *value.sticky],
        infinite=value.infinite,
        nan=value.nan,
        lowest=0 if subnormals else least - value.most_zeros - 1,
    )
    return round_pack(basis, unrounded, fmt, subnormals)
