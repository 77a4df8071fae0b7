"""Circuits over any format and basis: networks of neurons, each with the golden function that it must equal."""

from lava_nexus.circuits.catalogue import Description, circuit, operations
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.neurons.built import Computed, Golden

__all__ = ["OPERATIONS", "Circuit", "Computed", "Description", "Golden", "circuit", "operations"]
