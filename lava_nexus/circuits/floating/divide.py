"""Floating-point division: normalised significands, a restoring array with an exact remainder, one shift, round."""

from __future__ import annotations

from lava_nexus.cells import Basis, Bit, Word
from lava_nexus.circuits.floating.operand import Operand, nonzero, significand, unpack
from lava_nexus.circuits.floating.scale import round_scaled
from lava_nexus.circuits.shift import normalise
from lava_nexus.formats import FloatFormat


def divide(basis: Basis, a: Word, b: Word, fmt: FloatFormat, subnormals: bool = True) -> Word:
    """a / b as a word of the format.

    Without `subnormals` operands and results below the normal range count as zeros of their sign.
    """
    x, y = unpack(basis, a, fmt), unpack(basis, b, fmt)
    dividend, up = normalised(basis, x, fmt, subnormals)
    divisor, down = normalised(basis, y, fmt, subnormals)
    quotient, remainder = restoring(basis, dividend, divisor, fmt.significand_bits + 2)
    some_x, some_y = nonzero(basis, x, subnormals), nonzero(basis, y, subnormals)
    by_zero = basis.not_(some_y)
    invalid = basis.or_(basis.not_(basis.or_(some_x, some_y)), basis.and_(x.infinite, y.infinite))
    largest, below = (1 << fmt.exponent_bits) - 1, fmt.fraction_bits
    overflow = basis.or_(x.infinite, by_zero)
    return round_scaled(
        basis,
        fmt,
        sign=basis.xor(a[-1], b[-1]),
        exponent=[
            *x.scale(basis),
            *((bit, -unit) for bit, unit in up),
            *y.scale(basis, -1),
            *down,
            (basis.one, fmt.bias),
        ],
        bounds=(1 - below - largest + fmt.bias, largest - 1 + below + fmt.bias),
        significand=[basis.and_not(bit, y.infinite) for bit in quotient] if fmt.inf and subnormals else quotient,
        most_zeros=1,
        sticky=remainder,
        infinite=overflow,
        nan=basis.or_(x.nan, y.nan, invalid),
        subnormals=subnormals,
        zero=basis.zero if subnormals else basis.or_(basis.not_(some_x), y.infinite),
    )


def normalised(
    basis: Basis, x: Operand, fmt: FloatFormat, subnormals: bool = True
) -> tuple[Word, list[tuple[Bit, int]]]:
    """(significand, LSB first, with its top bit 1 unless it is 0; the left shift that took, as terms)."""
    if not subnormals:
        return significand(basis, x, subnormals), []
    bits = fmt.significand_bits
    top, shift, _ = normalise(basis, x.significand[::-1], bits - 1, bits, nested=True)
    return [basis.real(bit) for bit in top[::-1]], shift


def restoring(basis: Basis, dividend: Word, divisor: Word, digits: int) -> tuple[Word, Word]:
    """(floor(2^(digits - 1) * dividend / divisor), MSB first; the remainder), for dividend < 2 * divisor."""
    quotient: Word = []
    rest = dividend
    for _ in range(digits):
        taken, rest = basis.subtract_if_not_less(rest, divisor)
        quotient.append(taken)
        rest = [basis.zero, *rest]
    return quotient, rest
