"""From an exact product or quotient of any exponent to a rounded number: one shift does underflow and normalisation."""

from __future__ import annotations

from lava_nexus.cells import Basis, Bit, Terms, Word, weighted
from lava_nexus.circuits.floating.rounder import Unrounded, round_pack
from lava_nexus.circuits.shift import normalise
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import FALSE


def round_scaled(
    basis: Basis,
    fmt: FloatFormat,
    sign: Bit,
    exponent: Terms,
    bounds: tuple[int, int],
    significand: Word,
    most_zeros: int,
    sticky: Word,
    infinite: Bit,
    nan: Bit,
    subnormals: bool = True,
    zero: Bit = FALSE,
) -> Word:
    """The rounded (-1)^sign * 2^(exponent - bias) * significand, where the significand's first bit weighs 1.

    The significand is put behind up to p + 1 zeros and shifted left by min(its leading zeros, what the exponent
    allows), so that a result below the normal range stays further right by itself.

    Args:
        exponent: terms of the biased exponent of the significand's first bit, between the two `bounds`.
        significand: MSB first, with at most `most_zeros` leading zeros unless it is 0.
        sticky: bits whose OR says that something lies below the significand.
        subnormals: False where subnormal results count as zeros.
        zero: 1 where the result is a zero whatever the significand; only without `subnormals`.
    """
    kept = fmt.significand_bits + 1
    free = not subnormals or bounds[0] - most_zeros >= 1  # no exponent stops the shift
    room = 0 if free else min(kept, max(0, 1 - bounds[0]))  # how far a result can lie below the normal range
    limit: Terms = [*exponent, (basis.one, room - 1)]
    negative = basis.zero
    if not free:
        width = max(bounds[1] + room, -bounds[0]).bit_length() + 1
        word = [basis.real(bit) for bit in basis.sum_bits(limit, width)]
        limit = weighted(word[:-1])
        negative = word[-1] if bounds[0] + room - 1 < 0 else basis.zero
    window = [basis.zero] * room + significand
    top, shift, dropped = normalise(
        basis, window, room + most_zeros, kept, None if free else limit, negative, nested=True
    )
    value = Unrounded(
        sign=sign,
        exponent=[*limit, *((bit, -unit) for bit, unit in shift)],
        largest=bounds[1] + room,
        significand=[basis.and_not(top[0], zero), *top[1:-1]],
        guard=top[-1],
        sticky=[*dropped, *sticky],
        infinite=infinite,
        nan=nan,
        lowest=0 if subnormals else bounds[0] - most_zeros - 1,
    )
    return round_pack(basis, value, fmt, subnormals)
