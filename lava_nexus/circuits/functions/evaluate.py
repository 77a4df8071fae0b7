"""The integer operations on arrays of up to 63 bits, and the rounder on integers: what evaluates a fixed-point program.

A word is a uint64 array; the same code runs on a `Traced` array, which records it for `compiled`. Error: none, words
are taken modulo 2^width; `round_integers` rounds to nearest even.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.compiled.trace import Traced
from lava_nexus.circuits.functions.integers import Integers, Product, Sum
from lava_nexus.formats import FloatFormat

_ONE = np.uint64(1)


@dataclass(frozen=True)
class Number:
    """Unsigned integers of a width.

    Attributes:
        values: uint64 [n], or a scalar for a constant.
        width: bits, at most 63.
    """

    values: NDArray[np.uint64]
    width: int


class Evaluate(Integers[Number]):
    """The program on arrays."""

    def word(self, values: NDArray[Any], width: int) -> Number:
        """Unsigned values as a word."""
        return Number(values.astype(np.uint64), width)

    def bits(self, word: Number) -> NDArray[np.uint64]:
        """The word's values."""
        return word.values

    def to_round(self, significand: Number, exponent: Sum[Number], inexact: Number) -> tuple[Any, Any, Any]:
        """The three as arrays."""
        return significand.values, signed(exponent), inexact.values

    def constant(self, value: int, width: int) -> Number:
        return Number(np.array(value, dtype=np.uint64), width)

    def width(self, word: Number) -> int:
        return word.width

    def part(self, word: Number, low: int, high: int) -> Number:
        return _number(word.values >> np.uint64(low), high - low)

    def join(self, *words: Number) -> Number:
        values, width = words[0].values, words[0].width
        for word in words[1:]:
            values, width = values | (word.values << np.uint64(width)), width + word.width
        return Number(values, width)

    def all_of(self, *bits: Number) -> Number:
        return Number(_folded(np.bitwise_and, bits), 1)

    def any_of(self, *bits: Number) -> Number:
        return Number(_folded(np.bitwise_or, bits), 1)

    def not_(self, bit: Number) -> Number:
        return Number(bit.values ^ _ONE, 1)

    def choose(self, condition: Number, a: Number, b: Number) -> Number:
        return Number(b.values ^ ((a.values ^ b.values) & _mask(condition)), a.width)

    def keep_if(self, word: Number, condition: Number) -> Number:
        return Number(word.values & _mask(condition), word.width)

    def invert_if(self, word: Number, condition: Number) -> Number:
        return Number(word.values ^ (_mask(condition) & np.uint64(2**word.width - 1)), word.width)

    def at_least(self, total: Sum[Number], threshold: int) -> Number:
        return Number((signed(total) >= threshold).astype(np.uint64), 1)

    def accumulate(self, products: Sequence[Product[Number]], total: Sum[Number], width: int) -> Number:
        result = signed(total).view(np.uint64)
        for cells in products:
            result = result + _cells(cells) if cells.sign > 0 else result - _cells(cells)
        return _number(result, width)

    def align(self, word: Number, amount: Sum[Number], below: int) -> Number:
        shift = np.clip(signed(amount), 0, 63).astype(np.uint64)
        return Number((word.values << np.uint64(below)) >> shift, word.width + below)

    def normalise(
        self, word: Number, most: int, allowed: Number | None = None, keep: int | None = None
    ) -> tuple[Number, Sum[Number]]:
        shift = np.minimum(np.uint64(word.width) - bit_length(word.values), np.uint64(most))
        if allowed is not None:
            shift = shift & _mask(allowed)
        count = Number(shift, most.bit_length())
        kept = keep or word.width
        return self.part(Number(word.values << shift, word.width), word.width - kept, word.width), self.value(count)

    def lookup(
        self,
        index: Number,
        starts: Sequence[int],
        free: Sequence[int],
        columns: Sequence[Sequence[int]],
        widths: Sequence[int],
        place_bits: int,
    ) -> tuple[list[Number], Number]:
        tables, low = _segment_tables(index.width, tuple(starts), tuple(free), tuple(map(tuple, columns)))
        address = index.values >> np.uint64(low)
        words = [Number(looked_up(table, address), width) for table, width in zip(tables[:-1], widths, strict=True)]
        return words, _number(index.values & looked_up(tables[-1], address), place_bits)


def signed(total: Sum[Number]) -> NDArray[np.int64]:
    """The sum as int64 [n], modulo 2^64."""
    result: Any = np.array(total.constant % 2**64, dtype=np.uint64)
    for word, weights in total.parts:
        result = result + _weigh(word, tuple(weights[: word.width]))
    words: NDArray[np.int64] = result.view(np.int64)
    return words


def bit_length(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bits of each value up to its highest 1."""
    if isinstance(values, Traced):
        return values.bit_length()
    high = values >> np.uint64(32)
    length = np.frexp(np.where(high > 0, high, values).astype(np.float64))[1]
    return np.asarray(length.astype(np.uint64) + np.where(high > 0, np.uint64(32), np.uint64(0)))


def _weigh(word: Number, weights: tuple[int, ...]) -> Any:
    unit = weights[0] if weights else 0
    if all(weight == unit << i for i, weight in enumerate(weights)):
        return word.values * np.uint64(unit % 2**64)
    total: Any = np.uint64(0)
    for low in range(0, word.width, 8):
        place = (word.values >> np.uint64(low)) & np.uint64(255)
        total = total + looked_up(_subset_sums(weights[low : low + 8]), place)
    return total


@lru_cache(maxsize=4096)
def _subset_sums(weights: tuple[int, ...]) -> NDArray[np.uint64]:
    """The sums of all 256 subsets of up to eight weights, modulo 2^64."""
    sums = np.zeros(1, dtype=np.uint64)
    for weight in weights:
        sums = np.concatenate([sums, sums + np.uint64(weight % 2**64)])
    return np.resize(sums, 256)


def _cells(cells: Product[Number]) -> Any:
    a, b = cells.a, cells.b
    cut = min(max(-cells.shift, 0), a.width)  # rows that lose cells; the others are one multiplication
    total: Any = np.uint64(0)
    for i in range(cut):
        row = (b.values >> np.uint64(-cells.shift - i)) & _mask(Number(a.values >> np.uint64(i), 1))
        total = total - row if cells.signed and i == a.width - 1 else total + row
    left = np.uint64((cut + cells.shift) % 2**64)  # below 0 only where every row loses cells and nothing is left
    total = total + ((a.values >> np.uint64(cut)) * b.values << left)
    if cells.signed and cut < a.width:
        top = b.values & _mask(Number(a.values >> np.uint64(a.width - 1), 1))
        total = total - (top << np.uint64(a.width + cells.shift))
    return total


@lru_cache(maxsize=64)
def _segment_tables(
    width: int, starts: tuple[int, ...], free: tuple[int, ...], columns: tuple[tuple[int, ...], ...]
) -> tuple[list[NDArray[np.uint64]], int]:
    """(each column, and the mask of the place in the segment, over the index without its `low` low bits; low)."""
    low = min(free)
    tables = [np.zeros(1 << (width - low), dtype=np.uint64) for _ in range(len(columns) + 1)]
    for start, bits, *entries in zip(starts, free, *columns, strict=True):
        where = slice(start >> low, (start + (1 << bits)) >> low)
        for table, entry in zip(tables, [*entries, (1 << bits) - 1], strict=True):
            table[where] = entry
    return tables, low


def _mask(bit: Number) -> Any:
    """All ones where the bit is 1."""
    return (bit.values & _ONE) * np.uint64(2**64 - 1)


def looked_up(table: NDArray[np.uint64], index: Any) -> Any:
    """table[index]."""
    return index.look_up(table) if isinstance(index, Traced) else table[index]


def _folded(function: Any, bits: Sequence[Number]) -> NDArray[np.uint64]:
    total = bits[0].values
    for bit in bits[1:]:
        total = function(total, bit.values)
    return total


def _number(values: NDArray[Any], width: int) -> Number:
    return Number(values & np.uint64(2**width - 1), width)


def round_integers(
    fmt: FloatFormat,
    sign: NDArray[np.uint64],
    exponent: NDArray[np.int64],
    significand: NDArray[np.uint64],
    fraction_bits: int,
    inexact: NDArray[np.uint64],
) -> NDArray[np.uint64]:
    """Patterns of (-1)^sign * (significand + sliver) / 2^fraction_bits * 2^(exponent - bias), to nearest, ties to even.

    Args:
        sign: 0 or 1 [n].
        exponent: biased exponent of a significand of 1 [n].
        significand: any [n]; below 2^62.
        inexact: 1 where there is a sliver, positive and less than one unit [n].
    """
    first = bit_length(significand).astype(np.int64) - 1
    biased = exponent + first - fraction_bits  # of the highest 1
    drop = np.minimum(first - fmt.fraction_bits + np.maximum(1 - biased, 0), 63)
    left, right = np.maximum(-drop, 0).astype(np.uint64), np.maximum(drop, 0).astype(np.uint64)
    kept = (significand << left) >> right
    one = np.uint64(1)
    guard = np.where(drop > 0, (significand >> (np.maximum(right, one) - one)) & one, np.uint64(0))
    below = significand & ((one << (np.maximum(right, one) - one)) - one)
    up = guard & ((below > 0) | (inexact > 0) | ((kept & one) > 0))
    base = np.maximum(biased - 1, 0).astype(np.uint64) << np.uint64(fmt.fraction_bits)
    magnitude = np.where(significand > 0, base + kept + up, np.uint64(0))
    if fmt.inf:
        magnitude = np.minimum(magnitude, np.uint64(fmt.exponent_mask))
    else:
        magnitude = np.where(magnitude > np.uint64(fmt.max_finite), np.uint64(fmt.canonical_nan), magnitude)
    result: NDArray[np.uint64] = magnitude | (sign << np.uint64(fmt.bits - 1))
    return result
