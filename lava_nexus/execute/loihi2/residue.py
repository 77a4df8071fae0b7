"""What decays of 12 bits can leave behind from one wave to the next, and that it cannot change a spike.

A gate is cleared by its decays: dv = 4095 keeps v / 4096, and du = 4095, should the chip not add the one that Lava's
model adds, u / 4096. How the chip rounds that is not public: toward zero, as Lava's model says, or any other way, so
that what is kept of x is anything within 1 of x / 4096. Potentials count in 1/64 of a doubled unit weight (`lif`).

With M the largest sum of doubled weights of one sign and L the lowest potential, doubled and with its bias,

    |residue of u|  <=  U = (64 M + 1) / 4095 + 1
    |residue of v|  <=  V = (64 L + U + 4096) / 4095        (v above its threshold is cleared by the spike)

for ever, whatever waves came before. A gate fires where 64 (2 sum + 2 - 2T) > 64 and the bracket is even, so that 64
are left to either side: U + V < 64 means that no residue changes a spike. Figures: `docs/hardware.md`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons import ThresholdNetwork

UNIT = 64
"""Of a potential: a doubled unit weight, and as much is left on either side of a gate's threshold."""
_STEPS = 4096


def residues(network: ThresholdNetwork) -> NDArray[np.float64]:
    """float64 [neurons]: largest U + V of each, in 1/64 of a doubled unit weight, whichever way the chip rounds."""
    weights = 2.0 * network.weights
    above = np.bincount(network.targets, np.maximum(weights, 0), network.neurons)
    below = np.bincount(network.targets, np.maximum(-weights, 0), network.neurons)
    lowest = below + 2 * network.thresholds.astype(np.float64) - 2
    of_current = (UNIT * np.maximum(above, below) + 1) / (_STEPS - 1) + 1
    return np.asarray(of_current + (UNIT * lowest + of_current + _STEPS) / (_STEPS - 1))


def check_residue(network: ThresholdNetwork) -> None:
    """Raises NexusError, naming the neuron, where what decays leave behind could change a spike."""
    found = residues(network)
    if found.size and found.max() >= UNIT:
        worst = int(found.argmax())
        raise NexusError(
            f"neuron {worst}: decays of 12 bits may leave {found[worst]:.1f} / {UNIT} of a doubled unit weight behind, "
            f"which reaches the margin of {UNIT} / {UNIT}; use smaller weights or split the neuron"
        )
