"""From circuits and programs to cores, chips and boards: description, partition, placement, schedule, traffic.

No circuit runs in here: the spikes that decide a placement are counted by whoever asks for it, as
`lava_nexus.place` does.
"""

from lava_nexus.chip.checker import check_placement as check_placement
from lava_nexus.chip.checker import placement_faults as placement_faults
from lava_nexus.chip.description import Chip as Chip
from lava_nexus.chip.description import load_chip as load_chip
from lava_nexus.chip.mapper import Mapper as Mapper
from lava_nexus.chip.mapper import place_program as place_program
from lava_nexus.chip.mesh import Traffic as Traffic
from lava_nexus.chip.place import Spikes as Spikes
from lava_nexus.chip.place import place_circuit as place_circuit
from lava_nexus.chip.placement import Core as Core
from lava_nexus.chip.placement import Placement as Placement
from lava_nexus.chip.program_placement import ProgramPlacement as ProgramPlacement
from lava_nexus.chip.workload import Memory as Memory
from lava_nexus.chip.workload import Strategy as Strategy
from lava_nexus.chip.workload import Workload as Workload
