"""Networks of integrate-and-fire neurons: threshold gates in flat arrays, their builder, their rules, their limits."""

from lava_nexus.neurons.builder import FALSE, TRUE, Builder, Signal
from lava_nexus.neurons.model import IDEAL, MEMORYLESS, NOISE_ON, NeuronModel, NoiseOn, NonIdealities
from lava_nexus.neurons.network import STROBE, Port, ThresholdNetwork
from lava_nexus.neurons.rules import LOIHI2, HardwareRules, check, violations
from lava_nexus.neurons.serialisation import to_text

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
