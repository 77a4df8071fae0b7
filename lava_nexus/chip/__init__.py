"""Floor 7: from circuits and programs to cores, chips and boards."""

from lava_nexus.chip.checker import check_placement, placement_faults
from lava_nexus.chip.description import Chip, load_chip
from lava_nexus.chip.mesh import Traffic
from lava_nexus.chip.place import place
from lava_nexus.chip.placement import Core, Placement

__all__ = ["Chip", "Core", "Placement", "Traffic", "check_placement", "load_chip", "place", "placement_faults"]
