"""Every neuron of a network of one operand, all sets at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import patterns_to_spikes, spikes_to_patterns
from lava_nexus.neurons import STROBE, ThresholdNetwork


def simulate(network: ThresholdNetwork, patterns: NDArray[Any]) -> NDArray[Any]:
    """Output patterns by the definition of a neuron: [ sum of weight * spike >= threshold ]."""
    port, out = network.inputs[0], network.outputs[0]
    spikes = np.zeros((network.n_signals, len(patterns)), dtype=np.int16)
    spikes[STROBE] = 1
    spikes[list(port.signals)] = patterns_to_spikes(patterns, port.width).T
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        spikes[network.n_inputs + k] = weights.astype(np.int16) @ spikes[sources] >= network.thresholds[k]
    return spikes_to_patterns(spikes[list(out.signals)].T.astype(np.bool_), out.pattern_dtype)
