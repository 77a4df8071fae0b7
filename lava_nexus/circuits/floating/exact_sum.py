"""Exact sums of products and of numbers, rounded once: a fixed-point sum as wide as the format's range.

Every term slides to its place in a frame that holds all bits of all terms, inverted where it is negative; the sum of
the frames and of the ones that inversion leaves out is exact, so that no order matters. FP32 products take 554 places.
Source: U. Kulisch, "Computer Arithmetic and Validity", 2nd edition, 2013, chapter 8 (the complete register).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lava_nexus.circuits.cells import Basis, Bit, Word, weighted
from lava_nexus.circuits.floating.operand import Operand, nonzero, unpack
from lava_nexus.circuits.floating.rounder import Unrounded, round_pack
from lava_nexus.circuits.shift import Reach, normalise_signed, slide
from lava_nexus.formats import FloatFormat


@dataclass(frozen=True)
class _Term:
    """One number of a sum: (-1)^sign * significand * 2^place in units of the last place of the frame.

    Attributes:
        sign: 1 for negative.
        significand: LSB first.
        place: in binary, LSB first.
        infinite: 1 for an infinity.
        nan: 1 for a NaN.
    """

    sign: Bit
    significand: Word
    place: Word
    infinite: Bit
    nan: Bit


@dataclass(frozen=True)
class Frame:
    """Where the bits of any term lie.

    Attributes:
        length: places.
        unit: the last of them weighs 2^unit.
    """

    length: int
    unit: int


def product_frame(fmt: FloatFormat) -> Frame:
    """The frame of products of two numbers."""
    most = 2 * (fmt.exponent_mask >> fmt.fraction_bits) - 2 * fmt.inf - 2
    return Frame(most + 2 * fmt.significand_bits, 2 * (1 - fmt.bias - fmt.fraction_bits))


def value_frame(fmt: FloatFormat) -> Frame:
    """The frame of numbers."""
    most = (fmt.exponent_mask >> fmt.fraction_bits) - fmt.inf - 1
    return Frame(most + fmt.significand_bits, 1 - fmt.bias - fmt.fraction_bits)


def dot_exact(basis: Basis, words: Sequence[Word], fmt: FloatFormat, to: FloatFormat) -> Word:
    """words[0] * words[1] + words[2] * words[3] + ... as a word of the format `to`, rounded once."""
    return _rounded_sum(basis, _products(basis, words, fmt), product_frame(fmt), to)


def sum_exact(basis: Basis, words: Sequence[Word], fmt: FloatFormat, to: FloatFormat) -> Word:
    """words[0] + words[1] + ... as a word of the format `to`, rounded once."""
    return _rounded_sum(basis, [_addend(basis, a, fmt) for a in words], value_frame(fmt), to)


def added(basis: Basis, state: Word, words: Sequence[Word], fmt: FloatFormat, products: bool, width: int) -> Word:
    """A register of `width` bits of sum and its flags, with terms added to it: products of pairs of words, or words."""
    frame = product_frame(fmt) if products else value_frame(fmt)
    terms = _products(basis, words, fmt) if products else [_addend(basis, a, fmt) for a in words]
    total = _total(basis, terms, frame.length, width, state[:width])
    nan, plus, minus, positive = state[width:]
    return [
        *total,
        basis.or_(nan, *(term.nan for term in terms)),
        basis.or_(plus, *(basis.and_not(term.infinite, term.sign) for term in terms)),
        basis.or_(minus, *(basis.and_(term.infinite, term.sign) for term in terms)),
        basis.or_(positive, *(basis.not_(term.sign) for term in terms)),
    ]


def rounded(basis: Basis, state: Word, frame: Frame, width: int, to: FloatFormat) -> Word:
    """The sum in a register as a word of the format `to`, rounded once."""
    nan, plus, minus, positive = state[width:]
    return _packed(basis, state[:width], frame.unit, plus, minus, nan, basis.not_(positive), to)


def _products(basis: Basis, words: Sequence[Word], fmt: FloatFormat) -> list[_Term]:
    return [_product(basis, a, b, fmt) for a, b in zip(words[::2], words[1::2], strict=True)]


def _product(basis: Basis, a: Word, b: Word, fmt: FloatFormat) -> _Term:
    x, y = unpack(basis, a, fmt), unpack(basis, b, fmt)
    bits = 2 * fmt.significand_bits
    partial = [
        (basis.and_(p, q), 1 << (i + j)) for i, p in enumerate(x.significand) for j, q in enumerate(y.significand)
    ]
    product = basis.reals(basis.sum_bits(partial, bits))
    scale = [*x.scale(basis), *y.scale(basis), (basis.one, -2)]
    place = basis.reals(basis.sum_bits(scale, fmt.exponent_bits + 1))
    invalid = basis.or_(basis.and_not(x.infinite, nonzero(basis, y)), basis.and_not(y.infinite, nonzero(basis, x)))
    sign = basis.real(basis.xor(a[-1], b[-1]))
    return _Term(sign, product, place, basis.or_(x.infinite, y.infinite), basis.or_(x.nan, y.nan, invalid))


def _addend(basis: Basis, a: Word, fmt: FloatFormat) -> _Term:
    x: Operand = unpack(basis, a, fmt)
    place = basis.reals(basis.sum_bits([*x.scale(basis), (basis.one, -1)], fmt.exponent_bits))
    return _Term(a[-1], x.significand, place, x.infinite, x.nan)


def _rounded_sum(basis: Basis, terms: Sequence[_Term], frame: Frame, to: FloatFormat) -> Word:
    """The sum of terms in a frame as a word of the format."""
    total = _total(basis, terms, frame.length, frame.length + len(terms).bit_length() + 1)
    plus = basis.or_(*(basis.and_not(term.infinite, term.sign) for term in terms))
    minus = basis.or_(*(basis.and_(term.infinite, term.sign) for term in terms))
    nan = basis.or_(*(term.nan for term in terms))
    return _packed(basis, total, frame.unit, plus, minus, nan, basis.and_(*(term.sign for term in terms)), to)


def _packed(
    basis: Basis, total: Word, unit: int, plus: Bit, minus: Bit, nan: Bit, all_minus: Bit, to: FloatFormat
) -> Word:
    """A sum in two's complement (LSB first) and what its terms were, as a word of the format."""
    width = len(total) - 1
    negative, magnitude = total[-1], total[-2::-1]
    # A negative sum lacks one unit after inversion: ones below, and one unit below those, make it up.
    above = max(0, 1 - (width - 1 + unit + to.bias))
    first = width - 1 + above + unit + to.bias  # biased exponent of the first place
    keep = to.significand_bits + 1
    limit = None if first - 1 >= width + above - 1 else [(basis.one, first - 1)]
    reach = Reach(width + above - 1, limit)
    top = normalise_signed(basis, [negative] * above + magnitude, reach, keep, negative, basis.zero)
    kept = basis.reals(basis.xor(bit, negative) for bit in top.word)
    below = [basis.and_any([negative], top.zeros), basis.and_any([basis.not_(negative)], top.ones), negative]
    infinite = basis.or_(plus, minus)
    # A sum of zeros is -0 where all of them are.
    ordinary = basis.or_(negative, all_minus)
    value = Unrounded(
        sign=basis.mux(infinite, minus, ordinary),
        exponent=[(basis.one, first - 1), *((bit, -places) for bit, places in top.shift)],
        largest=first - 1,
        significand=kept[:-1],
        guard=kept[-1],
        sticky=below,
        infinite=infinite,
        nan=basis.or_(basis.and_(plus, minus), nan),
        half=basis.and_not(negative, *top.ones),
    )
    return round_pack(basis, value, to)


def _total(basis: Basis, terms: Sequence[_Term], length: int, width: int, start: Word | None = None) -> Word:
    """The sum of a start and terms in two's complement, LSB first."""
    parts: list[tuple[Bit, int]] = weighted(start or [])
    for term in terms:
        flipped = [basis.xor(bit, term.sign) for bit in term.significand]
        frame, _ = slide(basis, flipped, term.place, basis.zero, length, term.sign)
        # Ones from the frame's end to the sign bit of the sum are one bit of that weight, taken off.
        parts += [*weighted(frame), (term.sign, 1), (term.sign, -(1 << length))]
    return basis.reals(basis.sum_bits(parts, width))
