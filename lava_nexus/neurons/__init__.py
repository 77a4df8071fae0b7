"""Floor 2: networks of integrate-and-fire neurons."""

from lava_nexus.neurons.builder import FALSE, TRUE, Builder, Signal
from lava_nexus.neurons.limits import LOIHI2, HardwareRules
from lava_nexus.neurons.model import MEMORYLESS, NeuronModel
from lava_nexus.neurons.network import STROBE, Port, ThresholdNetwork
from lava_nexus.neurons.nonidealities import IDEAL, NOISE_ON, NoiseOn, NonIdealities
from lava_nexus.neurons.rules import check, violations
from lava_nexus.neurons.text import to_text

__all__ = [
    "FALSE",
    "IDEAL",
    "LOIHI2",
    "MEMORYLESS",
    "NOISE_ON",
    "STROBE",
    "TRUE",
    "Builder",
    "HardwareRules",
    "NeuronModel",
    "NoiseOn",
    "NonIdealities",
    "Port",
    "Signal",
    "ThresholdNetwork",
    "check",
    "to_text",
    "violations",
]
