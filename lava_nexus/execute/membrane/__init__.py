"""The membrane executor: every neuron's potential is kept from step to step."""

from lava_nexus.execute.membrane.executor import MembraneExecutor
from lava_nexus.execute.membrane.simulation import Membranes, Regime

__all__ = ["MembraneExecutor", "Membranes", "Regime"]
