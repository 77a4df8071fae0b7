"""From circuits and programs to cores, chips and boards: description, partition, placement, schedule, traffic.

No circuit runs in here: the spikes that decide a placement are counted by whoever asks for it, as
`lava_nexus.execute.placing.place` does.
"""

from lava_nexus.chip.checker import check_placement, placement_faults
from lava_nexus.chip.description import Chip, load_chip
from lava_nexus.chip.mapper import Mapper, place_program
from lava_nexus.chip.mesh import Traffic
from lava_nexus.chip.place import Spikes, place_circuit
from lava_nexus.chip.placement import Core, Placement
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.workload import Memory, Strategy, Workload

__all__ = [
    "Chip",
    "Core",
    "Mapper",
    "Memory",
    "Placement",
    "ProgramPlacement",
    "Spikes",
    "Strategy",
    "Traffic",
    "Workload",
    "check_placement",
    "load_chip",
    "place_circuit",
    "place_program",
    "placement_faults",
]
