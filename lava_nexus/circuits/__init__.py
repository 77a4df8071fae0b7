"""Floor 4: circuits over any format and basis."""

from lava_nexus.circuits.catalogue import circuit
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.circuits.operations import OPERATIONS

__all__ = ["OPERATIONS", "Circuit", "circuit"]
