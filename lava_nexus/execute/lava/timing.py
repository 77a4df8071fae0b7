"""When things happen: the time steps that a stream of operand sets takes, predicted before it runs.

One wave of `lanes` operand sets enters a step. A wave given at step t leaves the network at step t + depth; Lava's LIF
form hands its outputs on through one more synapse, because Lava cannot pick channels out of a port.
"""

from __future__ import annotations

from lava_nexus.execute.lava.run_config import Level
from lava_nexus.neurons import ThresholdNetwork

READ_OUT_STEPS: dict[Level, int] = {"vectorised": 0, "lif": 1}


def latency(network: ThresholdNetwork, level: Level) -> int:
    """Time steps from a wave's entry at `a_in` to its exit at `s_out`."""
    return network.depth + READ_OUT_STEPS[level]


def time_steps(network: ThresholdNetwork, sets: int, lanes: int, level: Level) -> int:
    """Time steps for `sets` operand sets, the last result included: ceil(sets / lanes) + latency."""
    return -(-sets // lanes) + latency(network, level)
