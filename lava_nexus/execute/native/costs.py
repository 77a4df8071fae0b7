"""What each part of a native layer costs over a run, in exact counts: the digits tell, no neuron is stepped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.native.digits import sums_by_digits
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.populations.native.core import PARTS

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
    spikes = sums.tally.signal_spikes
    assert spikes is not None
    reached = spikes * core.fan_out
    by_name = {name: int(reached[signals].sum()) for name, signals in core.offsets.items()}
    weights = by_name.pop("encoder")
    found = {SYNAPSES: Cost(weights)}
    for part in PARTS:
        names = [p for p in core.layers if p.name.partition(".")[0] in part.populations]
        updates = sum(p.size for p in names) * len(rows) * core.window
        synops = sum(by_name.get(p.name, 0) for p in names)
        found[part.name] = Cost(synops, updates, sums.active[part.name])
    ports = sum(by_name[port.name] for port in core.ports)
    found["front end"] += Cost(ports)
    with executor.apart(add=False) as tallies:
        native_sums(layer, rows, executor)
    for unit, name in ((layer.front, "front end"), (layer.bits, "back end"), (layer.back, ROUNDING)):
        (tally,) = (one for one in tallies if one.circuit.digest == unit.digest)
        found[name] = found.get(name, Cost()) + Cost(tally.synops or 0, tally.updates, tally.active or 0)
    return found


def total(costs: dict[str, Cost]) -> Cost:
    """Of all parts."""
    return sum(costs.values(), Cost())


def limb_synops(layer: NativeLayer, costs: dict[str, Cost], rows: int) -> float:
    """SynOps of the weights' synapses a multiply-accumulate."""
    return costs[SYNAPSES].synops / (rows * layer.limbs.outputs * layer.limbs.inputs)
