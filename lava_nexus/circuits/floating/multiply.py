"""Floating-point multiplication: AND array, generalised parallel counters, one shift, round."""

from __future__ import annotations

from lava_nexus.circuits.cells import Basis, Word
from lava_nexus.circuits.floating.operand import nonzero, significand, unpack
from lava_nexus.circuits.floating.rounder import round_scaled
from lava_nexus.formats import FloatFormat


def multiply(
    basis: Basis, a: Word, b: Word, fmt: FloatFormat, to: FloatFormat | None = None, subnormals: bool = True
) -> Word:
    """a * b, both of one format, as a word of the format `to` (the same unless given).

    Without `subnormals` operands and results below the normal range count as zeros of their sign.
    """
    to = to or fmt
    x, y = unpack(basis, a, fmt), unpack(basis, b, fmt)
    bits = 2 * fmt.significand_bits
    partial = [
        (basis.and_(p, q), 1 << (i + j))
        for i, p in enumerate(significand(basis, x, subnormals))
        for j, q in enumerate(significand(basis, y, subnormals))
    ]
    product = [basis.real(bit) for bit in basis.sum_bits(partial, bits)]
    some_x, some_y = nonzero(basis, x, subnormals), nonzero(basis, y, subnormals)
    invalid = basis.or_(basis.and_not(x.infinite, some_y), basis.and_not(y.infinite, some_x))
    # The first bit of the product weighs 2; the exponents' own bias counts twice.
    offset = to.bias - 2 * fmt.bias + 1
    largest = (1 << fmt.exponent_bits) - 1
    return round_scaled(
        basis,
        to,
        sign=basis.xor(a[-1], b[-1]),
        exponent=[*x.scale(basis), *y.scale(basis), (basis.one, offset)],
        bounds=(2 + offset, 2 * largest + offset),
        significand=product[::-1],
        most_zeros=1 if not subnormals else fmt.significand_bits if to == fmt else bits - 1,
        sticky=[],
        infinite=basis.or_(x.infinite, y.infinite),
        nan=basis.or_(x.nan, y.nan, invalid),
        subnormals=subnormals,
        zero=basis.zero if subnormals else basis.not_(basis.and_(some_x, some_y)),
    )
