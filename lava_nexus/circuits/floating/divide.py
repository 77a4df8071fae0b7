"""Floating-point division, reciprocal and square root, digit by digit with an exact remainder.

a / b = Q + R / D of normalised significands: a restoring array subtracts D wherever it fits, so that p + 2 digits and
whether the remainder is 0 decide the rounding. 1 / a is the array with the dividend 1; sqrt(a) subtracts 4 * root + 1
instead of D. Source: M. D. Ercegovac and T. Lang, "Digital Arithmetic", 2004, chapters 5 and 6.
"""

from __future__ import annotations

from lava_nexus.circuits.cells import Basis, Bit, Word
from lava_nexus.circuits.floating.operand import Operand, nonzero, significand, unpack
from lava_nexus.circuits.floating.rounder import Scaled, Unrounded, round_pack, round_scaled
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
    value = Scaled(
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
        zero=basis.zero if subnormals else basis.or_(basis.not_(some_x), y.infinite),
    )
    return round_scaled(basis, value, fmt, subnormals)


def normalised(
    basis: Basis, x: Operand, fmt: FloatFormat, subnormals: bool = True
) -> tuple[Word, list[tuple[Bit, int]]]:
    """(significand, LSB first, with its top bit 1 unless it is 0; the left shift that took, as terms)."""
    if not subnormals:
        return significand(basis, x, subnormals), []
    bits = fmt.significand_bits
    top, shift, _ = normalise(basis, x.significand[::-1], bits - 1, bits, nested=True)
    return basis.reals(top[::-1]), shift


def restoring(basis: Basis, dividend: Word, divisor: Word, digits: int) -> tuple[Word, Word]:
    """(floor(2^(digits - 1) * dividend / divisor), MSB first; the remainder), for dividend < 2 * divisor."""
    quotient: Word = []
    rest = dividend
    for _ in range(digits):
        taken, rest = basis.subtract_if_not_less(rest, divisor)
        quotient.append(taken)
        rest = [basis.zero, *rest]
    return quotient, rest


def reciprocal(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
    """1 / a as a word of the format."""
    x = unpack(basis, a, fmt)
    divisor, down = normalised(basis, x, fmt)
    bits, below = fmt.significand_bits, fmt.fraction_bits
    quotient, remainder = restoring(basis, [*[basis.zero] * below, basis.one], divisor, bits + 2)
    largest = (1 << fmt.exponent_bits) - 1
    value = Scaled(
        sign=a[-1],
        exponent=[*x.scale(basis, -1), *((bit, unit) for bit, unit in down), (basis.one, 2 * fmt.bias)],
        bounds=(2 * fmt.bias - largest + (1 if fmt.inf else 0), 2 * fmt.bias - 1 + below),
        significand=[basis.and_not(bit, x.infinite) for bit in quotient] if fmt.inf else quotient,
        most_zeros=1,
        sticky=remainder,
        infinite=basis.not_(nonzero(basis, x)),
        nan=x.nan,
    )
    return round_scaled(basis, value, fmt)


def square_root(basis: Basis, a: Word, fmt: FloatFormat, subnormals: bool = True) -> Word:
    """sqrt(a) as a word of the format; sqrt(-0) = -0, any other negative operand gives NaN.

    Without `subnormals` operands below the normal range count as zeros of their sign.
    """
    x = unpack(basis, a, fmt)
    significand, shift = normalised(basis, x, fmt, subnormals)
    some = nonzero(basis, x, subnormals)
    # biased result = floor((e + bias) / 2); what the halving leaves over doubles the significand.
    width = fmt.exponent_bits + 1
    doubled = [*x.scale(basis), *((bit, -unit) for bit, unit in shift), (basis.one, fmt.bias)]
    odd, *half = (basis.real(bit) for bit in basis.sum_bits(doubled, width, most=(2 << fmt.exponent_bits) - 1))
    above, below = [*significand, basis.zero], [basis.zero, *significand]
    radicand = [basis.mux(odd, q, p) for p, q in zip(above, below, strict=True)]
    root, remainder = _digits(basis, radicand[::-1], fmt.significand_bits + 1)
    value = Unrounded(
        sign=a[-1],
        exponent=[(bit, 1 << i) for i, bit in enumerate(half)] + [(basis.one, -1)],
        largest=(1 << fmt.exponent_bits) - 2,
        significand=root[:-1] if subnormals else [basis.and_(root[0], some), *root[1:-1]],
        guard=root[-1],
        sticky=remainder,
        infinite=x.infinite,
        nan=basis.or_(x.nan, basis.and_(a[-1], some)),
    )
    return round_pack(basis, value, fmt, subnormals)


def _digits(basis: Basis, radicand: Word, digits: int) -> tuple[Word, Word]:
    """(root, MSB first; remainder) of a radicand (MSB first, two bits a digit, zeros to follow)."""
    root: Word = []
    rest: Word = []
    for k in range(digits):
        pair = (radicand[2 * k : 2 * k + 2] + [basis.zero] * 2)[:2]
        trial = [basis.one, basis.zero, *root[::-1]]  # 4 * root + 1
        rest = ([*pair[::-1], *rest] + [basis.zero] * len(trial))[: max(len(trial), k + 3)]
        taken, rest = basis.subtract_if_not_less(rest, trial)
        root.append(taken)
    return root, rest
