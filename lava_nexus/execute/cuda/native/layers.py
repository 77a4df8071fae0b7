"""Native sums on a GPU (`execute.native`): parts of numbers multiplied as matrices, then digits a thread a sum.

A number is its bytes at byte positions, one or two to a part (`units`). Parts of activations stand in a matrix of each
group of inputs [positions and rows, positions of weights and inputs], one row for each position of a sum:

    arrived[p, r, j] = sum over a, i of x(p - a)[r, i] * w(a)[j, i]

so that one product of matrices with the parts of the weights gives what arrives at every position of every sum. An
accumulator's digits are those of the whole sum, in whatever parts it comes, and the whole sum lies between -256^n / 4
and 256^n / 4 for n digits (`Limbs.digits`), so that parts above them change none of these.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.cuda.device import cupy, placed
from lava_nexus.execute.cuda.native.elements import (
    Counts,
    Lines,
    Taken,
    each,
    edges_of,
    launched,
    length_for,
    looped,
    results_of,
    zeros_of,
)
from lava_nexus.execute.cuda.native.source import TAKEN
from lava_nexus.execute.cuda.native.units import Units, filled, most_terms, multiplied, units_for
from lava_nexus.execute.cuda.planes import KeptWeights
from lava_nexus.execute.native.specials import SignsOf, codes_of
from lava_nexus.execute.tallies import Tally, TotalTally
from lava_nexus.formats import FloatFormat
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.limbs import BYTE, Limbs, digits_of, fields

_MOST = 1 << 28
"""Parts of sums, or of activations, held at a time."""


@dataclass(frozen=True)
class Weights:
    """A layer's weights on a GPU.

    Attributes:
        units: that multiply them.
        edges: int64 [groups + 1], of the inputs.
        parts: [groups, outputs and more, positions * inputs of a group and more].
        marks: bits of the inputs whose bytes are not 0: uint32 [groups, positions, outputs, words].
        positions: of parts.
        patterns: [outputs, inputs].
        lines: of an activation.
    """

    units: Units
    edges: Any
    parts: Any
    marks: Any
    positions: int
    patterns: Any
    lines: Lines


def weights_of(layer: NativeLayer, kept: KeptWeights) -> Weights:
    """A layer's weights, made once as long as they fit and the layer is there.

    Raises:
        NexusError: sums of parts are not exact, see `units_for`.
    """
    core, limbs = layer.network, layer.limbs
    if (found := kept.get(id(core))) is None:
        units = units_for(limbs)
        each_weight = np.dtype(units.part[1]).itemsize * units.positions(limbs.span) + -(-limbs.span // BYTE)
        size = each_weight * limbs.patterns.size + limbs.patterns.nbytes
        kept.room(size, None)
        weakref.finalize(core, _dropped, weakref.ref(kept), id(core))
        found = kept.keep(id(core), _made(core, units), size)
    weights: Weights = found
    return weights


def _dropped(kept: weakref.ref[KeptWeights], key: int) -> None:
    there = kept()
    if there is not None:
        there.drop(key)


def _made(core: NativeCore, units: Units) -> Weights:
    xp, limbs = cupy(), core.limbs
    (outputs, inputs), patterns = limbs.patterns.shape, placed(limbs.patterns)
    taken = Taken.of(patterns, limbs.format, limbs.shift)
    edges, groups = edges_of(limbs.groups), len(limbs.groups)
    positions, size, bytes_ = units.positions(limbs.span), most_terms(limbs), _bytes(limbs.format)
    parts = xp.zeros((groups, filled(outputs), filled(positions * size)), units.part[1])
    where = [outputs, inputs, edges, limbs.base]
    _spread(units, taken, parts, where, bytes_, [1, prod(parts.shape[1:]), parts.shape[2], size, 0])
    marks = xp.empty((groups, limbs.span, outputs, -(-size // 32)), np.uint32)
    _mark(taken, marks, where, False, bytes_)
    sends, tells = (core.fan_out[core.offsets[name]] for name in ("encoder", "special"))
    return Weights(units, edges, parts, marks, positions, patterns, Lines.to(core, limbs.activation, "", sends, tells))


def _bytes(fmt: FloatFormat) -> int:
    """Of a significand, shifted by up to 7."""
    return (fmt.significand_bits + 2 * BYTE - 2) // BYTE


def _spread(units: Units, taken: Taken, into: Any, where: Sequence[Any], bytes_: int, strides: Sequence[int]) -> None:
    """Strides: copies; of groups, rows, parts and copies."""
    given = [taken.words, taken.places, taken.kinds, into, *where, *strides]
    launched(where[0] * where[1], given, "spread", units.bytes, units.part[0], bytes_ // units.bytes + 1)


def _mark(taken: Taken, into: Any, where: Sequence[Any], signed: bool, digits: int) -> None:
    groups, positions, _, words = into.shape
    given = [taken.words, taken.places, into, *where, groups, positions, words]
    launched(into.size, given, "mark", signed, digits)


def native_words(layer: NativeLayer, rows: Any, kept: KeptWeights, counting: bool) -> tuple[list[Any], list[Tally]]:
    """Operands [rows, outputs] of the gates at the back for activations [rows, inputs], and what was counted."""
    limbs = layer.limbs
    widest = max(limbs.outputs * len(limbs.groups), limbs.inputs * (limbs.span + 1))
    step = max(1, _MOST // (widest * (limbs.digits + 2)))
    parts = [_part(layer, rows[i : i + step], kept, counting) for i in range(0, len(rows), step)]
    joined = [_joined(words) for words in zip(*(part[0] for part in parts), strict=True)]
    return joined, [tally for part in parts for tally in part[1]]


def _joined(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else cupy().concatenate(parts)


def _part(layer: NativeLayer, rows: Any, kept: KeptWeights, counting: bool) -> tuple[list[Any], list[Tally]]:
    core, limbs = layer.network, layer.limbs
    fmt, shape = limbs.activation, (len(rows), limbs.outputs)
    weights = weights_of(layer, kept)
    x = Taken.of(rows, fmt, 0, weights.lines if counting else None, 1)
    totals = dict(zip(TAKEN, x.totals.tolist(), strict=True))
    units = weights.units
    first, parts, arrived, marks, reach = _arrived(limbs, weights, x, totals, len(rows), counting)
    code, special = None, (0, 0, 0)
    if totals["zeros"] or totals["infinities"] or totals["nans"] or limbs.none.any():
        signs = SignsOf(weights.patterns, limbs.format)
        code, special = codes_of(signs, fields(rows, fmt))
        code = code.astype(np.int8)
    window, steps = core.result, limbs.digits - first
    words, sums = results_of(layer.back.inputs, shape), zeros_of(window)
    span = max(units.bytes * parts, reach + limbs.span - 1)
    given = [arrived, *shape, *arrived.shape[1:], len(limbs.groups), parts, min(span, steps), first, steps]
    given += [
        limbs.lowest,
        marks,
        reach,
        weights.marks,
        limbs.span,
        weights.marks.shape[3],
        code,
        *words,
        sums,
        looped(prod(shape)),
    ]
    how = (tuple(layer.back.inputs), window, counting, units.bytes, units.total[0], length_for(limbs.digits))
    launched(looped(prod(shape)), given, "send", *how)
    if not counting:
        return words, [Tally(layer.core, len(rows)), Tally(layer.bits, prod(shape))]
    counts = Counts.of(sums.tolist(), window)
    return words, [_core_tally(layer, len(rows), totals, special, counts), counts.of_bits(layer.bits, prod(shape))]


def _arrived(
    limbs: Limbs, weights: Weights, x: Taken, totals: dict[str, int], rows: int, counting: bool
) -> tuple[int, int, Any, Any, int]:
    """(first digit, parts that arrive, what does, marks of digits, their positions)."""
    xp, fmt, units = cupy(), limbs.activation, weights.units
    first = min(totals["first"], limbs.digits - 1)
    if not totals["sent"]:
        return first, 0, xp.zeros((1, 1, 1), units.total[1]), None, 0
    bytes_, places = _bytes(fmt), (1 << 64) - totals["behind"] - first
    reach, parts = places - 1 + digits_of(fmt), units.positions(places - 1 + bytes_) + weights.positions - 1
    height, row, groups = filled(parts * rows), weights.parts.shape[2], len(limbs.groups)
    matrix = xp.zeros((groups, height, row), units.part[1])
    where, stride = [rows, limbs.inputs, weights.edges, first], rows * row
    copies = [weights.positions, height * row, row, stride, stride + most_terms(limbs)]
    _spread(units, x, matrix, where, bytes_, copies)
    arrived = xp.empty((groups, height, weights.parts.shape[1]), units.total[1])
    multiplied(matrix, weights.parts, arrived)
    marks = xp.empty((groups, reach, rows, weights.marks.shape[3]), np.uint32) if counting else None
    if marks is not None:
        _mark(x, marks, where, True, digits_of(fmt))
    return first, parts, arrived, marks, reach


def _core_tally(
    layer: NativeLayer, rows: int, x: dict[str, int], special: tuple[int, int, int], counts: Counts
) -> Tally:
    """Counts of a core; `special`: rows with infinities and with NaN, and sums to which signs of classes come."""
    core, limbs = layer.network, layer.limbs
    infinities, nans, told = special
    signed = "sign" in core.offsets
    signs = core.fan_out[core.offsets["sign"]].sum() if signed else 0
    fired = x["fired"] + signed * rows * limbs.inputs + infinities + nans + counts.fired
    reached = x["reached"] + rows * (each(core, "strobe") + int(signs)) + infinities * each(core, "infinities")
    reached += nans * each(core, "nans") + counts.accumulators * each(core, "accumulator.0")
    active = x["active"] + signed * rows * limbs.inputs + (limbs.outputs + 1) * (infinities + nans)
    active += told + counts.codes + counts.awake + counts.sums
    return TotalTally(layer.core, rows, None, active, fired, reached)
