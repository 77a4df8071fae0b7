"""What arrives at the accumulators of a native layer, weight by weight: of few rows, nothing made beforehand.

A weight's bytes, at most 4, are one factor, an activation's, at most 2 or 4 at a time, the other; products are added up
by position in 64 bits. Over a group the bytes of an output's weights add up to less than 2^16 (`Limbs.groups`), so that
factors of b bytes add up to less than 2^(16 + 8 (b - 1)), and what they multiply has no more bits than are left below
2^62. Which positions spikes come to is the union, over weights, of the products of two sets: the bytes of the weight
and the digits of the activation that are not 0.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons.compiled import kept, within
from lava_nexus.neurons.rules import POTENTIALS
from lava_nexus.populations.native.limbs import BYTE, Limbs, digits_of
from lava_nexus.populations.native.survey import Form, take_apart

Integers = NDArray[np.int64]
Activations = tuple[Integers, Integers, Integers]  # parts, positions, digits that are not 0
Weights = tuple[Integers, Integers, Integers]  # factors, positions, bytes that are not 0

_WIDEST, _PARTS, _DIGITS = 4, 2, 5  # bytes of a weight, parts and digits of an activation
_ROOM = 62 - 16  # bits of a part and of a factor's bytes but the highest
_BELOW = 4  # positions below the lowest limb where the first bytes of weights, then 0, can lie
_POSITIONS = 64
_LANES = 4  # neighbours add to sums of their own, so that none waits for another
_ROWS, _TOGETHER = 8, 8  # rows, and outputs, whose sums are written at once
_WORTH = 1 << 20  # products that are worth several threads


def takes(limbs: Limbs, reach: int) -> bool:
    """Whether `add_patterns` can, given how many positions products reach."""
    narrow = digits_of(limbs.activation) <= _DIGITS and _bytes(limbs.format.significand_bits) <= _WIDEST
    small = _parts(limbs)[1] <= _PARTS and limbs.potential <= POTENTIALS.potential
    return narrow and small and reach + _BELOW <= _POSITIONS


def _bytes(bits: int) -> int:
    """Of a significand, shifted by up to 7."""
    return -(-(bits + BYTE - 1) // BYTE)


def _parts(limbs: Limbs) -> tuple[int, int]:
    """(bytes of a part of an activation, parts)."""
    step = (_ROOM - BYTE * (_bytes(limbs.format.significand_bits) - 1)) // BYTE
    return step, -(-_bytes(limbs.activation.significand_bits) // step)


def add_patterns(
    limbs: Limbs,
    whole: Integers,
    sent: Integers,
    at: Integers,
    reach: int,
    arrived: Integers,
    met: NDArray[np.bool_],
    threads: int = 1,
) -> None:
    """Adds products to arrived [digits, groups, rows, outputs]; marks in `met` where spikes come.

    Args:
        limbs: the weights.
        whole: int64 [rows, inputs], the activations' bytes as signed numbers; 0 of those that are no numbers.
        sent: their digits [digits, rows, inputs].
        at: positions of the first of them, from the first digit on that arrives.
        reach: how many positions products reach from there; see `takes`.
        arrived: int64, 0 where nothing is added.
        met: as large, or empty.
        threads: among which outputs are dealt.
    """
    step, count = _parts(limbs)
    sizes, mask = np.abs(whole), (1 << BYTE * step) - 1
    parts = np.stack([np.sign(whole) * ((sizes >> (BYTE * step * k)) & mask) for k in range(count)])
    marks = np.asarray(sum((digit != 0).astype(np.int64) << k for k, digit in enumerate(sent)))
    at, patterns = np.where(whole != 0, at, 0), np.ascontiguousarray(limbs.patterns)
    groups = np.array([(group.start, group.stop) for group in limbs.groups], np.int64)
    layout, unions = (limbs.base, step, reach), _UNIONS if met.size else _UNIONS[:0]

    def share(begin: int, end: int) -> None:
        _add(patterns, limbs.form, layout, (parts, at, marks), groups, (begin, end), unions, arrived, met)

    if threads == 1 or limbs.patterns.size * len(at) < _WORTH:
        return share(0, limbs.outputs)
    ends = [limbs.outputs * i // threads for i in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, ends, ends[1:]))


def _union(left: int, right: int) -> int:
    """Sums of an element of one set and one of the other; sets are bits."""
    return int(np.bitwise_or.reduce([right << i for i in range(_WIDEST) if left >> i & 1] or [0]))


_UNIONS = np.array([[_union(a, b) for b in range(1 << _DIGITS)] for a in range(1 << _WIDEST)], np.uint64)


@within
def _prepare(row: Any, form: Form, base: int, words: Any, places: Integers, factors: Integers, sets: Integers) -> None:
    """Weights as signed bytes, positions of the first from below `base` on, which bytes are not 0, bit by bit."""
    take_apart(row, form, words, places)
    mask, one, byte = np.uint64(form[1]), np.uint64(1), np.uint64(255)
    for i in range(row.shape[0]):
        word, negative = words[i], np.int64(np.uint64(row[i]) > mask)
        factors[i] = (np.int64(word) ^ -negative) + negative
        places[i] = places[i] - base + _BELOW if word else 0
        low = min(word & byte, one) | min(word & (byte << np.uint64(8)), one << np.uint64(8)) >> np.uint64(7)
        word >>= np.uint64(16)
        high = min(word & byte, one) | min(word & (byte << np.uint64(8)), one << np.uint64(8)) >> np.uint64(7)
        sets[i] = np.int64(low | high << np.uint64(2))


@within
def _sum_up(
    inputs: tuple[int, int],
    row: int,
    activations: Activations,
    weights: Weights,
    apart: int,
    unions: Any,
    bins: Integers,
) -> Any:
    """bins[position, lane] = products of some inputs, second parts `apart` from the first; positions of spikes."""
    (parts, at, marks), (factors, places, sets) = activations, weights
    seen, lanes, r, last = np.uint64(0), np.uint64(_LANES), np.uint64(row), np.uint64(parts.shape[0] - 1)
    bins[:] = 0
    for i in range(np.uint64(inputs[0]), np.uint64(inputs[1])):
        position = np.uint64(at[r, i] + places[i])
        lane = position * lanes + i % lanes
        bins[lane] += parts[np.uint64(0), r, i] * factors[i]
        if apart:
            bins[lane + np.uint64(apart)] += parts[last, r, i] * factors[i]
        if unions.shape[0]:
            seen |= unions[np.uint64(sets[i]), np.uint64(marks[r, i])] << position
    return seen


@within
def _fold(bins: Integers, sums: Integers) -> None:
    """sums[position] of all lanes, those below the lowest limb moved up: their lowest bytes are 0."""
    below = np.int64(0)
    for k in range(_BELOW * _LANES):
        below += bins[k] >> (BYTE * (_BELOW - k // _LANES))
    for t in range(sums.shape[0]):
        total = below if t == 0 else np.int64(0)
        for lane in range((t + _BELOW) * _LANES, (t + _BELOW + 1) * _LANES):
            total += bins[lane]
        sums[t] = total


@within
def _write(sums: Integers, seen: Any, top: int, begin: int, end: int, arrived: Integers, met: Any) -> None:
    """Neighbouring outputs at once, which lie side by side; rows from `top` on."""
    for t in range(arrived.shape[0]):
        for g in range(arrived.shape[1]):
            for r in range(min(sums.shape[0], arrived.shape[2] - top)):
                for j in range(begin, end):
                    arrived[t, g, top + r, j] = sums[r, g, j - begin, t]
                    if met.shape[0]:
                        met[t, g, top + r, j] = (seen[r, g, j - begin] >> np.uint64(t + _BELOW)) & np.uint64(1) != 0


def _add_loop(
    patterns: Any, form: Form, layout: tuple[int, int, int], activations: Activations, groups: Integers,
    outputs: tuple[int, int], unions: Any, arrived: Integers, met: Any,
) -> None:  # fmt: skip
    """For some rows at a time, output by output, whose weights are taken apart once; see `add_patterns`."""
    base, step, reach = layout
    parts, at, _ = activations
    span, most, apart = arrived.shape[0], patterns.shape[1], step * _LANES if parts.shape[0] > 1 else 0
    factors, places, sets = np.zeros(most, np.int64), np.zeros(most, np.int64), np.zeros(most, np.int64)
    words, bins = np.zeros(most, np.uint64), np.zeros((reach + _BELOW + BYTE) * _LANES, np.int64)
    sums = np.zeros((_ROWS, groups.shape[0], _TOGETHER, span), np.int64)
    seen = np.zeros((_ROWS, groups.shape[0], _TOGETHER), np.uint64)
    for top in range(0, at.shape[0], _ROWS):
        for begin in range(outputs[0], outputs[1], _TOGETHER):
            end = min(begin + _TOGETHER, outputs[1])
            for j in range(begin, end):
                _prepare(patterns[j], form, base, words, places, factors, sets)
                for r in range(top, min(top + _ROWS, at.shape[0])):
                    for g in range(groups.shape[0]):
                        inputs = groups[g, 0], groups[g, 1]
                        seen[r - top, g, j - begin] = _sum_up(
                            inputs, r, activations, (factors, places, sets), apart, unions, bins
                        )
                        _fold(bins, sums[r - top, g, j - begin])
            _write(sums, seen, top, begin, end, arrived, met)


_add = kept(_add_loop)
