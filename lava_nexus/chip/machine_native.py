"""A native layer in a machine: gates of activations, neurons between, bits of payloads, gates of sums, wired up.

What enters the neurons between the gates fires in one step: the lines of the gates, and the bits of the activations,
whose synapses wait for as long as the gates are deep. Nothing is held; states begin anew in the step of entry.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.machine_build import Build
from lava_nexus.chip.machine_neurons import Instance
from lava_nexus.chip.native import Activity
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.populations.native.core import CLASSES, NativeCore
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.populations.programmed import Programmed
from lava_nexus.programs.invocations import NativeRow
from lava_nexus.programs.nodes import Contract
from lava_nexus.programs.product import Native

Integers = NDArray[np.int64]


def add_row(build: Build, row: NativeRow) -> None:
    """The neurons of a row of a native layer behind the gates of its activations, which are there."""
    node = build.schedule.program.nodes[row.node]
    assert isinstance(node, Contract) and isinstance(node.product, Native)
    layer = node.product.layer
    core = layer.network
    fronts = [build.instances[row.front, row.first[0] + i] for i in range(core.limbs.inputs)]
    late = int(build.depth[row.front])
    entries = _entries(fronts, late)
    entered = row.step + build.schedule.handover
    places = _Places(build, f"layer '{core.limbs.layer}' {layer.core.digest[:6]}")
    signals = _core(build, core, entries, places, entered, build.placed[row.core])
    build.native.setdefault(row.core, []).append(np.concatenate(signals))
    sent = {p.name: own for p, own in zip((*core.ports, *core.layers), signals, strict=True)}
    for j in range(core.limbs.outputs):
        _sum(build, row, layer, {name: own[j] for name, own in sent.items() if name.startswith(_SENT)}, j)


_SENT = ("plus.", "minus.", "code")


def _entries(fronts: list[Instance], late: int) -> list[tuple[Integers, int]]:
    """(signals, steps that they come early) of each port of the core, LSB first."""
    lines = [np.array([front.outputs[k][::-1] for front in fronts]).ravel() for k in range(2 + len(CLASSES))]
    bits = np.array([front.operands[0][::-1] for front in fronts]).ravel()
    return [(np.array([fronts[0].strobe]), late), (bits, late), *((line, 0) for line in lines)]


class _Places:
    """Pieces that a layer's neurons lie in: those of an activation, of a sum, and counts of special values."""

    def __init__(self, build: Build, name: str) -> None:
        self._build, self._name = build, name
        self._pieces: dict[tuple[str, int], int] = {}

    def of(self, population: str, number: int) -> int:
        what = population.partition(".")[0]
        kind = "encoders" if what in ("encoder", "special", "sign") else "special values"
        kind = {"accumulator": "limbs", "plus": "windows", "minus": "windows"}.get(what, kind)
        if kind not in ("encoders", "limbs", "windows") and what != "code":
            number = -1
        key = f"{self._name}, {kind}", number
        if key not in self._pieces:
            self._pieces[key] = self._build.neurons.new_piece(f"{key[0]} {number + 1}", key[0])
        return self._pieces[key]


def _core(
    build: Build,
    core: NativeCore,
    entries: list[tuple[Integers, int]],
    places: _Places,
    entered: int,
    activity: Any,
) -> list[Integers]:
    """Signals of every population, ports first."""
    network, made = core.populations, build.neurons
    rates = _rates(activity, core.n_signals)
    signals, early = [own for own, _ in entries], [steps for _, steps in entries]
    for number in range(network.n_sources, len(network.populations)):
        population = network.populations[number]
        runs = made.number_of(Programmed.of(population, network.window, entered))
        chance = rates[network.signals(number)].tolist()
        own = [made.gate([], 1, places.of(population.name, i), chance[i], runs) for i in range(population.size)]
        signals.append(np.array(own))
        early.append(0)
    for p in network.projections:
        made.join(signals[p.target][p.rows], signals[p.source][p.columns], p.weights, p.delay + early[p.source])
    return signals


def _sum(build: Build, row: NativeRow, layer: NativeLayer, sent: dict[str, int], j: int) -> None:
    """Bits of one sum, and the gates that round it."""
    made, circuit, number = build.neurons, layer.back, row.first[1] + j
    network = layer.bits.network
    assert isinstance(network, PopulationNetwork)
    piece = made.new_piece(f"operands of {circuit.label} {number}", "operands")
    strobe = made.gate([], 1, piece, 1.0)
    rates = _rates(build.placed[row.bits], network.n_signals)
    part = made.new_piece(f"{layer.bits.label} {number}", layer.bits.label)
    signals = [strobe, *(sent[p.name] for p in network.inputs[1:])]
    for at, population in enumerate(network.populations[network.n_sources :], network.n_sources):
        runs = made.number_of(Programmed.of(population, 1, 0))
        signals.append(made.gate([], 1, part, float(rates[at]), runs))
    for p in network.projections:
        made.join(np.array([signals[p.target]]), np.array([signals[p.source]]), p.weights, p.delay)
    build.native.setdefault(row.bits, []).append(np.array(signals))
    bit = {p.name: signal for p, signal in zip(network.populations, signals, strict=True)}
    build.add_instance(row.back, number, strobe, _operands(layer, bit))


def _operands(layer: NativeLayer, bit: dict[str, int]) -> list[list[int]]:
    """Bits of window, place, sign and code, MSB first, from the bits of the payloads."""
    window = layer.network.result
    pieces = [[bit[f"piece.{k}.{i}"] for i in reversed(range(width))] for k, width in enumerate(window.widths)]
    everything = [one for piece in pieces for one in piece]
    place, word = everything[: window.place_bits], everything[window.place_bits :]
    return [word, place, [bit["sign"]], [bit[f"code.{i}"] for i in (2, 1, 0)]]


def _rates(activity: Any, signals: int) -> NDArray[np.float64]:
    """Spikes of each signal in a window, where the run that counted them was of this network."""
    if isinstance(activity, Activity) and len(activity.spikes) == signals:
        return np.asarray(activity.spikes / max(1, activity.sets), np.float64)
    return np.zeros(signals)
