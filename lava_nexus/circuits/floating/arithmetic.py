"""Floating-point addition, subtraction and multiplication, each rounded once.

A sum orders its operands by magnitude, aligns the smaller one, adds or subtracts, normalises and rounds. A product sums
an array of ANDs by parallel counters, shifts once and rounds. Source: M. D. Ercegovac and T. Lang, "Digital
Arithmetic", 2004, chapter 8.
"""

from __future__ import annotations

from lava_nexus.circuits.cells import Basis, Bit, Terms, Word, weighted
from lava_nexus.circuits.floating.operand import nonzero, significand, unpack
from lava_nexus.circuits.floating.rounder import Scaled, Unrounded, round_pack, round_scaled
from lava_nexus.circuits.shift import align, normalise
from lava_nexus.formats import FloatFormat

_BELOW = 2  # guard and round bits kept under the significand; what lies lower is sticky


def add(basis: Basis, a: Word, b: Word, fmt: FloatFormat, subtract: bool = False, subnormals: bool = True) -> Word:
    """a + b, or a - b, as a word of the format.

    Without `subnormals` operands and results below the normal range count as zeros of their sign.
    """
    if subtract:
        b = [*b[:-1], basis.not_(b[-1])]
    swapped = basis.greater(b[:-1], a[:-1])
    pairs = [basis.swap(swapped, y, x) for x, y in zip(a[:-1], b[:-1], strict=True)]
    sign = basis.mux(swapped, b[-1], a[-1])
    large = unpack(basis, [*(pair[0] for pair in pairs), sign], fmt)
    small = unpack(basis, [*(pair[1] for pair in pairs), basis.zero], fmt)
    differ = basis.real(basis.xor(a[-1], b[-1]))

    apart, too_far = _distance(basis, large.exponent, small.exponent, large.normal, small.normal, fmt)
    if not subnormals:  # a small operand that counts as zero is shifted out without a trace
        too_far = basis.or_(too_far, basis.not_(small.normal))
    shifted, lost = align(basis, significand(basis, small, subnormals), apart, too_far, _BELOW)
    if not subnormals:
        lost = [basis.and_any([small.normal], lost)]
    total = _total(basis, significand(basis, large, subnormals), shifted, lost, differ)

    most = len(total) - 1
    limit = large.scale(basis) if subnormals else weighted(large.exponent)
    top, shift, dropped = normalise(
        basis,
        total[::-1],
        most,
        fmt.significand_bits + 1,
        limit if subnormals else None,
        nested=basis.nested_sums,
    )
    exists = basis.or_(*total, *lost)
    if not subnormals:
        exists = basis.and_(exists, large.normal)
        top = [basis.and_(top[0], large.normal), *top[1:]]
    none_of_inf = basis.and_(*small.exponent, differ) if fmt.inf else basis.zero
    value = Unrounded(
        # Exact cancellation gives +0; zeros of one sign keep it.
        sign=basis.at_least([(sign, 2), (differ, -1), (exists, 1)], 2),
        exponent=[*limit, *((bit, -unit) for bit, unit in shift)],
        largest=fmt.exponent_mask >> fmt.fraction_bits,
        significand=top[:-1],
        guard=top[-1],
        sticky=[*dropped, *lost],
        infinite=basis.and_(*large.exponent) if fmt.inf else basis.zero,
        nan=basis.or_(large.nan, none_of_inf),
        lowest=0 if subnormals else -most,
    )
    return round_pack(basis, value, fmt, subnormals)


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
    product = basis.reals(basis.sum_bits(partial, bits))
    some_x, some_y = nonzero(basis, x, subnormals), nonzero(basis, y, subnormals)
    invalid = basis.or_(basis.and_not(x.infinite, some_y), basis.and_not(y.infinite, some_x))
    # The first bit of the product weighs 2; the exponents' own bias counts twice.
    offset = to.bias - 2 * fmt.bias + 1
    largest = (1 << fmt.exponent_bits) - 1
    value = Scaled(
        sign=basis.xor(a[-1], b[-1]),
        exponent=[*x.scale(basis), *y.scale(basis), (basis.one, offset)],
        bounds=(2 + offset, 2 * largest + offset),
        significand=product[::-1],
        most_zeros=1 if not subnormals else fmt.significand_bits if to == fmt else bits - 1,
        sticky=[],
        infinite=basis.or_(x.infinite, y.infinite),
        nan=basis.or_(x.nan, y.nan, invalid),
        zero=basis.zero if subnormals else basis.not_(basis.and_(some_x, some_y)),
    )
    return round_scaled(basis, value, to, subnormals)


def _distance(
    basis: Basis, large: Word, small: Word, large_normal: Bit, small_normal: Bit, fmt: FloatFormat
) -> tuple[Terms, Bit]:
    """The distance of the two effective exponents as (terms of its low part, 1 where the rest of it is not zero)."""
    split = (fmt.significand_bits + _BELOW).bit_length()
    correction = (basis.and_not(large_normal, small_normal), -1)
    low = [*weighted(large[:split]), *weighted(small[:split], -1), correction]
    if split >= len(large):
        return low, basis.zero
    borrow = basis.not_(basis.at_least(low, 0))
    low.append((borrow, 1 << split))
    return low, basis.at_least([*weighted(large[split:]), *weighted(small[split:], -1), (borrow, -1)], 1)


def _total(basis: Basis, large: Word, shifted: Word, lost: Word, differ: Bit) -> Word:
    """large +- shifted, one bit wider; what was lost in the shift makes the difference smaller by a sliver."""
    padded = [basis.zero] * (len(shifted) - len(large)) + large
    inverted = [basis.xor(bit, differ) for bit in shifted]
    carry = basis.and_not(differ, *lost)
    total = [
        basis.real(bit) for bit in basis.sum_bits([*weighted(padded), *weighted(inverted), (carry, 1)], len(padded) + 1)
    ]
    return [*total[:-1], basis.and_not(total[-1], differ)]
