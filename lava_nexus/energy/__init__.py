"""Counts to joules, with constants that name their source."""

from lava_nexus.energy.constants import Constant, EnergyModel, energy_model_names, load_energy_model
from lava_nexus.energy.estimate import CircuitEnergy, EnergyReport, Occupancy, Routing, energy_of

__all__ = [
    "CircuitEnergy",
    "Constant",
    "EnergyModel",
    "EnergyReport",
    "Occupancy",
    "Routing",
    "energy_model_names",
    "energy_of",
    "load_energy_model",
]
