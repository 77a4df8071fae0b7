"""Floor 7: from circuits and programs to cores, chips and boards."""

from lava_nexus.mapping.checker import check_placement, placement_faults
from lava_nexus.mapping.chip import Chip, load_chip
from lava_nexus.mapping.place import place
from lava_nexus.mapping.placement import Core, Placement
from lava_nexus.mapping.traffic import Traffic

__all__ = ["Chip", "Core", "Placement", "Traffic", "check_placement", "load_chip", "place", "placement_faults"]
