"""Floating-point square root, digit by digit with an exact remainder."""

from __future__ import annotations

from lava_nexus.cells import Basis, Word
from lava_nexus.circuits.floating.divide import normalised
from lava_nexus.circuits.floating.operand import nonzero, unpack
from lava_nexus.circuits.floating.rounder import Unrounded, round_pack
from lava_nexus.formats import FloatFormat


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
