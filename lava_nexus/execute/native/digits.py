"""The core of a native layer without its steps: digits of all sums from integer products, every count from the digits.

An accumulator's digits are those of the whole sum, digit p of its value modulo 256^(p + 1), whatever parts it comes in.
So the parts are those that are formed fastest: of few rows, products of weights taken from their patterns (`patterns`),
which need nothing made beforehand; of many, products of matrices (`matrices`), which are then worth making.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.native.counts import Sums, active_of, spikes_of
from lava_nexus.execute.native.matrices import add_products, worth_making
from lava_nexus.execute.native.patterns import add_patterns, takes
from lava_nexus.execute.native.specials import codes, told
from lava_nexus.execute.tallies import Tally
from lava_nexus.neurons.compiled import kept
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.limbs import BYTE, Fields, digits, digits_of, fields
from lava_nexus.populations.native.neurons import Window

Integers = NDArray[np.int64]

_MOST = 1 << 26  # digits held at a time


def sums_by_digits(layer: NativeLayer, rows: NDArray[Any], count: bool = True, threads: int = 1) -> Sums:
    """What the core sends for activations [rows, inputs], and its counts where they are wanted.

    `threads`: among which outputs are dealt where products are taken from patterns.
    """
    core, limbs = layer.network, layer.limbs
    step = max(1, _MOST // max(1, limbs.digits * len(limbs.groups) * limbs.outputs))
    parts = [_part(layer, rows[i : i + step], count, threads) for i in range(0, len(rows), step)]
    tally = Tally(layer.core, 0, np.zeros(core.n_signals, np.int64) if count else None, 0 if count else None)
    return Sums.joined(parts, tally)


def _part(layer: NativeLayer, rows: NDArray[Any], count: bool, threads: int) -> Sums:
    core, limbs = layer.network, layer.limbs
    found = fields(rows, limbs.activation)
    ordinary = ~(found.infinite | found.nan)
    sent = digits(np.where(ordinary, found.significand, 0), found.place, digits_of(limbs.activation))
    sent = np.where(found.negative, -sent, sent)
    first, arrived, met = _arrived(core, found, sent, count, threads)
    n, m = len(rows), limbs.outputs
    window, states = np.zeros((n, m, core.result.bytes), np.uint8), np.zeros((4, n, m), np.int64)
    spikes, active = np.zeros((len(limbs.groups), m), np.int64), np.zeros(2, np.int64)
    carried(arrived, met, first, limbs.digits, limbs.lowest, core.result.cap, window, states, spikes, active)
    plus, minus = payloads(core.result, window, states)
    sends = [p + m for p, m in zip(plus, minus, strict=True)]
    code = codes(limbs, found)
    tally = Tally(layer.core, n)
    if count:
        tally.signal_spikes = spikes_of(core, rows, found, sent, spikes, plus, minus, code)
        awake = active_of(core, found, sent, int(active[1]), states[3] != 0, sends, code, told(limbs, found))
        awake["accumulators"] = int(active[0])
        tally.active = sum(awake.values())
        return Sums(plus, minus, code, tally, awake)
    return Sums(plus, minus, code, tally)


def _arrived(
    core: NativeCore, found: Fields, sent: Integers, count: bool, threads: int
) -> tuple[int, NDArray[Any], NDArray[np.bool_]]:
    """(number of the first digit to arrive; what does, [digits, groups, rows, outputs]; where spikes do).

    Args:
        core: the layer.
        found: the activations.
        sent: their digits [digits, rows, inputs]; none of those that are no numbers.
        count: whether to find out where spikes arrive, also those that add up to 0.
        threads: see `sums_by_digits`.
    """
    limbs, used, at = core.limbs, (sent != 0).any(axis=0), found.place // BYTE
    first = int(at[used].min(initial=limbs.digits - 1))
    end = int(at[used].max(initial=first)) + len(sent) + limbs.span
    shape = (min(end, limbs.digits) - first, len(limbs.groups), len(at), limbs.outputs)
    met = np.zeros(shape if count else (0, 0, 0, 0), np.bool_)
    if takes(limbs, end - first) and not worth_making(core, len(at)):
        whole = np.where(used, found.significand << (found.place % BYTE), 0)
        whole, sums = np.where(found.negative, -whole, whole), np.zeros(shape, np.int64)
        add_patterns(limbs, whole, sent, at - first, end - first, sums, met, threads)
        return first, sums, met
    arrived = np.zeros(shape, np.float64)
    add_products(core, sent, at, first, arrived, met)
    return first, arrived, met


def _carried_loop(
    arrived: NDArray[Any],
    met: NDArray[np.bool_],
    first: int,
    steps: int,
    lowest: int,
    cap: int,
    window: NDArray[np.uint8],
    states: NDArray[np.int64],
    spikes: NDArray[np.int64],
    active: NDArray[np.int64],
) -> None:
    """Digits of groups, then of sums of both signs, and what is kept of them.

    Nothing arrives before digit `first`. states: place, sticky, whether the negative one sends, whether digits come to
    it as it sends; active[0] of groups, active[1] of sums.
    """
    span, groups, rows, outputs = arrived.shape
    counting, size = met.shape[0] > 0, window.shape[2]
    carry, high, digits_of_sum = np.zeros(groups, np.int64), np.zeros(2, np.int64), np.zeros((2, steps), np.int64)
    lowest_used, highest_used = np.zeros(2, np.int64), np.zeros(2, np.int64)
    for r in range(rows):
        for j in range(outputs):
            carry[:], high[:], lowest_used[:], highest_used[:] = 0, 0, steps, -1
            came = False
            for t in range(first, steps):
                total, came, left = 0, False, False
                for g in range(groups):
                    v = carry[g]
                    if t - first < span:
                        v += np.int64(arrived[t - first, g, r, j])
                    digit = ((v + 127) & 255) - 127
                    carry[g] = (v + 127) >> 8
                    left = left or carry[g] != 0
                    total += digit
                    if digit != 0:
                        spikes[g, j] += 1
                        came = True
                    if counting and (digit != 0 or (t - first < span and met[t - first, g, r, j])):
                        active[0] += 1
                if came:
                    active[1] += 2
                for s in range(2):
                    v = (total if s == 0 else -total) + high[s]
                    high[s] = v >> 8
                    digits_of_sum[s, t] = v & 255
                    if v & 255:
                        highest_used[s] = t
                        lowest_used[s] = min(lowest_used[s], t)
                if t - first >= span and not (left or came) and -1 <= high[0] <= 0 and -1 <= high[1] <= 0:
                    break  # what follows is the sign alone
            s = 1 if high[0] != 0 else 0
            top = max(highest_used[s], lowest)
            for k in range(size):
                t = top - k
                window[r, j, k] = digits_of_sum[s, t] if first <= t <= highest_used[s] else 0
            states[0, r, j] = min(top - lowest, cap) if highest_used[s] >= 0 else 0
            states[1, r, j] = lowest_used[s] < top - size + 1
            states[2, r, j] = s
            states[3, r, j] = came


carried = kept(_carried_loop)


def payloads(result: Window, window: NDArray[np.uint8], states: Integers) -> tuple[list[Integers], list[Integers]]:
    """Payloads of sums that are not negative, and of negative ones."""
    place, sticky, negative, _ = states
    word = np.zeros(place.shape, np.uint64)
    for k in range(result.bytes):
        word = (word << np.uint64(BYTE)) | window[..., k]
    spare = np.uint64(result.spare)
    below = (sticky != 0) | ((word & ((np.uint64(1) << spare) - np.uint64(1))) != 0)
    word = ((word >> spare) << np.uint64(1)) | below.astype(np.uint64)
    pieces, left = [], result.bits + 1
    for k, bits in enumerate(result.widths):
        own = bits - (result.place_bits if k == 0 else 0)
        left -= own
        piece = ((word >> np.uint64(left)) & np.uint64((1 << own) - 1)).astype(np.int64)
        pieces.append(piece + (place << own) if k == 0 else piece)
    zero = np.int64(0)
    return [np.where(negative == 0, p, zero) for p in pieces], [np.where(negative != 0, p, zero) for p in pieces]
