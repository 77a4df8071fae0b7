"""The limits that the chip and Lava's fixed-point models set on a neuron, each with its source, and what breaks them.

`check` holds a network against them and against its own invariants, naming neuron, value and limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons.network import ThresholdNetwork

DECAY_STEPS = 4096
"""A decay d, of 12 bits, keeps (4096 - d) / 4096 of a current or potential (lava-nc 0.10.0, lif/models.py)."""


@dataclass(frozen=True)
class HardwareRules:
    """What one IF gate may look like on the chip.

    Weights here are unit weights. A mixed-sign matrix keeps only even values, so every weight is written doubled and
    the threshold T as 2T - 1; a network that obeys these rules therefore fits both.

    Attributes:
        weight_min, weight_max: unit weights that fit 8 bits after doubling: -256..254 (lava-nc 0.10.0, measured).
        max_delay: extra steps a synapse can hold, 6 bits (lava-dl 0.6.0 clamps to 62, measured).
        max_fan_in: synapses of one neuron; axons into a core, 16,000 (inferred from public lava-dl notebooks).
        max_weighted_sum: largest |weighted sum| in doubled weights for which what dv = 4095 leaves behind,
            trunc(|v| / 4096), stays below one weight unit of margin (lava-nc 0.10.0, measured).
    """

    weight_min: int = -128
    weight_max: int = 127
    max_delay: int = 62
    max_fan_in: int = 16_000
    max_weighted_sum: int = 4095


LOIHI2 = HardwareRules()


@dataclass(frozen=True)
class PotentialLimits:
    """What fits Lava's fixed-point neurons (lava-nc 0.10.0), as largest magnitudes.

    Attributes:
        potential: of a graded neuron, and of what a projection accumulates before its shift: 24 bits with sign.
        bit_input: of what a LIF neuron receives: it is shifted left by 6 into 24 bits with sign.
    """

    potential: int = 2**23
    bit_input: int = 2**17 - 1

    def of(self, payload: str) -> int:
        """The largest potential of a population by what its spikes carry."""
        return self.bit_input if payload == "bit" else self.potential


POTENTIALS = PotentialLimits()


def violations(network: ThresholdNetwork, rules: HardwareRules = LOIHI2) -> list[str]:
    """One sentence a broken rule, the first neuron that breaks each; empty where the network fits."""
    at, weights = network.targets, network.weights
    fan_in = np.diff(network.offsets)
    excess = np.bincount(at, np.maximum(weights, 0), network.neurons)
    deficit = np.bincount(at, np.maximum(-weights, 0), network.neurons)
    largest_sum = (2 * np.maximum(excess, deficit)).astype(np.int64)
    out_level = np.array([network.signal_levels[s] for port in network.outputs for s in port.signals])
    found = [
        _first("weight {} is below {}", at, weights, weights < rules.weight_min, rules.weight_min),
        _first("weight {} is above {}", at, weights, weights > rules.weight_max, rules.weight_max),
        _first("delay {} is above {}", at, network.delays, network.delays > rules.max_delay, rules.max_delay),
        _first("delay {} is below {}", at, network.delays, network.delays < 0, 0),
        _first("fan-in {} is above {}", None, fan_in, fan_in > rules.max_fan_in, rules.max_fan_in),
        _first("threshold {} is below {}", None, network.thresholds, network.thresholds < 1, 1),
        _first(
            "doubled weighted sum {} is above {}",
            None,
            largest_sum,
            largest_sum > rules.max_weighted_sum,
            rules.max_weighted_sum,
        ),
        _first("output level {} is not {}", None, out_level, out_level != network.depth, network.depth, "output bit"),
    ]
    return [sentence for sentence in found if sentence]


_OTHERS = {"offsets": "int64", "relay": "bool"}


def broken_invariant(network: ThresholdNetwork) -> str:
    """The first of the network's own invariants (see `network`) that does not hold, in words; empty where all hold."""
    neurons, synapses, signals = network.neurons, network.synapses, network.n_signals
    named = [s for port in network.inputs for s in port.signals]
    read = np.array([s for port in network.outputs for s in port.signals], np.int64)
    lengths = {"offsets": neurons + 1, "sources": synapses, "weights": synapses}
    for name, dtype in {**dict.fromkeys(("sources", "weights", "thresholds", "levels"), "int32"), **_OTHERS}.items():
        array, length = getattr(network, name), lengths.get(name, neurons)
        if array.shape != (length,) or array.dtype != dtype:
            return f"{name} are {array.dtype} {list(array.shape)}, not {dtype} [{length}]"
    if network.offsets[0] != 0 or network.offsets[-1] != synapses or (np.diff(network.offsets) < 0).any():
        return "offsets do not cut the synapses"
    if synapses and not (network.sources.min() >= 0 and network.sources.max() < signals):
        return "a source is no signal"
    if (network.sources >= network.targets + network.n_inputs).any():
        return "a source does not come before its neuron"
    if (network.thresholds < 1).any():
        return "a threshold is below 1"
    if synapses and not (network.delays.min() >= 0 and network.delays.max() <= network.max_delay):
        return f"a delay is not in 0 .. {network.max_delay}"
    if named != list(range(1, network.n_inputs)):
        return "signals of the input ports are not 1, 2, ... in order"
    if len(read) and not (network.n_inputs <= read.min() and read.max() < signals):
        return "an output bit is no neuron"
    if (network.signal_levels[read] != network.depth).any():
        return "an output bit is not at the last level"
    return ""


def check(network: ThresholdNetwork, rules: HardwareRules = LOIHI2) -> None:
    """Raises NexusError with the first broken rule, if any."""
    found = violations(network, rules)
    if found:
        raise NexusError(found[0])


def _first(
    text: str,
    owner: NDArray[Any] | None,
    values: NDArray[Any],
    broken: NDArray[np.bool_],
    limit: int,
    what: str = "neuron",
) -> str:
    if not broken.any():
        return ""
    where = int(np.argmax(broken))
    index = int(owner[where]) if owner is not None else where
    return f"{what} {index}: " + text.format(int(values[where]), limit)
