"""Passes over the patterns of a layer's weights, compiled: what limbs they have and how large their sums are.

Where nothing else is said a weight's bytes are taken from its pattern. `form` is (fraction bits, mask of the magnitude,
places by which weights are moved up).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons.compiled import kept, within

Patterns = NDArray[Any]
Integers = NDArray[np.int64]
Words = NDArray[np.uint64]
Form = tuple[int, int, int]


_LANES = 4  # neighbours add to sums of their own, so that none waits for another
_BLOCK = 256  # bytes that add up in 16 bits
_ALTERNATE = 0x00FF00FF00FF00FF  # every other byte of a word


@within
def take_apart(row: Any, form: Form, words: Words, places: Integers) -> None:
    """Weights as bytes in one word, and the position of the first; 0 and 0 for weights of 0."""
    bits, mask, one = np.uint64(form[0]), np.uint64(form[1]), np.uint64(1)
    fraction = (one << bits) - one
    for i in range(row.shape[0]):
        magnitude = np.uint64(row[i]) & mask
        exponent = magnitude >> bits
        place = max(exponent, one) + np.uint64(form[2])
        word = ((magnitude & fraction) | (min(exponent, one) << bits)) << (place & np.uint64(7))
        words[i] = word
        places[i] = np.int64(place >> np.uint64(3)) if word else 0


def _surveyed(patterns: Patterns, form: Form, limit: Any, sums: Integers, used: Integers, none: Integers) -> int:
    """The first weight, row by row, whose magnitude is at least `limit`, or -1.

    sums[output, position]: adds the bytes there; used[input], none[input]: adds limbs that are not 0, weights of 0.
    """
    inputs, bad, mask = patterns.shape[1], -1, np.uint64(form[1])
    words, places = np.zeros(inputs, np.uint64), np.zeros(inputs, np.int64)
    bins, halves = np.zeros(sums.shape[1] * _LANES, np.uint64), 2 if form[0] + 8 > 32 else 1
    for j in range(patterns.shape[0]):
        worst = np.uint64(0)
        for i in range(inputs):
            worst = max(worst, np.uint64(patterns[j, i]) & mask)
        if worst >= limit and bad < 0:
            bad = j * inputs
            while (np.uint64(patterns[j, bad - j * inputs]) & mask) < limit:
                bad += 1
        take_apart(patterns[j], form, words, places)
        _count(words, used, none)
        for half in range(halves):
            for begin in range(0, inputs, _BLOCK):
                _add_block(words, places, begin, min(begin + _BLOCK, inputs), 4 * half, bins, sums[j])
    return bad


@within
def _count(words: Words, used: Integers, none: Integers) -> None:
    """Adds bytes that are not 0, and words of 0."""
    ones = np.uint64(0x0101010101010101)
    for i in range(words.shape[0]):
        some = words[i] | words[i] >> np.uint64(4) & np.uint64(0x0F0F0F0F0F0F0F0F)
        some |= some >> np.uint64(2) & np.uint64(0x3F3F3F3F3F3F3F3F)
        some = (some | some >> np.uint64(1)) & ones
        used[i] += np.int64((some * ones) >> np.uint64(56))
        none[i] += words[i] == 0


@within
def _add_block(words: Words, places: Integers, begin: int, end: int, above: int, bins: Words, sums: Integers) -> None:
    """Adds four bytes of some words, from byte `above` on, to sums[position]; together in one word of 16 bits each."""
    shift, alternate, lanes = np.uint64(8 * above), np.uint64(_ALTERNATE), np.uint64(_LANES)
    bins[:] = 0
    for i in range(np.uint64(begin), np.uint64(end)):
        word = (words[i] >> shift) & np.uint64(0xFFFFFFFF)
        at = np.uint64(places[i]) * lanes + i % lanes
        bins[at] += (word & alternate) | ((word >> np.uint64(8)) & alternate) << np.uint64(32)
    for p in range(sums.shape[0] - above - 4):
        together = np.uint64(0)
        for lane in range(p * _LANES, (p + 1) * _LANES):
            together += bins[lane]
        if together:
            for k, at in ((0, 0), (1, 32), (2, 16), (3, 48)):
                sums[p + above + k] += np.int64((together >> np.uint64(at)) & np.uint64(0xFFFF))


@within
def _size(word: Any) -> Any:
    """Its bytes added up."""
    alternate = np.uint64(_ALTERNATE)
    pairs = (word & alternate) + ((word >> np.uint64(8)) & alternate)
    pairs += pairs >> np.uint64(32)
    return (pairs + (pairs >> np.uint64(16))) & np.uint64(0xFFFF)


def _cut(patterns: Patterns, form: Form, start: int, room: int) -> int:
    """The first input from `start` on with which the limbs of some output add up to more than `room`."""
    found = patterns.shape[1]
    words, places = np.zeros(found, np.uint64), np.zeros(found, np.int64)
    for j in range(patterns.shape[0]):
        take_apart(patterns[j, start:found], form, words, places)
        total = np.int64(0)
        for i in range(np.uint64(found - start)):
            total += np.int64(_size(words[i]))
        while total > room and found > start:
            found -= 1
            total -= np.int64(_size(words[found - start]))
    return found


def _spread(
    first: NDArray[np.int64],
    value: NDArray[np.uint64],
    negative: NDArray[np.bool_],
    base: int,
    limbs: NDArray[np.int16],
) -> None:
    """limbs[position - base, ...] = the signed bytes of the values."""
    for r in range(first.shape[0]):
        for i in range(first.shape[1]):
            rest, at = value[r, i], first[r, i] - base
            while rest:
                byte = np.int16(rest & np.uint64(255))
                if byte:
                    limbs[at, r, i] = -byte if negative[r, i] else byte
                rest >>= np.uint64(8)
                at += 1


surveyed, cut, spread = kept(_surveyed), kept(_cut), kept(_spread)
