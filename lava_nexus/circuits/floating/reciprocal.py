"""Floating-point reciprocal: the restoring array of a division whose dividend is 1."""

from __future__ import annotations

from lava_nexus.cells import Basis, Word
from lava_nexus.circuits.floating.divide import normalised, restoring
from lava_nexus.circuits.floating.operand import nonzero, unpack
from lava_nexus.circuits.floating.scale import round_scaled
from lava_nexus.formats import FloatFormat


def reciprocal(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
    """1 / a as a word of the format."""
    x = unpack(basis, a, fmt)
    divisor, down = normalised(basis, x, fmt)
    bits, below = fmt.significand_bits, fmt.fraction_bits
    quotient, remainder = restoring(basis, [*[basis.zero] * below, basis.one], divisor, bits + 2)
    largest = (1 << fmt.exponent_bits) - 1
    return round_scaled(
        basis,
        fmt,
        sign=a[-1],
        exponent=[*x.scale(basis, -1), *((bit, unit) for bit, unit in down), (basis.one, 2 * fmt.bias)],
        bounds=(2 * fmt.bias - largest + (1 if fmt.inf else 0), 2 * fmt.bias - 1 + below),
        significand=[basis.and_not(bit, x.infinite) for bit in quotient] if fmt.inf else quotient,
        most_zeros=1,
        sticky=remainder,
        infinite=basis.not_(nonzero(basis, x)),
        nan=x.nan,
    )
