"""The integer operations on arrays of integers of any width: golden functions of formats whose words pass 63 bits.

A word is limbs of 64 bits (`limbs`). Error: none, words are taken modulo 2^width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions import limbs
from lava_nexus.circuits.functions.evaluate import looked_up
from lava_nexus.circuits.functions.integers import Integers, Product, Sum
from lava_nexus.circuits.functions.limbs import Limb, Limbs

_CHUNK = 8  # bits whose weighted sums come from one table
_ROUNDED = 62  # bits that the reference rounder takes


@dataclass(frozen=True)
class MultiLimb:
    """Unsigned integers of a width.

    Attributes:
        limbs: 64 bits each, lowest first; arrays [n], or scalars for a constant.
        width: bits.
    """

    limbs: Limbs
    width: int


class EvaluateMultiLimb(Integers[MultiLimb]):
    """The program on arrays."""

    def word(self, values: NDArray[Any], width: int) -> MultiLimb:
        """Unsigned values as a word."""
        return MultiLimb([values.astype(np.uint64)], width)

    def bits(self, word: MultiLimb) -> Limb:
        """The values of a word of one limb."""
        (limb,) = word.limbs
        return limb

    def to_round(self, significand: MultiLimb, exponent: Sum[MultiLimb], inexact: MultiLimb) -> tuple[Any, Any, Any]:
        """The three as arrays; a significand too wide for them loses low bits to the exponent and to `inexact`."""
        drop = np.maximum(limbs.length(significand.limbs) - _ROUNDED, 0)
        amount = drop.astype(np.uint64)
        kept = limbs.shifted_by(significand.limbs, amount, right=True)
        lost = inexact.limbs[0]
        for back, limb in zip(limbs.shifted_by(kept, amount), significand.limbs, strict=True):
            lost = lost | (back != limb).astype(np.uint64)
        return kept[0], signed(exponent) + drop, lost

    def constant(self, value: int, width: int) -> MultiLimb:
        """The value as a word."""
        return MultiLimb(limbs.constant(value, limbs.count(width)), width)

    def width(self, word: MultiLimb) -> int:
        """Bits of the word."""
        return word.width

    def part(self, word: MultiLimb, low: int, high: int) -> MultiLimb:
        """Bits low .. high - 1."""
        return _number(limbs.shifted(word.limbs, -low, limbs.count(high - low)), high - low)

    def join(self, *words: MultiLimb) -> MultiLimb:
        """The words side by side, the first lowest."""
        total = sum(word.width for word in words)
        count, at = limbs.count(total), 0
        joined = limbs.constant(0, count)
        for word in words:
            joined = [a | b for a, b in zip(joined, limbs.shifted(word.limbs, at, count), strict=True)]
            at += word.width
        return MultiLimb(joined, total)

    def all_of(self, *bits: MultiLimb) -> MultiLimb:
        """1 where every bit is 1."""
        total = bits[0].limbs[0]
        for bit in bits[1:]:
            total = total & bit.limbs[0]
        return MultiLimb([total], 1)

    def any_of(self, *bits: MultiLimb) -> MultiLimb:
        """1 where a bit is 1."""
        total = bits[0].limbs[0]
        for bit in bits[1:]:
            total = total | bit.limbs[0]
        return MultiLimb([total], 1)

    def not_(self, bit: MultiLimb) -> MultiLimb:
        """1 - bit."""
        return MultiLimb([bit.limbs[0] ^ np.uint64(1)], 1)

    def choose(self, condition: MultiLimb, a: MultiLimb, b: MultiLimb) -> MultiLimb:
        """a where the bit is 1, else b."""
        mask = limbs.mask(condition.limbs[0])
        return MultiLimb([y ^ ((x ^ y) & mask) for x, y in zip(a.limbs, b.limbs, strict=True)], a.width)

    def keep_if(self, word: MultiLimb, condition: MultiLimb) -> MultiLimb:
        """The word where the bit is 1, else 0."""
        mask = limbs.mask(condition.limbs[0])
        return MultiLimb([limb & mask for limb in word.limbs], word.width)

    def invert_if(self, word: MultiLimb, condition: MultiLimb) -> MultiLimb:
        """The word, every bit flipped where the condition is 1."""
        mask = limbs.mask(condition.limbs[0])
        return _number([limb ^ mask for limb in word.limbs], word.width)

    def at_least(self, total: Sum[MultiLimb], threshold: int) -> MultiLimb:
        """1 where the sum is at least the threshold."""
        most = sum(abs(weight) for word, weights in total.parts for weight in weights[: word.width])
        count = limbs.count((most + abs(total.constant) + abs(threshold)).bit_length() + 1)
        difference = summed(total - threshold, count)
        return MultiLimb([(difference[-1] >> np.uint64(limbs.SIZE - 1)) ^ np.uint64(1)], 1)

    def accumulate(self, products: Sequence[Product[MultiLimb]], total: Sum[MultiLimb], width: int) -> MultiLimb:
        """The sum of the products and of `total`, modulo 2^width."""
        result = summed(total, limbs.count(width))
        for cells in products:
            rows = _cells(cells, len(result))
            result = limbs.added(result, rows) if cells.sign > 0 else limbs.subtracted(result, rows)
        return _number(result, width)

    def align(self, word: MultiLimb, amount: Sum[MultiLimb], below: int) -> MultiLimb:
        """word * 2^below shifted right by the amount."""
        width = word.width + below
        wide = limbs.shifted(word.limbs, below, limbs.count(width))
        far = limbs.SIZE * len(wide)
        shift = np.clip(signed(amount), 0, far)
        moved = limbs.shifted_by(wide, np.minimum(shift, far - 1).astype(np.uint64), right=True)
        return MultiLimb([limb & limbs.mask((shift < far).astype(np.uint64)) for limb in moved], width)

    def normalise(
        self, word: MultiLimb, most: int, allowed: MultiLimb | None = None, keep: int | None = None
    ) -> tuple[MultiLimb, Sum[MultiLimb]]:
        """(the top `keep` bits of the word shifted left past its zeros, by at most `most` places; by how many)."""
        shift = np.minimum(word.width - limbs.length(word.limbs), most).astype(np.uint64)
        if allowed is not None:
            shift = shift & limbs.mask(allowed.limbs[0])
        moved = _number(limbs.shifted_by(word.limbs, shift), word.width)
        count, kept = MultiLimb([shift], most.bit_length()), keep or word.width
        return self.part(moved, word.width - kept, word.width), self.value(count)

    def lookup(
        self,
        index: MultiLimb,
        starts: Sequence[int],
        free: Sequence[int],
        columns: Sequence[Sequence[int]],
        widths: Sequence[int],
        place_bits: int,
    ) -> tuple[list[MultiLimb], MultiLimb]:
        """(one word for each column of the tables over segments of the index; the place inside the segment)."""
        low, sizes = min(free), (*widths, max(*free, place_bits, 1))
        entries = (*columns, [(1 << bits) - 1 for bits in free])
        tables = _tables(index.width - low, low, tuple(starts), tuple(free), tuple(map(tuple, entries)), sizes)
        address = limbs.shifted(index.limbs, -low, 1)[0]
        found = [
            MultiLimb([looked_up(limb, address) for limb in table], width)
            for table, width in zip(tables, sizes, strict=True)
        ]
        count = len(found[-1].limbs)
        inside = [a & b for a, b in zip(limbs.resized(index.limbs, count), found[-1].limbs, strict=True)]
        return found[:-1], _number(inside, place_bits)


def signed(total: Sum[MultiLimb]) -> NDArray[np.int64]:
    """The sum as int64 [n], modulo 2^64."""
    return summed(total, 1)[0].astype(np.int64)


def summed(total: Sum[MultiLimb], count: int) -> Limbs:
    """The sum in two's complement, modulo 2^(64 * count)."""
    result = limbs.constant(total.constant, count)
    for word, weights in total.parts:
        result = _plus_weighed(result, word, tuple(weights[: word.width]))
    return result


def _plus_weighed(result: Limbs, word: MultiLimb, weights: tuple[int, ...]) -> Limbs:
    unit, count = weights[0] if weights else 0, len(result)
    size = abs(unit)
    if size and size & (size - 1) == 0 and all(weight == unit << i for i, weight in enumerate(weights)):
        row = limbs.shifted(word.limbs, size.bit_length() - 1, count)
        return limbs.added(result, row) if unit > 0 else limbs.subtracted(result, row)
    for low in range(0, len(weights), _CHUNK):
        byte = limbs.shifted(word.limbs, -low, 1)[0] & np.uint64((1 << _CHUNK) - 1)
        sums = _subset_sums(weights[low : low + _CHUNK], count)
        result = limbs.added(result, [looked_up(limb, byte) for limb in sums])
    return result


@lru_cache(maxsize=4096)
def _subset_sums(weights: tuple[int, ...], count: int) -> Limbs:
    """The sums of all subsets of up to eight weights."""
    sums = [0]
    for weight in weights:
        sums += [each + weight for each in sums]
    sums = (sums * (1 << _CHUNK))[: 1 << _CHUNK]
    return [np.array([limbs.constant(each, count)[i] for each in sums]) for i in range(count)]


def _cells(cells: Product[MultiLimb], count: int) -> Limbs:
    total = limbs.constant(0, count)
    for i in range(cells.a.width):
        word, bit = divmod(i, limbs.SIZE)
        mask = limbs.mask((cells.a.limbs[word] >> np.uint64(bit)) & np.uint64(1))
        row = [limb & mask for limb in limbs.shifted(cells.b.limbs, i + cells.shift, count)]
        negative = cells.signed and i == cells.a.width - 1
        total = limbs.subtracted(total, row) if negative else limbs.added(total, row)
    return total


@lru_cache(maxsize=64)
def _tables(
    address_bits: int,
    low: int,
    starts: tuple[int, ...],
    free: tuple[int, ...],
    columns: tuple[tuple[int, ...], ...],
    widths: tuple[int, ...],
) -> list[Limbs]:
    """Each column over the index without its `low` low bits."""
    tables = []
    for entries, width in zip(columns, widths, strict=True):
        table = [np.zeros(1 << address_bits, dtype=np.uint64) for _ in range(limbs.count(width))]
        for start, bits, entry in zip(starts, free, entries, strict=True):
            for part, value in zip(table, limbs.constant(entry, len(table)), strict=True):
                part[start >> low : (start + (1 << bits)) >> low] = value
        tables.append(table)
    return tables


def _number(values: Limbs, width: int) -> MultiLimb:
    return MultiLimb(limbs.masked(values, width), width)
