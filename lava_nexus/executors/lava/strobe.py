"""Makes the strobe leave a network together with the wave it came with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lava_nexus.neurons import STROBE, Port, ThresholdNetwork

STROBE_PORT = "strobe"


def carry_strobe(network: ThresholdNetwork) -> ThresholdNetwork:
    """The network with one more output, first, that tells whether a wave is valid.

    The strobe's relays, ceil(depth / (max_delay + 1)) neurons, come after all others, so that signal numbers keep
    their meaning. They belong to the Lava Process, not to the circuit, and are counted with neither.
    """
    reach = network.max_delay + 1
    levels = [*range(reach, network.depth, reach), network.depth]
    first = network.n_signals
    sources = [STROBE, *range(first, first + len(levels) - 1)]
    ends = network.synapses + np.arange(1, len(levels) + 1)
    ones = np.ones(len(levels), np.int32)
    return replace(
        network,
        outputs=(Port(STROBE_PORT, (first + len(levels) - 1,)), *network.outputs),
        offsets=np.concatenate([network.offsets, ends]),
        sources=np.concatenate([network.sources, np.array(sources, np.int32)]),
        weights=np.concatenate([network.weights, ones]),
        thresholds=np.concatenate([network.thresholds, ones]),
        levels=np.concatenate([network.levels, np.array(levels, np.int32)]),
        relay=np.concatenate([network.relay, ones.astype(np.bool_)]),
    )


def output_signals(network: ThresholdNetwork) -> list[int]:
    """Signals of all output ports in order, MSB first: the channels of `s_out`."""
    return [signal for port in network.outputs for signal in port.signals]
