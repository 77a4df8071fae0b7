"""Waves of operand sets: when each enters and leaves a network, and the strobe that travels with it.

One wave of `lanes` operand sets enters a step. A wave given at step t leaves the network at step t + depth; Lava's LIF
form hands its outputs on through one more synapse, because Lava cannot pick channels out of a port.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from lava_nexus.neurons import STROBE, Port, ThresholdNetwork

Level = Literal["vectorised", "lif"]
STROBE_PORT = "strobe"
READ_OUT_STEPS: dict[Level, int] = {"vectorised": 0, "lif": 1}


def latency(network: ThresholdNetwork, level: Level) -> int:
    """Time steps from a wave's entry at `a_in` to its exit at `s_out`."""
    return network.depth + READ_OUT_STEPS[level]


def time_steps(network: ThresholdNetwork, sets: int, lanes: int, level: Level) -> int:
    """Time steps for `sets` operand sets, the last result included: ceil(sets / lanes) + latency."""
    return -(-sets // lanes) + latency(network, level)


def carry_strobe(network: ThresholdNetwork) -> ThresholdNetwork:
    """The network with one more output, first, that tells whether a wave is valid.

    The strobe's relays, ceil(depth / (max_delay + 1)) neurons, come after all others, so that signal numbers keep
    their meaning. They belong to the Lava Process, not to the circuit, and are counted with neither. Weight and
    threshold of a relay are the network's smallest threshold, so that equal thresholds stay equal.
    """
    reach = network.max_delay + 1
    levels = [*range(reach, network.depth, reach), network.depth]
    first = network.n_signals
    sources = [STROBE, *range(first, first + len(levels) - 1)]
    ends = network.synapses + np.arange(1, len(levels) + 1)
    smallest = int(min(network.thresholds, default=1))
    unit = np.full(len(levels), smallest, np.int32)
    return replace(
        network,
        outputs=(Port(STROBE_PORT, (first + len(levels) - 1,)), *network.outputs),
        offsets=np.concatenate([network.offsets, ends]),
        sources=np.concatenate([network.sources, np.array(sources, np.int32)]),
        weights=np.concatenate([network.weights, unit]),
        thresholds=np.concatenate([network.thresholds, unit]),
        levels=np.concatenate([network.levels, np.array(levels, np.int32)]),
        relay=np.concatenate([network.relay, unit.astype(np.bool_)]),
    )


def output_signals(network: ThresholdNetwork) -> list[int]:
    """Signals of all output ports in order, MSB first: the channels of `s_out`."""
    return [signal for port in network.outputs for signal in port.signals]
