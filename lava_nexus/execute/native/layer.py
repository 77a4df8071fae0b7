"""Linear layers in synapses (`circuits.native`), three ways with the same bits and, of two, the same counts.

`steps`: every neuron's states, step by step. `digits`: the digits of all sums from exact products of limb matrices, no
step taken; spikes, SynOps and active updates follow from the digits (`digits`). `golden`: no neurons, FP64 and an error
bound (`circuits.goldens.doubles`), held against exact integers by tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.errors import NexusError
from lava_nexus.execute.native.counts import Sums
from lava_nexus.execute.tallies import Tally
from lava_nexus.populations.native.core import CLASSES
from lava_nexus.populations.native.neurons import Window
from lava_nexus.programs.native import PairLayer

if TYPE_CHECKING:
    from lava_nexus.execute.executor import Executor

Patterns = NDArray[Any]
Integers = NDArray[np.int64]
Way = Literal["steps", "digits", "golden", "device"]


def check_native(layer: NativeLayer | PairLayer, executor: Executor, name: str) -> None:
    """Raises NexusError where an executor has no form of native layers, or would disturb a part of one."""
    if executor.native is None:
        raise NexusError(
            f"layer '{name}': executor '{executor.name}' has no form of native products, whose neurons have equations "
            "of their own; bitsliced, cuda, membrane, lava, loihi2 and reference have one"
        )
    if isinstance(layer, PairLayer) and not executor.pairs:
        raise NexusError(
            f"layer '{name}': executor '{executor.name}' at level '{executor.level}' clears what product neurons hold; "
            "take level word or vectorised, or attention gates"
        )
    if not executor.ideal and executor.name != "loihi2":
        raise NexusError(
            f"layer '{name}': executor '{executor.name}' would disturb the gates of {layer.core.title} alone; "
            "run native products ideal"
        )


def native_sums(layer: NativeLayer, rows: Patterns, executor: Executor) -> Patterns:
    """Sums [rows, outputs] of activations [rows, inputs], all patterns; adds to the executor's tallies.

    Raises:
        NexusError: the executor has no form of such layers.
    """
    check_native(layer, executor, layer.limbs.layer)
    if not len(rows):
        return np.zeros((0, layer.limbs.outputs), layer.limbs.result.pattern_dtype)
    if executor.native == "golden":
        tallies = [Tally(layer.front, rows.size), Tally(layer.core, len(rows))]
        sums = len(rows) * layer.limbs.outputs
        for tally in (*tallies, Tally(layer.bits, sums), Tally(layer.back, sums)):
            executor.tallies.add(tally)
        return layer.by_doubles(rows)
    if executor.native == "device":
        front_seen(executor, (layer.front, rows))
        there: Patterns = executor.formed(layer, rows)
        return there
    lines = executor.invoke_all(layer.front, [rows])
    if executor.native == "steps":
        found = stepped(layer, rows, lines, executor)
    else:
        from lava_nexus.execute.native.digits import sums_by_digits  # numba, which few programs need

        found = sums_by_digits(layer, rows, bool(executor.count), executor.threads or 1)
    return finished(layer, found, executor)


def front_seen(executor: Executor, *fronts: tuple[Circuit, Patterns]) -> None:
    """Runs the gates at the front for their counts alone; what sums are formed of says the same as their lines."""
    for front, activations in fronts:
        if executor.count:
            executor.invoke_all(front, [activations])
        else:
            executor.tallies.add(Tally(front, activations.size))


def finished(layer: NativeLayer | PairLayer, sums: Sums, executor: Executor) -> Patterns:
    """Sums [rows, outputs] rounded, from what the core sends of them; adds to the executor's tallies."""
    executor.tallies.add(sums.tally)
    words, tally = (
        _bits_by_steps(layer, sums, executor) if executor.native == "steps" else _bits(layer, sums, executor.count)
    )
    executor.tallies.add(tally)
    return executor.invoke(layer.back, words)


def stepped(layer: NativeLayer, rows: Patterns, lines: Sequence[Patterns], executor: Executor) -> Sums:
    """The core, neuron by neuron and step by step."""
    out, spikes, active = executor.populate(layer.network.populations, feeds(layer, rows, lines))
    pieces = range(len(Window(layer.limbs.result).widths))
    return Sums(
        [out[f"plus.{k}"] for k in pieces],
        [out[f"minus.{k}"] for k in pieces],
        out["code"],
        Tally(layer.core, len(rows), spikes, active),
    )


def feeds(layer: NativeLayer, rows: Patterns, lines: Sequence[Patterns]) -> dict[str, Integers]:
    """Inputs of the core: bits of the activations and lines of the front end, int64 [rows, size] by name."""
    gain, normal, *kinds = lines
    width = next(port.width for port in layer.front.network.outputs if port.name == "gain")
    found = {"x": _unpacked(rows, layer.limbs.activation.bits), "gain": _unpacked(gain, width)}
    found["normal"] = normal.astype(np.int64)
    return found | {name: kind.astype(np.int64) for name, kind in zip(CLASSES, kinds, strict=True)}


def _unpacked(patterns: Patterns, bits: int) -> Integers:
    """int64 [rows, inputs * bits], LSB first."""
    words = patterns.astype(np.uint64)[..., None] >> np.arange(bits, dtype=np.uint64)
    return (words & np.uint64(1)).astype(np.int64).reshape(len(patterns), -1)


def _bits_by_steps(layer: NativeLayer | PairLayer, sums: Sums, executor: Executor) -> tuple[list[Patterns], Tally]:
    """Operands of the gates at the back, from the bit neurons."""
    given = {f"plus.{k}": p for k, p in enumerate(sums.plus)} | {f"minus.{k}": p for k, p in enumerate(sums.minus)}
    network, fed = layer.bits.network, {k: v.reshape(-1, 1) for k, v in (given | {"code": sums.code}).items()}
    found, spikes, active = executor.populate(network, fed)  # type: ignore[arg-type]
    out = {name: values[:, 0] for name, values in found.items()}
    widths = layer.network.result.widths
    pieces = [sum(out[f"piece.{k}.{i}"] << i for i in range(bits)) for k, bits in enumerate(widths)]
    code = sum(out[f"code.{i}"] << i for i in range(3))
    tally = Tally(layer.bits, sums.code.size, spikes, active)
    return _words(layer, pieces, out["sign"], code, sums.code.shape), tally


def _bits(layer: NativeLayer | PairLayer, sums: Sums, count: bool | str) -> tuple[list[Patterns], Tally]:
    """The same from the payloads."""
    pieces = [(p + m).ravel() for p, m in zip(sums.plus, sums.minus, strict=True)]
    negative = np.logical_or.reduce([m.ravel() != 0 for m in sums.minus])
    code = sums.code.ravel()
    tally = Tally(layer.bits, code.size)
    if count:
        widths = layer.network.result.widths
        sent = [code.size, *(np.count_nonzero(p) for p in (*sums.plus, *sums.minus)), np.count_nonzero(code)]
        for piece, bits in zip(pieces, widths, strict=True):
            sent += [np.count_nonzero(piece & (1 << i)) for i in range(bits)]
        sent += [*(np.count_nonzero(code & (1 << i)) for i in range(3)), np.count_nonzero(negative)]
        tally.signal_spikes = np.array(sent, np.int64)
        met = sum(bits * np.count_nonzero(piece) for piece, bits in zip(pieces, widths, strict=True))
        tally.active = int(met + 3 * np.count_nonzero(code) + np.count_nonzero(negative))
    return _words(layer, pieces, negative, code, sums.code.shape), tally


def _words(
    layer: NativeLayer | PairLayer, pieces: Sequence[Any], sign: Any, code: Any, shape: tuple[int, ...]
) -> list[Patterns]:
    """Patterns of the gates' input ports."""
    window = layer.network.result
    first = window.widths[0] - window.place_bits
    place, word = pieces[0] >> first, pieces[0] & ((1 << first) - 1)
    for piece, bits in zip(pieces[1:], window.widths[1:], strict=True):
        word = (word << bits) | piece
    ports = layer.back.inputs
    return [
        np.asarray(x).astype(port.pattern_dtype).reshape(shape)
        for x, port in zip((word, place, sign, code), ports, strict=True)
    ]
