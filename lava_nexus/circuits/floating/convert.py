"""Conversion between floating-point formats."""

from __future__ import annotations

from lava_nexus.cells import Basis, Word, weighted
from lava_nexus.circuits.floating.compare import or_nan
from lava_nexus.circuits.floating.operand import unpack
from lava_nexus.circuits.floating.rounder import Unrounded, round_pack
from lava_nexus.circuits.floating.scale import round_scaled
from lava_nexus.formats import FloatFormat


def convert(basis: Basis, a: Word, fmt: FloatFormat, to: FloatFormat) -> Word:
    """a as a word of the format `to`, to nearest even; one that holds all numbers of the format needs no rounding."""
    x = unpack(basis, a, fmt)
    more = to.fraction_bits - fmt.fraction_bits
    if (fmt.exponent_bits, fmt.inf) == (to.exponent_bits, to.inf):
        if more >= 0:
            return or_nan(basis, [*[basis.zero] * more, *a], x.nan, to)
        return _shorten(basis, a, fmt, to)
    offset = to.bias - fmt.bias
    return round_scaled(
        basis,
        to,
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
