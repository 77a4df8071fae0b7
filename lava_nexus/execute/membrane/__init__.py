"""The membrane executor: every neuron's potential is kept from step to step."""

from lava_nexus.execute.membrane.executor import MembraneExecutor as MembraneExecutor
from lava_nexus.execute.membrane.simulation import Membranes as Membranes
from lava_nexus.execute.membrane.simulation import Regime as Regime
