"""Counts to joules, with constants that name their source.

`energy_of` takes what ran or what is placed; models of energy are data, one YAML file each.
"""

from lava_nexus.energy.constants import Constant, EnergyModel, energy_model_names, load_energy_model
from lava_nexus.energy.estimate import energy_of, energy_of_tallies
from lava_nexus.energy.machine import Occupancy, Routing
from lava_nexus.energy.report import CircuitEnergy, EnergyReport

__all__ = [
    "CircuitEnergy",
    "Constant",
    "EnergyModel",
    "EnergyReport",
    "Occupancy",
    "Routing",
    "energy_model_names",
    "energy_of",
    "energy_of_tallies",
    "load_energy_model",
]
