"""The core of a native layer without its steps: digits of all sums from matrix products, every count from the digits.

D(p) = sum over a of limbs(a) X(p - a) holds for each group of inputs below 2^23, and so does every part of it, whatever
the order: products of matrices in single precision are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.native.sums import Sums
from lava_nexus.execute.tallies import Tally
from lava_nexus.neurons.compiled import kept
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.limbs import BYTE, Fields, digits, digits_of, fields, significand_bytes
from lava_nexus.populations.native.neurons import INFINITE, MINUS_ZERO, NAN

Integers = NDArray[np.int64]
Reals = NDArray[np.float32]
Words = NDArray[np.uint64]

_MOST = 1 << 24  # digits held at a time
_SPARSE = 32  # a matrix with fewer than one entry in so many is multiplied entry by entry


@dataclass(frozen=True, eq=False)
class Matrices:
    """The limbs of a group of inputs by position, None where there is none.

    Attributes:
        dense: float32 [inputs, outputs].
        used: uint64 [outputs, words], bits of the inputs whose limb is not 0.
    """

    dense: tuple[Reals | None, ...]
    used: Words


@lru_cache(maxsize=256)
def _matrices(core: NativeCore, group: int) -> Matrices:
    limbs = core.limbs
    inputs = limbs.groups[group]
    found = [limbs.at(a)[:, inputs] for a in range(limbs.span)]
    dense = tuple(np.ascontiguousarray(limb.T.astype(np.float32)) if limb.any() else None for limb in found)
    return Matrices(dense, np.array([_packed(limb != 0) for limb in found]))


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
    for part in parts:
        tally.add(part.tally)
    every = range(len(core.result.widths))
    return Sums(
        [np.concatenate([p.plus[k] for p in parts]) for k in every],
        [np.concatenate([p.minus[k] for p in parts]) for k in every],
        np.concatenate([p.code for p in parts]),
        tally,
    )


def _part(layer: NativeLayer, rows: NDArray[Any], count: bool) -> Sums:
    core, limbs = layer.network, layer.limbs
    found = fields(rows, limbs.activation)
    ordinary = ~(found.infinite | found.nan)
    sent = digits(np.where(ordinary, found.significand, 0), found.place, digits_of(limbs.activation))
    sent = np.where(found.negative, -sent, sent)
    arrived, met = _arrived(core, sent, found.place // BYTE, count)
    groups, (n, m) = len(limbs.groups), (len(rows), limbs.outputs)
    window = core.result
    kept_digits = np.zeros((2, n, m, window.bytes), np.uint8)
    states = np.zeros((4, n, m), np.int64)  # place, sticky, whether the negative one sends, whether a digit comes then
    spikes, active = np.zeros((groups, m), np.int64), np.zeros(2, np.int64)
    _carried(arrived, met, limbs.lowest, window.cap, kept_digits, states, spikes, active)
    plus, minus = _payloads(core, kept_digits, states)
    sends = [p + m for p, m in zip(plus, minus, strict=True)]
    code = _codes(core, found)
    tally = Tally(layer.core, n)
    if count:
        tally.signal_spikes = _spikes(core, rows, found, sent, spikes, plus, minus, code)
        tally.active = int(active[0]) + _active(core, found, sent, int(active[1]), states[3] != 0, sends, code)
    return Sums(plus, minus, code, tally)


def _arrived(core: NativeCore, sent: Integers, first: Integers, count: bool) -> tuple[Reals, NDArray[np.bool_]]:
    """(D: float32 [digits, groups, rows, outputs]; whether a spike arrives where D is 0)."""
    limbs, n = core.limbs, len(first)
    shape = (limbs.digits, len(limbs.groups), n, limbs.outputs)
    arrived, met = np.zeros(shape, np.float32), np.zeros(shape if count else (0, 0, 0, 0), np.bool_)
    for g, group in enumerate(limbs.groups):
        matrices = _matrices(core, g)
        for q in range(int(first.max(initial=0)) + len(sent)):
            k = q - first[:, group]
            inside = (k >= 0) & (k < len(sent))
            now = np.take_along_axis(sent[:, :, group], np.where(inside, k, 0)[None], axis=0)[0]
            now = np.where(inside, now, 0)
            if not now.any():
                continue
            x, bits = now.astype(np.float32), _packed(now != 0)
            for a, dense in enumerate(matrices.dense):
                if dense is not None:
                    arrived[q + a, g] += _product(x, dense)
                    if count:
                        _reach(arrived[q + a, g], bits, matrices.used[a], met[q + a, g])
    return arrived, met


def _product(x: Reals, limbs: Reals) -> Reals:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

    if np.count_nonzero(x) * _SPARSE < x.size:
        found: Reals = csr_matrix(x) @ limbs
        return found
    return x @ limbs


def _reach_loop(
    arrived: NDArray[np.float32], bits: NDArray[np.uint64], used: NDArray[np.uint64], met: NDArray[np.bool_]
) -> None:
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
    arrived: NDArray[np.float32],
    met: NDArray[np.bool_],
    lowest: int,
    cap: int,
    window: NDArray[np.uint8],
    states: NDArray[np.int64],
    spikes: NDArray[np.int64],
    active: NDArray[np.int64],
) -> None:
    """Digits of groups, then of sums of both signs; what is kept of them; active[0] of groups, active[1] of sums."""
    steps, groups, rows, outputs = arrived.shape
    counting = met.shape[0] > 0
    size = window.shape[3]
    carry = np.zeros(groups, np.int64)
    past = np.zeros((2, size), np.int64)
    for r in range(rows):
        for j in range(outputs):
            carry[:] = 0
            past[:] = 0
            high = np.zeros(2, np.int64)
            below = np.zeros(2, np.int64)
            place = np.zeros(2, np.int64)
            sticky = np.zeros(2, np.int64)
            for t in range(steps):
                total, came = 0, False
                for g in range(groups):
                    v = np.int64(arrived[t, g, r, j]) + carry[g]
                    digit = ((v + 127) & 255) - 127
                    carry[g] = (v + 127) >> 8
                    total += digit
                    if digit != 0:
                        spikes[g, j] += 1
                        came = True
                    if counting and (digit != 0 or met[t, g, r, j]):
                        active[0] += 1
                if came:
                    active[1] += 2
                for s in range(2):
                    v = (total if s == 0 else -total) + high[s]
                    high[s] = v >> 8
                    for k in range(size - 1, 0, -1):
                        past[s, k] = past[s, k - 1]
                    past[s, 0] = v & 255
                    if past[s, 0] != 0 or t <= lowest:
                        for k in range(size):
                            window[s, r, j, k] = past[s, k]
                        sticky[s] = below[s]
                        place[s] = min(max(t - lowest, 0), cap)
                    if past[s, size - 1] != 0:
                        below[s] = 1
                if t == steps - 1:
                    states[2, r, j] = 1 if high[0] != 0 else 0
                    states[3, r, j] = 1 if came else 0
            s = states[2, r, j]
            states[0, r, j] = place[s]
            states[1, r, j] = sticky[s]


_carried = kept(_carried_loop)


def _payloads(core: NativeCore, window: NDArray[np.uint8], states: Integers) -> tuple[list[Integers], list[Integers]]:
    """Payloads of sums that are not negative, and of negative ones."""
    result = core.result
    place, sticky, negative, _ = states
    chosen = np.where(negative[..., None] != 0, window[1], window[0]).astype(np.uint64)
    word = np.zeros(place.shape, np.uint64)
    for k in range(result.bytes):
        word = (word << np.uint64(BYTE)) | chosen[..., k]
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


def _spikes(
    core: NativeCore,
    rows: NDArray[Any],
    found: Fields,
    sent: Integers,
    groups: Integers,
    plus: list[Integers],
    minus: list[Integers],
    code: Integers,
) -> Integers:
    """int64 [signals]."""
    limbs, n = core.limbs, len(rows)
    fmt = limbs.activation
    low = min(3, fmt.exponent_bits)
    spikes = np.zeros(core.n_signals, np.int64)
    ordinary, negative = ~(found.infinite | found.nan), found.negative
    zero = (found.significand == 0) & ~found.infinite
    bits = [((rows >> rows.dtype.type(b)) & rows.dtype.type(1)).astype(np.int64).sum(axis=0) for b in range(fmt.bits)]
    place = found.place % (1 << low)
    of: dict[str, Any] = {
        "strobe": n,
        "x": np.stack(bits, axis=1).ravel(),
        "gain": np.stack([(ordinary & (place == r)).sum(axis=0) for r in range(1 << low)], axis=1).ravel(),
        "normal": ((rows & rows.dtype.type(fmt.exponent_mask)) != 0).sum(axis=0),
        "plus_zero": (zero & ~negative).sum(axis=0),
        "minus_zero": (zero & negative).sum(axis=0),
        "plus_infinity": (found.infinite & ~negative).sum(axis=0),
        "minus_infinity": (found.infinite & negative).sum(axis=0),
        "nan": found.nan.sum(axis=0),
        "encoder": (sent != 0).sum(axis=(0, 1)),
        "special": (zero | found.infinite).sum(axis=0),
        "sign": n,
        "infinities": found.infinite.any(axis=1).sum(),
        "nans": found.nan.any(axis=1).sum(),
        "code": (code != 0).sum(axis=0),
    }
    of |= {f"accumulator.{g}": counts for g, counts in enumerate(groups)}
    of |= {f"plus.{k}": (p != 0).sum(axis=0) for k, p in enumerate(plus)}
    of |= {f"minus.{k}": (p != 0).sum(axis=0) for k, p in enumerate(minus)}
    for name, signals in core.offsets.items():
        spikes[signals] = of[name]
    return spikes


def _active(
    core: NativeCore,
    found: Fields,
    sent: Integers,
    met: int,
    last: NDArray[np.bool_],
    sends: list[Integers],
    code: Integers,
) -> int:
    """Updates of all but the accumulators in which a neuron receives or fires.

    Args:
        core: the layer.
        found, sent: the activations and their digits.
        met: how often digits come to a sum, times 2.
        last: sums to which some come in the step in which they are sent.
        sends: each payload, of either sign.
        code: what the neurons of special values send.
    """
    limbs = core.limbs
    zero = (found.significand == 0) & ~found.infinite
    loads = [~(found.infinite | found.nan), found.negative, found.place >> min(3, limbs.activation.exponent_bits)]
    loads += [(found.significand >> (BYTE * k)) & 255 for k in range(significand_bytes(limbs.activation))]
    encoders = sum(np.count_nonzero(load) for load in loads) + np.count_nonzero(sent)
    signed = found.place.size if core.zeros.any() else 0
    infinities, nans = found.infinite.any(axis=1), found.nan.any(axis=1)
    used = (~core.zeros).astype(np.float32).T
    zeros_come = ((zero.astype(np.float32) @ used) > 0) | core.zeros.any(axis=1)
    signs_come = (found.infinite.astype(np.float32) @ used) > 0
    codes = np.count_nonzero(zeros_come) + np.count_nonzero(signs_come) + np.count_nonzero(code)
    codes += limbs.outputs * (np.count_nonzero(infinities) + np.count_nonzero(nans))
    sums = met * len(sends) + sum(np.count_nonzero((payload != 0) & ~last) for payload in sends)
    single = np.count_nonzero(infinities) + np.count_nonzero(nans) + np.count_nonzero(zero | found.infinite)
    return int(encoders + signed + codes + sums + single)
