"""Fused multiply-add: a * b + c, rounded once.

The addend slides in a fixed frame from just above the product to far below it. Where it differs in sign it is inverted
before it slides and the frame is filled with ones, so that the frame is -c - 1: no bit of it is inverted later. The
product is never added up by itself: its partial products and the frame make one sum. A sum that is negative is inverted
after normalisation, where few bits are left; what an inversion leaves out, one unit far below, is left to the rounder.
"""

from __future__ import annotations

from dataclasses import dataclass

from lava_nexus.circuits.cells import Basis, Bit, Terms, Word, weighted
from lava_nexus.circuits.floating.operand import Operand, nonzero, unpack
from lava_nexus.circuits.floating.rounder import Unrounded, round_pack
from lava_nexus.circuits.shift import Reach, normalise_signed, slide
from lava_nexus.formats import FloatFormat

# Places between the product and an addend that is not shifted: its guard bit, also after one bit of cancellation.
_GAP = 2


@dataclass(frozen=True)
class _Frame:
    """Where the bits of the sum lie; place 0 is the last bit of the product.

    Attributes:
        below: places under the product's last bit.
        length: places in all.
    """

    below: int
    length: int


def _frame(fmt: FloatFormat, to: FloatFormat, subnormals: bool) -> _Frame:
    bits = to.significand_bits
    if not subnormals:  # a product begins at place 2p - 2 at least
        below = max(0, bits + 3 - 2 * fmt.significand_bits)
        return _Frame(below, below + 2 * fmt.significand_bits + _GAP + bits)
    # A product of a normal and a subnormal number may begin at place p - 1; after cancellation at p - 2, and `to` wants
    # all its bits and a guard bit below that. One of two subnormal numbers may begin at place 0.
    tiny_matters = 2 * (fmt.bias + fmt.fraction_bits) - to.bias - to.fraction_bits - 1 < 0
    below = bits + 1 if tiny_matters else max(0, bits + 2 - fmt.significand_bits)
    return _Frame(below, below + 2 * fmt.significand_bits + _GAP + bits)


def fused_multiply_add(
    basis: Basis, a: Word, b: Word, c: Word, fmt: FloatFormat, to: FloatFormat | None = None, subnormals: bool = True
) -> Word:
    """a * b + c for a and b of one format, c and the result of the format `to` (the same unless given).

    Without `subnormals` operands and results below the normal range count as zeros of their sign.
    """
    to = to or fmt
    x, y, z = unpack(basis, a, fmt), unpack(basis, b, fmt), unpack(basis, c, to)
    frame = _frame(fmt, to, subnormals)
    sign = basis.real(basis.xor(a[-1], b[-1]))
    differ = basis.real(basis.xor(sign, c[-1]))
    some_x, some_y = nonzero(basis, x, subnormals), nonzero(basis, y, subnormals)
    exponent, amount = _place(basis, x, y, z, basis.and_(some_x, some_y), fmt, to)

    digits = frame.length.bit_length()
    addend = [basis.xor(bit, differ) for bit in z.significand[::-1]]
    far = basis.or_(*amount[digits:])
    if not subnormals:  # an addend that counts as zero slides off without a trace
        far = basis.or_(far, basis.not_(z.normal))
    placed, lost = slide(basis, addend, amount[:digits], far, frame.length, differ)
    lost = [basis.or_(*lost) if subnormals else basis.and_any([z.normal], lost)]
    total = _total(basis, _partial(basis, x, y, frame, subnormals), placed, frame)
    larger, total = total[0], total[1:]  # 1 where the product is the larger of two that differ in sign
    negative = basis.real(basis.and_not(differ, larger))
    pending = basis.and_not(larger, *lost)

    limit = [*weighted(exponent), (basis.one, -1)]
    keep = to.significand_bits + 1
    reach = Reach(frame.length - 1, limit if subnormals else None)
    top = normalise_signed(basis, total, reach, keep, negative, differ)
    kept = basis.reals(basis.xor(bit, negative) for bit in top.word)
    inverted = basis.and_any([negative], top.zeros)
    below = [inverted, basis.and_any([basis.not_(negative)], top.ones), *lost, pending]

    infinite = basis.or_(x.infinite, y.infinite)
    invalid = basis.or_(
        basis.and_not(x.infinite, some_y), basis.and_not(y.infinite, some_x), basis.and_(infinite, z.infinite, differ)
    )
    of_addend = basis.and_not(basis.or_(negative, basis.and_(differ, z.infinite)), infinite)
    exists = basis.or_(*kept, *below, infinite, z.infinite)
    value = Unrounded(
        # Exact cancellation gives +0; zeros of one sign keep it.
        sign=basis.at_least([(basis.xor(sign, of_addend), 2), (differ, -1), (exists, 1)], 2),
        exponent=[*limit, *((bit, -unit) for bit, unit in top.shift)],
        largest=_highest(fmt, to),
        significand=kept[:-1],
        guard=kept[-1],
        sticky=below,
        infinite=basis.or_(infinite, z.infinite),
        nan=basis.or_(x.nan, y.nan, z.nan, invalid),
        half=basis.and_not(pending, *top.zeros),
        lowest=0 if subnormals else -frame.length,
    )
    return round_pack(basis, value, to, subnormals)


def _offset(fmt: FloatFormat, to: FloatFormat) -> int:
    """What the sum of the product's exponents lacks to be the biased exponent of the frame's first place."""
    return to.bias - 2 * fmt.bias + to.significand_bits + _GAP + 1


def _highest(fmt: FloatFormat, to: FloatFormat) -> int:
    product = 2 * (fmt.exponent_mask >> fmt.fraction_bits) + _offset(fmt, to)
    return max(product, to.exponent_mask >> to.fraction_bits)


def _place(
    basis: Basis, x: Operand, y: Operand, z: Operand, product: Bit, fmt: FloatFormat, to: FloatFormat
) -> tuple[Word, Word]:
    """(biased exponent of the frame's first place; how far below it the addend begins).

    An addend far above the product, or one that nothing is added to, begins at the first place.
    """
    width = max(_highest(fmt, to), -_offset(fmt, to)).bit_length() + 2
    lowest = basis.or_(z.exponent[0], basis.not_(z.normal))
    own = [lowest, *z.exponent[1:]]
    scale: Terms = [*x.scale(basis), *y.scale(basis), (basis.one, _offset(fmt, to))]
    places = basis.reals(basis.sum_bits([*scale, *weighted(own, -1)], width))
    clear = [places[-1], basis.not_(product)]
    amount = [basis.and_not(bit, *clear) for bit in places[:-1]]
    exponent = basis.sum_bits([*weighted(own), *weighted(amount)], _highest(fmt, to).bit_length())
    return basis.reals(exponent), amount


def _partial(basis: Basis, x: Operand, y: Operand, frame: _Frame, subnormals: bool) -> Terms:
    """The partial products; all 0 where an operand counts as zero."""
    there = [] if subnormals else [x.normal, y.normal]
    pairs = [(i + j, p, q) for i, p in enumerate(x.significand) for j, q in enumerate(y.significand)]
    return [(basis.and_(p, q, *there), 1 << (place + frame.below)) for place, p, q in pairs]


def _total(basis: Basis, partial: Terms, placed: Word, frame: _Frame) -> Word:
    """The sum of the product and the frame, MSB first, one bit longer than the frame."""
    total = basis.sum_bits([*partial, *weighted(placed[::-1])], frame.length + 1, most=(2 << frame.length) - 1)
    return basis.reals(total[::-1])
