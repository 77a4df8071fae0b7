"""Sums of products of two activations (`programs.native`), as linear layers are: by steps, by digits or by integers.

By steps the elements that are not fresh are written before, slot after slot in windows that count nothing, and stand in
their neurons from then on, row after row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.native.counts import Sums
from lava_nexus.execute.native.layer import check_native, finished, front_seen
from lava_nexus.execute.populations import PopulationStepper, read_out
from lava_nexus.execute.tallies import Tally
from lava_nexus.populations.native.core import CLASSES
from lava_nexus.programs.native import PairLayer

if TYPE_CHECKING:
    from lava_nexus.execute.executor import Executor

Patterns = NDArray[Any]
Integers = NDArray[np.int64]


def pair_sums(layer: PairLayer, left: Patterns, right: Patterns, executor: Executor) -> Patterns:
    """Sums [..., rows, columns] of left [..., rows, terms] and right [..., columns, terms], axes before broadcast.

    All are patterns. Adds to the executor's tallies.

    Raises:
        NexusError: the executor has no form of such sums.
    """
    check_native(layer, executor, layer.pairs.layer)
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    shape = (*lead, left.shape[-2], right.shape[-2])
    left, right = (np.broadcast_to(x, (*lead, *x.shape[-2:])).reshape(-1, *x.shape[-2:]) for x in (left, right))
    if not left.size or not right.size:
        return np.zeros(shape, layer.pairs.result.pattern_dtype)
    if executor.native == "golden":
        front, other = layer.fronts
        sums, rows = int(np.prod(shape)), left.shape[0] * left.shape[1]
        counts = ((front, left.size), (other, len(right) * layer.elements), (layer.core, rows))
        for unit, count in (*counts, (layer.bits, sums), (layer.back, sums)):
            executor.tallies.add(Tally(unit, count))
        return layer.by_doubles(left, right).reshape(shape)
    if executor.native == "device":
        front_seen(executor, (layer.fronts[0], left), (layer.fronts[1], right[layer.part]))
        there: Patterns = executor.formed(layer, left, right).reshape(shape)
        return there
    x = executor.invoke_all(layer.fronts[0], [left])
    y = _lines_of_right(layer, right, executor)
    if executor.native == "steps":
        found = _stepped(layer, _feeds(left, x), _feeds(right, y))
    else:
        from lava_nexus.execute.native.pair_digits import pair_sums_by_digits  # numba, which few programs need

        found = pair_sums_by_digits(layer, left, right, bool(executor.count))
    return finished(layer, found, executor).reshape(shape)


def _lines_of_right(layer: PairLayer, right: Patterns, executor: Executor) -> list[Patterns]:
    """What the gates say of y; those of elements that are not fresh ran when these were written, and count nothing."""
    fresh = layer.written()
    new = executor.invoke_all(layer.fronts[1], [right[layer.part].reshape(len(right), -1)])
    if fresh.all() or executor.native != "steps":
        return [line.reshape(right.shape) for line in new] if fresh.all() else list(new)
    with executor.apart(add=False):
        old = executor.invoke_all(layer.fronts[1], [np.ascontiguousarray(right[:, ~fresh])])
    found = []
    for some, others in zip(new, old, strict=True):
        line = np.zeros(right.shape, some.dtype)
        line[:, fresh], line[:, ~fresh] = some, others
        found.append(line)
    return found


def _feeds(patterns: Patterns, lines: list[Patterns] | tuple[Patterns, ...]) -> dict[str, Integers]:
    """Bits of activations [*shape], int64 [*shape, width] by port."""
    fmt_bits = patterns.dtype.itemsize * 8
    gain, normal, *kinds = lines
    ports: dict[str, tuple[Patterns, int]] = {"x": (patterns, fmt_bits), "gain": (gain, 8), "normal": (normal, 1)}
    ports |= {name: (kind, 1) for name, kind in zip(CLASSES, kinds, strict=True)}
    return {name: _unpacked(words, width) for name, (words, width) in ports.items()}


def _unpacked(words: Patterns, width: int) -> Integers:
    bits = words.astype(np.uint64)[..., None] >> np.arange(width, dtype=np.uint64)
    return (bits & np.uint64(1)).astype(np.int64)


def _stepped(layer: PairLayer, x: dict[str, Integers], y: dict[str, Integers]) -> Sums:
    """Every neuron's states, row after row, matrices side by side."""
    core, network = layer.network, layer.network.populations
    matrices, rows = x["x"].shape[:2]
    stepper = PopulationStepper(network, matrices, count_active=True)

    def window(row: int | None, slot: int | None) -> dict[str, Integers]:
        """A row (None for none), and what of y is written (None for nothing)."""
        load = np.zeros((matrices, core.n_inputs), np.int64)
        load[:, 0] = row is not None
        for name in x:
            if row is not None:
                load[:, core.offsets[name]] = x[name][:, row].reshape(matrices, -1)
            if slot is not None:
                of = y[name] if layer.fresh == "all" else y[name].take(slot, axis=1 if layer.fresh == "row" else 2)
                load[:, core.offsets[f"y.{name}"]] = of.reshape(matrices, -1)
        if slot is not None:
            load[:, core.offsets["y.any"]] = 1
            load[:, core.offsets["y.write"].start + slot] = 1
        stepper.step(load)
        for _ in range(core.depth):
            sent = stepper.step(np.zeros_like(load))
        stepper.clear(kept="product")
        return read_out(network, [sent.T[network.signals(i)] for i in range(len(network.populations))])

    for slot in range(core.slots - 1):
        window(None, slot)
    stepper.counts[:], stepper.active = 0, 0
    found = [window(row, None if row else core.slots - 1) for row in range(rows)]
    out = {name: np.stack([one[name] for one in found], axis=1).reshape(matrices * rows, -1) for name in found[0]}
    pieces = range(len(core.result.widths))
    return Sums(
        [out[f"plus.{k}"] for k in pieces],
        [out[f"minus.{k}"] for k in pieces],
        out["code"],
        Tally(layer.core, matrices * rows, stepper.counts, stepper.active),
    )
