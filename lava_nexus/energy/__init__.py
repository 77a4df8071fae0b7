"""Counts to joules, with constants that name their source.

`energy_of` takes what ran or what is placed; `machine` defines what an energy is of; models of energy are data, one
YAML file each.
"""

from lava_nexus.energy.constants import Constant as Constant
from lava_nexus.energy.constants import EnergyModel as EnergyModel
from lava_nexus.energy.constants import energy_model_names as energy_model_names
from lava_nexus.energy.constants import load_energy_model as load_energy_model
from lava_nexus.energy.estimate import energy_of as energy_of
from lava_nexus.energy.estimate import energy_of_tallies as energy_of_tallies
from lava_nexus.energy.machine import Machine as Machine
from lava_nexus.energy.machine import Pace as Pace
from lava_nexus.energy.machine import PaceName as PaceName
from lava_nexus.energy.machine import Routing as Routing
from lava_nexus.energy.machine import Site as Site
from lava_nexus.energy.machine import Subject as Subject
from lava_nexus.energy.measurements import GpuRecord as GpuRecord
from lava_nexus.energy.measurements import gpu_record as gpu_record
from lava_nexus.energy.measurements import measured_systems as measured_systems
from lava_nexus.energy.report import CircuitEnergy as CircuitEnergy
from lava_nexus.energy.report import EnergyReport as EnergyReport
