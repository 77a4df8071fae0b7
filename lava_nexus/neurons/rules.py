"""Checks a network against the hardware rules and its own invariants, naming neuron, value and limit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons.limits import LOIHI2, HardwareRules
from lava_nexus.neurons.network import ThresholdNetwork


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
