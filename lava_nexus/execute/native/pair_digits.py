"""The core of sums of products of two activations without its steps: every count from digits and limbs.

Products are formed one by one, limb by digit, in whole numbers; carrying and what follows are those of linear layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.native.counts import Sums
from lava_nexus.execute.native.digits import carried, payloads
from lava_nexus.execute.tallies import Tally
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons.compiled import kept
from lava_nexus.populations.native import neurons, pairs
from lava_nexus.populations.native.core import CLASSES
from lava_nexus.populations.native.limbs import BYTE, Fields, digits, digits_of, fields, significand_bytes
from lava_nexus.programs.native import PairLayer

Integers = NDArray[np.int64]

_MOST = 1 << 23  # digits of sums held at a time
_REPORTS = 4  # of zeros, signs of infinities, infinities, NaN


def _report_loop(
    left: NDArray[np.int8],
    right: NDArray[np.int8],
    group: NDArray[np.int64],
    reports: NDArray[np.int32],
    told: NDArray[np.bool_],
    spikes: NDArray[np.int64],
    active: NDArray[np.int64],
) -> None:
    """What products that are no numbers, or zero, report, of classes left [rows, terms] and right [columns, terms].

    Adds to reports [4, groups, rows, columns] and whether any came, spikes [columns, terms], and active updates, of
    which one is that in which x's class comes.
    """
    rows, terms = left.shape
    for r in range(rows):
        for j in range(right.shape[0]):
            active[0] += terms
            for i in range(terms):
                k, m, g = abs(left[r, i]), abs(right[j, i]), group[i]
                if k <= 1 and m <= 1:
                    continue
                sign = -1 if left[r, i] * right[j, i] < 0 else 1
                first, last = 0, 1
                if k > 3 or m > 3 or k + m == 5:
                    first, last = 3, 4
                elif k == 3 or m == 3:
                    first, last = 1, 3
                for s in range(first, last):
                    reports[s, g, r, j] += sign if s < 2 else 1
                    told[s, g, r, j] = True
                    spikes[j, i] += 1
                    active[0] += s > 0


_reported = kept(_report_loop)


def _product_loop(
    sent: NDArray[np.int32],
    at: NDArray[np.int32],
    limbs: NDArray[np.int32],
    place: NDArray[np.int32],
    group: NDArray[np.int64],
    arrived: NDArray[np.float64],
    met: NDArray[np.bool_],
    spikes: NDArray[np.int64],
    active: NDArray[np.int64],
) -> None:
    """Products of one matrix: digits sent [digits, rows, terms] at positions `at`, limbs [limbs, columns, terms].

    Adds to what arrives [positions, groups, rows, columns], whether anything does, spikes [columns, terms], and active
    updates: those in which a digit comes, or one is sent.
    """
    count, rows, terms = sent.shape
    size, columns = limbs.shape[:2]
    out = np.zeros(count + size - 1, np.int64)
    for r in range(rows):
        for j in range(columns):
            for i in range(terms):
                came = 0
                out[:] = 0
                for d in range(count):
                    digit = sent[d, r, i]
                    if digit != 0:
                        came |= 1 << d
                        active[0] += 1
                        for a in range(size):
                            out[d + a] += digit * limbs[a, j, i]
                if came == 0:
                    continue
                first, g = at[r, i] + place[j, i], group[i]
                for d in range(count + size - 1):
                    if out[d] != 0:
                        arrived[first + d, g, r, j] += np.float64(out[d])
                        met[first + d, g, r, j] = True
                        spikes[j, i] += 1
                        if place[j, i] + d >= count or came >> (place[j, i] + d) & 1 == 0:
                            active[0] += 1


_products = kept(_product_loop)


@dataclass(frozen=True)
class Side:
    """Activations of one side taken apart.

    Attributes:
        words: patterns.
        fields: taken apart.
        kind: int8, class times sign.
    """

    words: NDArray[Any]
    fields: Fields
    kind: NDArray[np.int8]

    @staticmethod
    def of(words: NDArray[Any], fmt: FloatFormat) -> Side:
        """Patterns of a format."""
        found = fields(words, fmt)
        zero = (found.significand == 0) & ~found.infinite
        kind = np.where(found.infinite, pairs.INFINITE, np.where(zero, pairs.ZERO, pairs.ORDINARY))
        kind = np.where(found.nan, pairs.NAN, kind)
        return Side(words, found, np.where(found.negative, -kind, kind).astype(np.int8))

    @property
    def ordinary(self) -> NDArray[np.bool_]:
        """Neither infinite nor NaN."""
        return ~(self.fields.infinite | self.fields.nan)


def pair_sums_by_digits(layer: PairLayer, left: NDArray[Any], right: NDArray[Any], count: bool = True) -> Sums:
    """What the core sends for left [matrices, rows, terms] and right [matrices, columns, terms], and its counts."""
    sizes = layer.pairs
    step = max(1, _MOST // max(1, sizes.digits * len(sizes.groups) * left.shape[1] * right.shape[1]))
    parts = [_part(layer, left[i : i + step], right[i : i + step], count) for i in range(0, len(left), step)]
    counted = np.zeros(layer.network.n_signals, np.int64) if count else None
    return Sums.joined(parts, Tally(layer.core, 0, counted, 0 if count else None))


def _part(layer: PairLayer, left: NDArray[Any], right: NDArray[Any], count: bool) -> Sums:
    core, sizes = layer.network, layer.pairs
    x, y = Side.of(left, sizes.left), Side.of(right, sizes.right)
    sent = digits(np.where(x.ordinary, x.fields.significand, 0), x.fields.place, digits_of(sizes.left))
    signed = np.where(x.fields.negative, -sent, sent).astype(np.int32)
    limbs, place = _limbs(y, sizes)
    words = _words(limbs, sizes)
    groups, (matrices, rows, columns) = len(sizes.groups), (*left.shape[:2], right.shape[1])
    group = np.repeat(np.arange(groups), [g.stop - g.start for g in sizes.groups])
    shape = (groups, rows, columns)
    spikes, active = np.zeros(right.shape[1:], np.int64), np.zeros(1, np.int64)
    found: list[tuple[NDArray[Any], ...]] = []
    at = (x.fields.place // BYTE).astype(np.int32)
    for b in range(matrices):
        arrived, met = np.zeros((sizes.digits, *shape), np.float64), np.zeros((sizes.digits, *shape), np.bool_)
        reports, told = np.zeros((_REPORTS, *shape), np.int32), np.zeros((_REPORTS, *shape), np.bool_)
        _reported(x.kind[b], y.kind[b], group, reports, told, spikes, active)
        _products(signed[:, b], at[b], limbs[:, b], place[b], group, arrived, met, spikes, active)
        found.append((arrived, met, reports, told))
    arrived, met, reports, told = (np.concatenate(parts, axis=2) for parts in zip(*found, strict=True))
    n = matrices * rows
    window, states = np.zeros((n, columns, core.result.bytes), np.uint8), np.zeros((4, n, columns), np.int64)
    summed, awake = np.zeros((groups, columns), np.int64), np.zeros(2, np.int64)
    carried(arrived, met, 0, sizes.digits, sizes.lowest, core.result.cap, window, states, summed, awake)
    plus, minus = payloads(core.result, window, states)
    code = _codes(reports.sum(axis=1), sizes.inputs)
    tally = Tally(layer.core, n)
    if not count:
        return Sums(plus, minus, code, tally)
    passed = reports != 0
    summed += passed.sum(axis=(0, 2))
    some = passed.any(axis=1)
    sends = [p + m for p, m in zip(plus, minus, strict=True)]
    last = states[3] != 0
    steps = int(awake[1]) // 2 + np.count_nonzero(some)  # in which anything comes to a sum
    of = {
        "front end": _loads(x) + np.count_nonzero(signed) + x.words.size,
        "cache": _written(y, layer, words),
        "products": int(active[0]),
        "accumulators": int(awake[0]) + np.count_nonzero(told),
        "back end": 2 * steps * len(sends) + sum(np.count_nonzero((p != 0) & ~last) for p in sends),
        "special values": steps + np.count_nonzero((code != 0) & ~last),
    }
    tally.active = sum(map(int, of.values()))
    tally.signal_spikes = _spikes(
        layer, (x, y, words), signed, {"product": spikes.ravel(), "groups": summed}, (plus, minus, code)
    )
    return Sums(plus, minus, code, tally, {name: int(updates) for name, updates in of.items()})


def _limbs(y: Side, sizes: pairs.Pairs) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(signed limbs [limbs, ...], positions)."""
    at = y.fields.place + sizes.shift
    rest = np.where(y.ordinary, y.fields.significand, 0).astype(np.uint64)
    gain = (at % BYTE).astype(np.uint64)
    found = np.empty((sizes.limbs, *y.words.shape), np.int32)
    for k in range(sizes.limbs):  # a byte of the significand at a time, as the neuron does
        low = (rest >> np.uint64(BYTE * k)) & np.uint64(255)
        below = (rest >> np.uint64(BYTE * (k - 1))) & np.uint64(255) if k else np.zeros_like(low)
        found[k] = ((low << gain) & np.uint64(255)) | ((below << gain) >> np.uint64(BYTE))
    return np.where(y.fields.negative, -found, found), (at // BYTE).astype(np.int32)


def _codes(reports: NDArray[np.int32], inputs: int) -> Integers:
    """What sums are whatever their digits."""
    zeros, signs, infinities, nans = reports
    clash = (signs != infinities) & (signs != -infinities)
    infinite = np.where(signs == infinities, neurons.INFINITE, neurons.INFINITE + 1)
    code = np.where(infinities > 0, infinite, np.where(zeros == -inputs, neurons.MINUS_ZERO, 0))
    return np.where((nans > 0) | ((infinities > 0) & clash), neurons.NAN, code).astype(np.int64)


def _loads(side: Side, some: NDArray[np.bool_] | slice = slice(None)) -> int:
    """Steps in which gain, sign, bytes and place come to whoever is loaded."""
    found, ordinary = side.fields, side.ordinary
    parts = [ordinary, found.negative, found.place >> 3]
    width = int(found.significand.max(initial=0)).bit_length()
    parts += [(found.significand >> (BYTE * k)) & 255 for k in range(-(-width // BYTE))]
    return sum(np.count_nonzero(part[some]) for part in parts)


def _words(limbs: NDArray[np.int32], sizes: pairs.Pairs) -> list[NDArray[np.int32]]:
    """Limbs as writers send them, two to a word."""
    parts = (np.abs(limbs[2 * w : 2 * w + 2]) for w in range(sizes.words))
    return [sum((limb << (BYTE * k) for k, limb in enumerate(part)), np.zeros_like(limbs[0])) for part in parts]


def _written(y: Side, layer: PairLayer, words: list[NDArray[np.int32]]) -> int:
    """Updates of writers (gain, class, position and its sending, bytes or what is sent), and of products by them."""
    core, sizes, new = layer.network, layer.pairs, layer.written()
    size, writers = significand_bytes(sizes.right), core.writers * len(y.words)
    bytes_ = [((y.fields.significand >> (BYTE * k)) & 255) != 0 for k in range(size)]
    sending = {2 * w + (w < sizes.words - 1): word != 0 for w, word in enumerate(words)}
    steps = [some | sending.pop(k, False) for k, some in enumerate(bytes_)] + list(sending.values())
    loads = 2 * writers + sum(np.count_nonzero(part[:, new]) for part in (y.ordinary, *steps))
    sent = writers + sum(np.count_nonzero(word[:, new]) for word in words)
    return loads + writers + sent * core.slots


def _spikes(
    layer: PairLayer, sides: tuple[Any, ...], sent: NDArray[np.int32], inner: dict[str, Any], out: tuple[Any, ...]
) -> Integers:
    """int64 [signals]."""
    core, (x, y, words), (plus, minus, code) = layer.network, sides, out
    rows = x.words.shape[0] * x.words.shape[1]
    new, matrices = layer.written(), len(y.words)
    of: dict[str, Any] = {"strobe": rows, **_lines(x, layer.pairs.left, np.ones(x.words.shape[2:], np.bool_), 2)}
    of |= {f"y.{name}": spikes for name, spikes in _lines(y, layer.pairs.right, new, 1).items()}
    of |= {"y.any": matrices, "y.write": matrices * (np.arange(core.slots) == core.slots - 1)}
    of |= {"writer": matrices + sum((word[:, new] != 0).sum(axis=0) for word in words)}
    of |= {"encoder": (sent != 0).sum(axis=(0, 1, 2)), "kind": rows}
    of |= {"product": inner["product"], "code": (code != 0).sum(axis=0)}
    of |= {f"accumulator.{g}": spikes for g, spikes in enumerate(inner["groups"])}
    of |= {f"plus.{k}": (p != 0).sum(axis=0) for k, p in enumerate(plus)}
    of |= {f"minus.{k}": (p != 0).sum(axis=0) for k, p in enumerate(minus)}
    spikes = np.zeros(core.n_signals, np.int64)
    for name, signals in core.offsets.items():
        spikes[signals] = of[name]
    return spikes


def _lines(side: Side, fmt: FloatFormat, some: NDArray[np.bool_], axes: int) -> dict[str, Integers]:
    """Spikes of bits and lines of the front end of `some`, summed over the first axes."""
    words, found, ordinary = side.words, side.fields, side.ordinary
    over = tuple(range(axes))
    one = words.dtype.type(1)

    def summed(bits: list[NDArray[np.bool_]]) -> Integers:
        return np.asarray(np.stack([bit.sum(axis=over)[some] for bit in bits], axis=-1).ravel())

    bits = [((words >> words.dtype.type(b)) & one) != 0 for b in range(fmt.bits)]
    gains = [ordinary & (found.place % BYTE == r) for r in range(BYTE)]
    zero = (found.significand == 0) & ~found.infinite
    signs = (~found.negative, found.negative)
    classes = [*(zero & sign for sign in signs), *(found.infinite & sign for sign in signs), found.nan]
    normal = (words & words.dtype.type(fmt.exponent_mask)) != 0
    lines = {
        "x": bits,
        "gain": gains,
        "normal": [normal],
        **{k: [bit] for k, bit in zip(CLASSES, classes, strict=True)},
    }
    return {name: summed(some_bits) for name, some_bits in lines.items()}
