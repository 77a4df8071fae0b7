"""The core of a native layer without its steps: digits of all sums from matrix products, every count from the digits.

An accumulator's digits are those of the whole sum, digit p of its value modulo 256^(p + 1), whatever parts it comes in.
So digits are taken two at a time, below 2^15.1, and limbs three at a time, whose sizes over a group add up to less than
2^16 * 2^16 (`Limbs.groups`): every partial sum lies below 2^48, so that products of matrices in double precision are
exact, in whatever order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.native.counts import Sums, active_of, spikes_of
from lava_nexus.execute.tallies import Tally
from lava_nexus.neurons.compiled import kept
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.limbs import BYTE, Fields, digits, digits_of, fields
from lava_nexus.populations.native.neurons import INFINITE, MINUS_ZERO, NAN, Window

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Words = NDArray[np.uint64]

_MOST = 1 << 26  # digits held at a time
_DIGITS, _LIMBS = 2, 3  # in one number of a matrix
_SPARSE = 32  # a matrix with fewer than one entry in so many is multiplied entry by entry


@dataclass(frozen=True, eq=False)
class Matrices:
    """The limbs of a group of inputs.

    Attributes:
        dense: float64 [inputs, outputs] of so many limbs as one number, from the lowest on; None where all are 0.
        used: of each limb, uint64 [outputs, words], bits of the inputs whose limb is not 0.
    """

    dense: tuple[Reals | None, ...]
    used: Words


_known: WeakKeyDictionary[NativeCore, dict[int, Matrices]] = WeakKeyDictionary()


def _matrices(core: NativeCore, group: int) -> Matrices:
    """Made once a layer, and gone with it."""
    of_layer = _known.setdefault(core, {})
    if group not in of_layer:
        of_layer[group] = _made(core, group)
    return of_layer[group]


def _made(core: NativeCore, group: int) -> Matrices:
    limbs = core.limbs
    inputs = limbs.groups[group]
    found = [limbs.at(a)[:, inputs] for a in range(limbs.span)]
    dense = tuple(_joined(found[a : a + _LIMBS]) for a in range(0, limbs.span, _LIMBS))
    return Matrices(dense, np.array([_packed(limb != 0) for limb in found]))


def _joined(limbs: list[NDArray[np.int16]]) -> Reals | None:
    """Limbs as one number."""
    if not any(limb.any() for limb in limbs):
        return None
    return np.ascontiguousarray(sum(limb.T.astype(np.float64) * float(1 << BYTE * k) for k, limb in enumerate(limbs)))


def _packed(bits: NDArray[np.bool_]) -> Words:
    """uint64 [rows, words]."""
    padded = np.zeros((len(bits), -(-bits.shape[1] // 64) * 64), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1).view(np.uint64)


def sums_by_digits(layer: NativeLayer, rows: NDArray[Any], count: bool = True) -> Sums:
    """What the core sends for activations [rows, inputs], and its counts where they are wanted."""
    core, limbs = layer.network, layer.limbs
    step = max(1, _MOST // max(1, limbs.digits * len(limbs.groups) * limbs.outputs))
    parts = [_part(layer, rows[i : i + step], count) for i in range(0, len(rows), step)]
    tally = Tally(layer.core, 0, np.zeros(core.n_signals, np.int64) if count else None, 0 if count else None)
    return Sums.joined(parts, tally)


def _part(layer: NativeLayer, rows: NDArray[Any], count: bool) -> Sums:
    core, limbs = layer.network, layer.limbs
    found = fields(rows, limbs.activation)
    ordinary = ~(found.infinite | found.nan)
    sent = digits(np.where(ordinary, found.significand, 0), found.place, digits_of(limbs.activation))
    sent = np.where(found.negative, -sent, sent)
    first, arrived, met = _arrived(core, sent, found.place // BYTE, count)
    n, m = len(rows), limbs.outputs
    window, states = np.zeros((n, m, core.result.bytes), np.uint8), np.zeros((4, n, m), np.int64)
    spikes, active = np.zeros((len(limbs.groups), m), np.int64), np.zeros(2, np.int64)
    carried(arrived, met, first, limbs.digits, limbs.lowest, core.result.cap, window, states, spikes, active)
    plus, minus = payloads(core.result, window, states)
    sends = [p + m for p, m in zip(plus, minus, strict=True)]
    code = _codes(core, found)
    tally = Tally(layer.core, n)
    if count:
        tally.signal_spikes = spikes_of(core, rows, found, sent, spikes, plus, minus, code)
        awake = active_of(core, found, sent, int(active[1]), states[3] != 0, sends, code)
        awake["accumulators"] = int(active[0])
        tally.active = sum(awake.values())
        return Sums(plus, minus, code, tally, awake)
    return Sums(plus, minus, code, tally)


def _arrived(core: NativeCore, sent: Integers, at: Integers, count: bool) -> tuple[int, Reals, NDArray[np.bool_]]:
    """(number of the first digit to arrive; what does, float64 [digits, groups, rows, outputs]; where spikes do).

    Args:
        core: the layer.
        sent: digits [digits, rows, inputs] of the activations.
        at: int64 [rows, inputs], positions of the first of them.
        count: whether to find out where spikes arrive, also those that add up to 0.
    """
    limbs, used = core.limbs, (sent != 0).any(axis=0)
    first = int(at[used].min(initial=limbs.digits - 1))
    span = min(int(at[used].max(initial=first)) + len(sent) + limbs.span - first, limbs.digits - first)
    shape = (span, len(limbs.groups), len(at), limbs.outputs)
    arrived, met = np.zeros(shape, np.float64), np.zeros(shape if count else (0, 0, 0, 0), np.bool_)
    for g, group in enumerate(limbs.groups):
        matrices, parts, places = _matrices(core, g), sent[:, :, group], at[:, group]
        for q in range(0, span, _DIGITS):
            now = np.zeros((_DIGITS, *places.shape), np.float64)
            for b in range(_DIGITS):
                for k, part in enumerate(parts):
                    np.copyto(now[b], part, where=places == first + q + b - k, casting="unsafe")
                if count and now[b].any():
                    bits = _packed(now[b] != 0)
                    for a, used in enumerate(matrices.used):
                        if used.any():
                            _reach(bits, used, met[q + b + a, g])
            if not now.any():
                continue
            x = _sparse(now[0] + float(1 << BYTE) * now[1])
            for a, dense in enumerate(matrices.dense):
                if dense is not None:
                    target = arrived[q + _LIMBS * a, g]
                    target += x @ dense
    return first, arrived, met


def _sparse(x: Reals) -> Any:
    """The matrix, entry by entry where it has few."""
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

    return csr_matrix(x) if np.count_nonzero(x) * _SPARSE < x.size else x


def _reach_loop(bits: NDArray[np.uint64], used: NDArray[np.uint64], met: NDArray[np.bool_]) -> None:
    """Marks sums to which an activation's digit comes through a limb."""
    rows, outputs = met.shape
    for r in range(rows):
        for j in range(outputs):
            if met[r, j]:
                continue
            for w in range(bits.shape[1]):
                if bits[r, w] & used[j, w]:
                    met[r, j] = True
                    break


_reach = kept(_reach_loop)


def _carried_loop(
    arrived: NDArray[np.float64],
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


def _codes(core: NativeCore, found: Fields) -> Integers:
    """What sums are whatever their digits, from signs and classes of activations."""
    limbs = core.limbs
    weight = np.where(core.zeros, 0, limbs.signs).astype(np.float32).T
    sign = np.where(found.negative, np.float32(-1), np.float32(1))
    zero = (found.significand == 0) & ~found.infinite
    zeros = (sign * zero) @ weight
    if core.zeros.any():
        zeros = zeros + sign @ np.where(core.zeros, limbs.signs, 0).astype(np.float32).T
    signs = (sign * found.infinite) @ weight
    infinities, nans = found.infinite.sum(axis=1)[:, None], found.nan.any(axis=1)[:, None]
    nan = nans | ((infinities > 0) & (np.abs(signs) != infinities))
    infinite = np.where(signs == infinities, INFINITE, INFINITE + 1)
    code = np.where(infinities > 0, infinite, np.where(zeros == -limbs.inputs, MINUS_ZERO, 0))
    return np.where(nan, NAN, code).astype(np.int64)
