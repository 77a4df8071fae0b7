"""Sums of products of two activations on a GPU, product by product, as `execute.native.pair_digits` forms them."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda.device import cupy
from lava_nexus.execute.cuda.native.elements import (
    ROUNDS,
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
from lava_nexus.execute.tallies import Tally, TotalTally
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.programs.native import PairLayer

_EVENTS = 64
"""Spikes and updates of a product at most, of digits -128..128 of at most 8 bytes and as many limbs."""


def pair_words(layer: PairLayer, left: Any, right: Any, counting: bool) -> tuple[list[Any], list[Tally]]:
    """Operands [matrices * rows, columns] of the gates at the back, and counts; factors are those of `pair_sums`."""
    core, pairs = layer.network, layer.pairs
    (matrices, rows, terms), columns = left.shape, right.shape[1]
    lines = _pair_lines(core, int(cupy().cuda.Device().id)) if counting else (None, None)
    x = Taken.of(left, pairs.left, 0, lines[0], 2)
    y = Taken.of(right, pairs.right, pairs.shift)
    window, shape = core.result, (matrices * rows, columns)
    words, sums = results_of(layer.back.inputs, shape), zeros_of(window)
    threads = looped(prod(shape), _rounds(layer))
    given = [x.words, x.places, x.kinds, y.words, y.places, y.kinds, matrices, rows, columns, terms]
    given += [len(pairs.groups), edges_of(pairs.groups), pairs.digits, pairs.lowest, *words, sums, threads]
    how = (tuple(layer.back.inputs), window, counting, pairs.left, pairs.limbs, length_for(pairs.digits))
    launched(threads, given, "pair", *how)
    if not counting:
        return words, [Tally(layer.core, shape[0]), Tally(layer.bits, prod(shape))]
    new = Taken.of(right[layer.part], pairs.right, pairs.shift, lines[1], 3, pairs.words)
    told = [dict(zip(TAKEN, one.totals.tolist(), strict=True)) for one in (x, new)]
    counts = Counts.of(sums.tolist(), window)
    return words, [_pair_tally(layer, (matrices, rows), told, counts), counts.of_bits(layer.bits, prod(shape))]


def _rounds(layer: PairLayer) -> int:
    """Sums that a thread may form, so that what a warp counts stays below 2^32.

    Raises:
        NexusError: it does not for one sum.
    """
    most = (1 << 32) // (32 * layer.pairs.inputs * _EVENTS)
    if most < 1:
        raise NexusError(
            f"layer '{layer.pairs.layer}': sums of {layer.pairs.inputs} products of two activations can have more than "
            "2^32 spikes a warp, beyond what a GPU counts"
        )
    return min(most, ROUNDS)


@lru_cache(maxsize=256)
def _pair_lines(core: PairCore, device: int) -> tuple[Lines, Lines]:
    """Of the left factor and of the right one, on a GPU."""
    pairs, none = core.pairs, np.zeros(core.pairs.inputs, np.int64)
    written = np.full(pairs.inputs, each(core, "writer"), np.int64)
    left = Lines.to(core, pairs.left, "", core.fan_out[core.offsets["encoder"]], none)
    return left, Lines.to(core, pairs.right, "y.", written, none)


def _pair_tally(layer: PairLayer, size: tuple[int, int], told: list[dict[str, int]], counts: Counts) -> Tally:
    core, pairs, (x, y) = layer.network, layer.pairs, told
    matrices, rows = size[0], prod(size)
    written, kinds = matrices * core.writers, rows * pairs.inputs
    fired = x["fired"] + kinds + written + y["fired"] + counts.products + counts.fired
    reached = x["reached"] + rows * each(core, "strobe") + kinds * each(core, "kind") + y["reached"]
    reached += matrices * (each(core, "y.any") + each(core, "y.write")) + written * each(core, "writer")
    reached += counts.products * each(core, "product") + counts.accumulators * each(core, "accumulator.0")
    active = x["active"] + kinds + y["active"] + 3 * written + (written + y["fired"]) * core.slots
    active += counts.busy + kinds * pairs.outputs + counts.awake + counts.sums + counts.steps + counts.late
    return TotalTally(layer.core, rows, None, active, fired, reached)
