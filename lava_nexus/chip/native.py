"""Native layers on cores: limbs in synapse memory, encoders, windows, neurons of special values.

A core of limbs holds the accumulators of some sums over one group of inputs: no accumulator is on two cores, and every
core of a group has an axon for each input of the group. Delays cost delay memory (accumulators * 2^bits); accumulators
a limb apart, each of which hands its digits on to the next lower one, would cost none, and as many neurons more. Both
ways take a limb's synapse once, and it is synapse memory that runs out: `NativeTemplate.apart` is what the other way
would take.

No neuron runs in here: what spikes is handed in as an `Activity`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import Chip, delay_bits
from lava_nexus.chip.packing import Piece
from lava_nexus.circuits.native import NativePart
from lava_nexus.circuits.native_sample import SampledPart
from lava_nexus.errors import NexusError
from lava_nexus.populations.native.core import CLASSES, NativeCore
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.populations.stateful import StatefulNeuron


@dataclass(frozen=True, eq=False)
class Activity:
    """What a part of a native layer did in a run.

    Attributes:
        sets: rows of activations, or operand sets.
        spikes: int64 [signals] of its network.
        active: neuron updates in which a neuron received a spike or fired, by what grows with the sums of the layer
            (True) and what does not.
    """

    sets: int
    spikes: NDArray[np.int64]
    active: dict[bool, int]


Activities = Callable[[NativePart, int, int], Activity]
"""What a part does: (part, rows or operand sets, seed of the operands)."""


@dataclass(frozen=True)
class NativeTemplate:
    """One instance of a part of a native layer on cores, and what an invocation costs.

    Attributes:
        pieces: what lies together.
        spikes, synops, active: of an invocation.
        messages: between cores of the instance; `operands` come from other circuits, `results` go to others.
        burst: synaptic operations, and words read for them, in the core of limbs that has most of them.
        cores: that the limbs take; `apart` with accumulators a limb apart and no delays.
        max_delay: of its synapses.
    """

    pieces: tuple[Piece, ...]
    spikes: float
    synops: float
    active: float
    messages: float
    operands: float
    results: float
    burst: tuple[float, float] = (0.0, 0.0)
    cores: int = 0
    apart: int = 0
    max_delay: int = 0


def native_template(part: NativePart, chip: Chip, activity: Activity) -> NativeTemplate:
    """A layer between its gates, whole or by a sample of its sums.

    Raises:
        NexusError: a core cannot hold one sum over a group of inputs, or has fewer axons than a group or a sum has
            inputs.
    """
    core = part.network
    assert isinstance(core, NativeCore)
    return _Layer(part, core, chip, activity).template()


class _Layer:
    """A layer being placed; `outputs` are those of the whole layer, arrays those of its sample."""

    def __init__(self, part: NativePart, core: NativeCore, chip: Chip, activity: Activity) -> None:
        self.part, self.core, self.limbs, self.chip = part, core, core.limbs, chip
        self.scale = part.scale if isinstance(part, SampledPart) else 1.0
        self.outputs = round(core.limbs.outputs * self.scale)
        self.each = activity.spikes / max(1, activity.sets)
        self.activity = activity
        self.name = f"layer '{self.limbs.layer}' {part.digest[:6]}"
        self.signed = bool(core.zeros.any())

    def template(self) -> NativeTemplate:
        groups = [_Tile.of(self.limbs, group, self.chip, self.outputs) for group in self.limbs.groups]
        special = _code_tile(self.limbs, self.chip, self.outputs, 2 if self.signed else 1)
        pieces = [self._limbs_piece(g, tile) for g, tile in enumerate(groups)]
        copies = np.concatenate(
            [np.full(g.stop - g.start, tile.count) for g, tile in zip(self.limbs.groups, groups, strict=True)]
        )
        pieces += [self._encoders(int(copies.max()) + special.count), self._counters(), self._windows()]
        pieces.append(self._codes(special))
        fan_out, ports = self.core.fan_out, slice(0, self.core.n_inputs)
        loads = float((self.each[ports] * fan_out[ports]).sum())
        synops = float((self.each * fan_out).sum())
        spikes = {p.name: float(self.each[self.core.offsets[p.name]].sum()) for p in self.core.layers}
        fixed = sum(count for name, count in spikes.items() if name in _INPUT_SIDE)
        summed = sum(count for name, count in spikes.items() if name not in _INPUT_SIDE) * self.scale
        accumulated = sum(count for name, count in spikes.items() if name.startswith("accumulator")) * self.scale
        sent = float((self.each[self.core.offsets["encoder"]] * copies).sum())
        special_sent = sum(spikes.get(name, 0.0) for name in ("special", "sign")) * special.count
        grown = {True: self.scale, False: 1.0}
        return NativeTemplate(
            tuple(pieces),
            spikes=fixed + summed,
            synops=loads + (synops - loads) * self.scale,
            active=sum(n * grown[key] for key, n in self.activity.active.items()) / max(1, self.activity.sets),
            messages=sent + special_sent + accumulated,
            operands=float(self.each[1 : self.core.n_inputs].sum()),
            results=summed - accumulated,
            burst=max(self._burst(group, tile) for group, tile in zip(self.limbs.groups, groups, strict=True)),
            cores=sum(tile.count for tile in groups),
            apart=sum(tile.apart for tile in groups),
            max_delay=max(self.limbs.span - 1, self.core.timetable.load),
        )

    def _piece(self, what: str, count: int, neurons: int, **used: int) -> Piece:
        return Piece(
            name=f"{self.name}, {what}", kind=f"{self.name}, {what.partition(' of ')[0]}", neurons=neurons,
            synops=0.0, count=count, **({"delay_bits": 0} | used),
        )  # fmt: skip

    def _limbs_piece(self, number: int, tile: _Tile) -> Piece:
        return self._piece(
            f"limbs of group {number}", tile.count, tile.outputs, states=tile.outputs * self._more("accumulator.0"),
            axons_in=tile.axons,
            delay_bits=delay_bits(self.limbs.span - 1), synapse_words=tile.words, axons_out=tile.outputs,
        )  # fmt: skip

    def _encoders(self, cores: int) -> Piece:
        """One activation: its encoder, its neuron of special values, and that of its sign."""
        fmt = self.limbs.activation
        lines = fmt.bits + (1 << min(3, fmt.exponent_bits)) + 1 + len(CLASSES) - 1
        return self._piece(
            "encoder of an activation", self.limbs.inputs, 2 + self.signed, states=self._more("encoder"),
            delay_bits=delay_bits(self.core.timetable.load - 1), synapse_words=lines + self.signed,
            axons_in=lines + self.signed, axons_out=cores,
        )  # fmt: skip

    def _counters(self) -> Piece:
        """Counts of infinities and NaN: a tree of neurons where there are more lines than axons."""
        lines = 3 * self.limbs.inputs
        parts = -(-lines // min(self.chip.most("axons_in"), self.chip.most("synapse_words")))
        each = -(-lines // parts)
        return self._piece(
            "counts of special values", parts, 2, delay_bits=delay_bits(3), synapse_words=each, axons_in=each,
            axons_out=2 * max(1, self.outputs // self.chip.most("neurons")),
        )  # fmt: skip

    def _windows(self) -> Piece:
        """Of one sum: neurons that carry, keep and send, one a payload and sign."""
        widths, groups = 2 * len(self.core.result.widths), len(self.limbs.groups)
        words = groups * -(-widths // self.chip.limits.synapses_per_word.most)
        return self._piece(
            "windows of a sum", self.outputs, widths, states=widths * self._more("plus.0"), synapse_words=words,
            axons_in=groups, axons_out=widths,
        )  # fmt: skip

    def _codes(self, tile: _Tile) -> Piece:
        return self._piece(
            "codes of special values", tile.count, tile.outputs, states=tile.outputs * self._more("code"),
            synapse_words=tile.words, axons_in=tile.axons, axons_out=tile.outputs,
        )  # fmt: skip

    def _more(self, population: str) -> int:
        return more_room(next(p.neuron for p in self.core.layers if p.name == population), self.chip)

    def _burst(self, group: slice, tile: _Tile) -> tuple[float, float]:
        """(SynOps, words read) of a row in one core of a group."""
        digits = self.each[self.core.offsets["encoder"]][group]
        limbs = _counted(self.limbs, group)[: tile.outputs].sum(axis=0)
        return float((digits * limbs).sum()), float((digits * -(-limbs // _per_word(self.chip))).sum())


def more_room(neuron: StatefulNeuron | None, chip: Chip) -> int:
    """Neurons whose room a neuron's states take beyond its own."""
    return 0 if neuron is None else chip.room_of(len(neuron.states)) - 1


CODES = 0.5
"""Share of a core's synapse memory that signs of weights take at most: they have no delays, nor have products of
activations, beside which they lie."""

_INPUT_SIDE = ("encoder", "special", "sign", "infinities", "nans")


@dataclass(frozen=True)
class _Tile:
    """What one core holds of synapses: some sums, all inputs of a group.

    Attributes:
        outputs: sums of a core.
        count: cores.
        words, axons: of synapse memory, and in.
        apart: cores with accumulators a limb apart.
    """

    outputs: int
    count: int
    words: int
    axons: int
    apart: int = 0

    @classmethod
    def of(cls, limbs: Limbs, group: slice, chip: Chip, outputs: int) -> _Tile:
        """The limbs of a group of inputs: as many sums as synapse memory, delay memory and neurons hold."""
        counted = _counted(limbs, group)
        axons = int((counted > 0).any(axis=0).sum())
        if axons > chip.most("axons_in"):
            raise NexusError(
                f"layer '{limbs.layer}': a group of {axons} inputs is above the {chip.most('axons_in')} axons into a "
                f"core of {chip.name}"
            )
        most = chip.neurons_with_delay(limbs.span - 1) if limbs.span > 1 else chip.most("neurons")
        held, count, words = _dealt(limbs, counted, chip, most, outputs)
        _, far, _ = _dealt(limbs, counted, chip, max(1, chip.most("neurons") // limbs.span), outputs)
        return cls(held, count, words, axons, far)


def _dealt(limbs: Limbs, counted: NDArray[np.int64], chip: Chip, most: int, outputs: int) -> tuple[int, int, int]:
    """(sums of a core, cores, words of synapse memory that the fullest takes), all cores alike."""
    room, per = chip.most("synapse_words"), chip.limits.synapses_per_word.most
    words = (-(-np.cumsum(counted, axis=0) // per)).sum(axis=1)
    if int(words[0]) > room:
        raise NexusError(
            f"layer '{limbs.layer}': limbs of one sum over a group of {counted.shape[1]} inputs take {int(words[0])} "
            f"words of synapse memory, beyond the {room} of a core of {chip.name}"
        )
    sums = max(1, min(int(np.searchsorted(words, room, side="right")), most))
    while True:
        count = -(-outputs // sums)
        sums = -(-outputs // count)
        blocks = np.add.reduceat(counted, np.arange(0, len(counted), sums), axis=0)
        fullest = int((-(-blocks // per)).sum(axis=1).max())
        if fullest <= room or sums == 1:
            return sums, count, fullest
        sums -= 1


def _code_tile(limbs: Limbs, chip: Chip, outputs: int, sources: int) -> _Tile:
    """The signs of weights: a synapse each; sums of more inputs than a core has axons are added up in parts."""
    per, most = _per_word(chip), min(chip.most("axons_in"), chip.most("synapse_words")) - 2
    parts = -(-limbs.inputs * sources // most)
    axons = -(-limbs.inputs // parts)
    room = int(CODES * chip.most("synapse_words"))
    sums = max(1, min(max(1, room // (axons + 2)) * per, chip.most("neurons"), outputs))
    words = (axons + 2) * -(-sums // per)
    return _Tile(sums, -(-outputs // sums) * parts, words, min(most, axons * sources) + 2)


def _counted(limbs: Limbs, group: slice) -> NDArray[np.int64]:
    """int64 [sums, inputs of the group]: limbs of each weight that are not 0."""
    found = np.zeros((limbs.outputs, group.stop - group.start), np.int64)
    for a in range(limbs.span):
        found += limbs.at(a)[:, group] != 0
    return found


def _per_word(chip: Chip) -> int:
    return chip.limits.synapses_per_word.most
