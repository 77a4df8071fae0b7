"""What each part of a native layer costs over a run, in exact counts: the digits tell, no neuron is stepped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativeLayer, NativePart
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.native.counts import Sums
from lava_nexus.execute.native.digits import sums_by_digits
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.execute.native.pair_digits import pair_sums_by_digits
from lava_nexus.execute.native.pairs import pair_sums
from lava_nexus.execute.tallies import Tally
from lava_nexus.populations.native.base import Part
from lava_nexus.populations.native.core import PARTS, NativeCore
from lava_nexus.populations.native.pair_core import PARTS as PAIR_PARTS
from lava_nexus.populations.native.pair_core import PairCore
from lava_nexus.programs.native import PairLayer

SYNAPSES, ROUNDING = "synapses", "rounding"


@dataclass(frozen=True)
class Cost:
    """Counts of a part.

    Attributes:
        synops: spikes times the synapses that they reach.
        updates: of neurons, one a step of the window that they are in.
        active: those of them in which a neuron received a spike or fired.
    """

    synops: int = 0
    updates: int = 0
    active: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.synops + other.synops, self.updates + other.updates, self.active + other.active)


def layer_costs(layer: NativeLayer, rows: NDArray[Any], executor: Executor) -> dict[str, Cost]:
    """Costs of sums of activations [rows, inputs] by part: those of `PARTS`, the weights' synapses, and the rounding.

    Gates count one update an operand set, neurons with states one a step of the layer's window.

    Args:
        layer: whose neurons.
        rows: patterns of activations.
        executor: of the gates, which counts active updates too.
    """
    core, sums = layer.network, sums_by_digits(layer, rows)
    found = _by_part(core, PARTS, sums, "encoder")
    with executor.apart(add=False) as tallies:
        native_sums(layer, rows, executor)
    return _with_gates(found, tallies, ((layer.front, "front end"), (layer.bits, "back end"), (layer.back, ROUNDING)))


def pair_costs(layer: PairLayer, left: NDArray[Any], right: NDArray[Any], executor: Executor) -> dict[str, Cost]:
    """Costs of sums of products of two activations, as of `layer_costs`; operands are those of `pair_sums`.

    To the synapses count those from encoders to products, to the cache all that writes the right factor.
    """
    found = _by_part(layer.network, PAIR_PARTS, pair_sums_by_digits(layer, left, right), "encoder", "kind")
    with executor.apart(add=False) as tallies:
        pair_sums(layer, left, right, executor)
    if layer.fronts[0].digest == layer.fronts[1].digest:  # counted together
        with executor.apart(add=False) as of_right:
            executor.invoke_all(layer.fronts[1], [np.ascontiguousarray(right[:, layer.written()])])
        found = _with_gates(found, of_right, ((layer.fronts[1], "cache"),))
        (tally,) = of_right
        found["front end"] += Cost(-(tally.synops or 0), -tally.updates, -(tally.active or 0))
    else:
        found = _with_gates(found, tallies, ((layer.fronts[1], "cache"),))
    gates = ((layer.fronts[0], "front end"), (layer.bits, "back end"), (layer.back, ROUNDING))
    return _with_gates(found, tallies, gates)


def _by_part(core: NativeCore | PairCore, parts: tuple[Part, ...], sums: Sums, *weights: str) -> dict[str, Cost]:
    """Costs of a core's neurons; of the synapses of the populations `weights` apart."""
    spikes = sums.tally.signal_spikes
    assert spikes is not None
    reached = spikes * core.fan_out
    by_name = {name: int(reached[signals].sum()) for name, signals in core.offsets.items()}
    found = {SYNAPSES: Cost(sum(by_name.pop(name) for name in weights))}
    for part in parts:
        names = [p for p in core.layers if p.name.partition(".")[0] in part.populations]
        updates = sum(p.size for p in names) * sums.tally.invocations * core.window
        found[part.name] = Cost(sum(by_name.get(p.name, 0) for p in names), updates, sums.active[part.name])
    for port in core.ports:
        found["cache" if port.name.startswith("y.") else "front end"] += Cost(by_name[port.name])
    return found


def _with_gates(
    found: dict[str, Cost], tallies: Iterable[Tally], units: Iterable[tuple[Circuit | NativePart, str]]
) -> dict[str, Cost]:
    """Costs with those of gates and bit neurons added to the parts named."""
    of = {tally.circuit.digest: tally for tally in tallies}
    for unit, name in units:
        tally = of[unit.digest]
        found[name] = found.get(name, Cost()) + Cost(tally.synops or 0, tally.updates, tally.active or 0)
    return found


def total(costs: dict[str, Cost]) -> Cost:
    """Of all parts."""
    return sum(costs.values(), Cost())


def limb_synops(layer: NativeLayer, costs: dict[str, Cost], rows: int) -> float:
    """SynOps of the weights' synapses a multiply-accumulate."""
    return costs[SYNAPSES].synops / (rows * layer.limbs.outputs * layer.limbs.inputs)
