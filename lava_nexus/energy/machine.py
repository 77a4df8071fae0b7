"""What energy is drawn by beside constants: counts of circuits, spikes between cores, chips over time."""

from __future__ import annotations

from dataclasses import dataclass

from lava_nexus.chip.mesh import Traffic
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.energy.constants import EnergyModel

NO_HOPS = "hops of a program's messages are not known: a message is charged once, a lower bound of routing"
ARITHMETIC_ALONE = "of registers, selectors, sequencer and tables only static power is charged: they were not run"


@dataclass(frozen=True)
class Routing:
    """Spikes between cores over a run, from a placement.

    Attributes:
        within_tile: spikes to another core of the same tile.
        east_west, north_south: hops between neighbouring tiles.
    """

    within_tile: int
    east_west: int
    north_south: int

    def joules(self, model: EnergyModel) -> float:
        """Energy of all of them."""
        return (
            self.within_tile * model.joules("within_tile_spike")
            + self.east_west * model.joules("hop_east_west")
            + self.north_south * model.joules("hop_north_south")
        )


@dataclass(frozen=True)
class Occupancy:
    """How many chips run for how long.

    Attributes:
        chips: switched on.
        seconds: of the run, time steps times what a step lasts.
    """

    chips: int
    seconds: float


@dataclass(frozen=True)
class CircuitCounts:
    """One circuit's counts over a run.

    Attributes:
        label: operation and format.
        spikes, synops: of neurons, and at synapses; means where they are of a placed program.
        updates: of neurons.
        active: of them those in which a neuron received a spike or fired; None where not counted.
    """

    label: str
    spikes: float
    synops: float
    updates: int
    active: int | None = None


@dataclass(frozen=True)
class Machine:
    """Where a run took place, as far as it is known.

    Attributes:
        routing: spikes between cores.
        occupancy: chips and time.
        notes: what of it is not known.
    """

    routing: Routing | None = None
    occupancy: Occupancy | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of_cores(cls, placement: Placement, moved: Traffic) -> Machine:
        """A circuit's cores: a message once, and each hop; operand sets one a time step, the pipeline full."""
        routing = Routing(moved.messages, moved.hops_east_west, moved.hops_north_south)
        return cls(routing, Occupancy(placement.chips, moved.sets * placement.step_ns() * 1e-9))

    @classmethod
    def of_chips(cls, placement: ProgramPlacement, tokens: int) -> Machine:
        """A program's chips: tokens one after the other."""
        moved = placement.traffic
        routing = Routing(tokens * (moved.messages + moved.operands + moved.results), 0, 0)
        return cls(routing, Occupancy(placement.chips, tokens * placement.seconds), (NO_HOPS, ARITHMETIC_ALONE))
