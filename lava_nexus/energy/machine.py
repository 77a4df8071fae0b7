"""What an energy is of: which network, on what, at what pace. The one definition of `work` and `machine`.

    work    = SynOps * E_synop + active updates * E_active + spikes * E_spike
    machine = work + idle updates * E_idle + routing + input and output + surroundings + static power * chips * time

- *Which network*: the largest synaptic delay and the relays that it takes. A spike and an update of a relay count.
- *On what*: a placement on cores and chips, and whether the host feeds the weights. Every placed neuron is updated in
  every step: idle updates are neurons * steps of the run - active ones.
- *At what pace*: `streamed`, operand sets back to back, the pipeline full; `single`, one after the other, each waiting
  for the last; either with a duty cycle, the share of the time in which there is something to do. While there is
  nothing to do the steps stop and static power is drawn.

`work` cannot be avoided by any placement or pace. Without a placement there is no machine, and only `work` is known.
What is not known is a range: `low`, `value`, `high`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lava_nexus.chip.mesh import Traffic
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.timing import Span
from lava_nexus.energy.constants import EnergyModel
from lava_nexus.errors import NexusError

PaceName = Literal["streamed", "single"]
FAR = (
    "messages inside an instance go the ways of its circuit as placed by itself; operands and results the mean way "
    "between two tiles in use, at most the longest; ways between chips are not charged, since no source prices them"
)
STANDING = (
    "registers, selectors, sequencer and tables were not run: half of their bits are taken as set in every step, at "
    "most, each a neuron that fires and is updated as active"
)


@dataclass(frozen=True)
class Subject:
    """Which network.

    Attributes:
        circuits: different ones.
        neurons, relays: of an instance each, relays among the neurons.
        largest_delays: that synapses of the circuits may have, each once.
    """

    circuits: int
    neurons: int
    relays: int
    largest_delays: tuple[int, ...]

    def __str__(self) -> str:
        what = "1 circuit" if self.circuits == 1 else f"{self.circuits} circuits"
        each = "" if self.circuits == 1 else " with an instance each"
        delays = " or ".join(map(str, self.largest_delays)) or "0"
        return f"{what}, {self.neurons:,} neurons{each}, {self.relays:,} of them relays, largest delay {delays}"


@dataclass(frozen=True)
class Site:
    """On what.

    Attributes:
        chip: its title.
        neurons, cores, chips: in use.
        weights: where they come from; empty for a circuit, which has none.
    """

    chip: str
    neurons: int
    cores: int
    chips: int
    weights: str = ""

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores:,} cores"
        chips = "1 chip" if self.chips == 1 else f"{self.chips:,} chips"
        weights = f", weights {self.weights}" if self.weights else ""
        return f"{self.neurons:,} neurons on {cores} of {chips} ({self.chip}){weights}"


@dataclass(frozen=True)
class Pace:
    """At what pace.

    Attributes:
        name: "streamed" or "single".
        steps: time steps of the run.
        step_ns: nanoseconds of one.
        duty: share 0..1 of the time in which there is something to do.
    """

    name: PaceName
    steps: int
    step_ns: Span
    duty: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in ("streamed", "single"):
            raise NexusError(f"pace '{self.name}' is neither 'streamed' nor 'single'")
        if not 0 < self.duty <= 1:
            raise NexusError(f"duty cycle {self.duty:g} is not in 0 .. 1, 0 excluded")

    @property
    def seconds(self) -> Span:
        """Of the run, waiting between tokens or operand sets included."""
        return self.step_ns * (1e-9 * self.steps / self.duty)

    def __str__(self) -> str:
        how = {"streamed": "streamed back to back", "single": "one after the other"}[self.name]
        waiting = "" if self.duty == 1 else f", busy {100 * self.duty:g} % of the time"
        return f"{how}, {self.steps:,} time steps{waiting}"


@dataclass(frozen=True)
class Routing:
    """Spikes between cores over a run, from a placement.

    Attributes:
        within_tile: spikes to another core.
        east_west, north_south: hops between neighbouring tiles, where they are known.
        far: of `within_tile` those whose hops are not known.
        mean, longest: (east-west, north-south) hops of one of those: between two tiles drawn at random, and at most.
    """

    within_tile: int
    east_west: int
    north_south: int
    far: int = 0
    mean: tuple[float, float] = (0.0, 0.0)
    longest: tuple[int, int] = (0, 0)

    @classmethod
    def of_program(cls, placement: ProgramPlacement, tokens: int) -> Routing:
        """Messages of a program's tokens."""
        moved, mesh = placement.traffic, placement.chip.mesh
        far = moved.operands + moved.results + moved.native
        cores = min(-(-placement.core_count // placement.chips), placement.chip.cores)
        tiles = -(-cores // mesh.cores_per_router)
        columns, rows = min(mesh.columns, -(-tiles // mesh.rows)), min(mesh.rows, tiles)
        return cls(
            tokens * (moved.messages + moved.operands + moved.results),
            tokens * moved.hops_east_west,
            tokens * moved.hops_north_south,
            tokens * far,
            mean=((columns**2 - 1) / (3 * columns), (rows**2 - 1) / (3 * rows)),
            longest=(columns - 1, rows - 1),
        )

    def joules(self, model: EnergyModel) -> Span:
        """Energy of all of them."""
        message, along, across = map(model.span, ("within_tile_spike", "hop_east_west", "hop_north_south"))
        known = message * self.within_tile + along * self.east_west + across * self.north_south
        expected, most = ((along * x + across * y) * self.far for x, y in (self.mean, self.longest))
        return known + Span(0.0, expected.value, most.high)


@dataclass(frozen=True)
class CircuitCounts:
    """One circuit's counts over a run.

    Attributes:
        label: operation and format.
        spikes, synops: of neurons, and at synapses; means where they are of a placed program.
        updates: of neurons, one a neuron and operand set.
        active: of them those in which a neuron received a spike or fired; None where not counted.
    """

    label: str
    spikes: float
    synops: float
    updates: int
    active: float | None = None


@dataclass(frozen=True)
class Machine:
    """Where and how a run took place.

    Attributes:
        site: on what.
        pace: how fast.
        routing: spikes between cores.
        words: that the host fed in or took, over the run.
        standing: synaptic operations of a step, at most, in what stands around the circuits.
        around: neurons of that.
        filling: steps in which the pipeline fills and drains once, beside those of the run.
        notes: what of it is not known.
    """

    site: Site
    pace: Pace
    routing: Routing = Routing(0, 0, 0)
    words: int = 0
    standing: float = 0.0
    around: int = 0
    filling: int = 0
    notes: tuple[str, ...] = ()

    def surroundings(self, model: EnergyModel) -> Span:
        """What stands around the circuits, beside its idle updates: from nothing to half of its bits in every step.

        A synaptic operation wakes at most one neuron, whose update is then active instead of idle, and which may fire.
        """
        woken = min(self.standing, float(self.around))
        active, idle = model.span("neuron_update_active"), model.span("neuron_update_inactive")
        more = (max(0.0, a - i) for a, i in ((active.value, idle.value), (active.high, idle.high)))
        each = Span(0.0, *more) + model.span("spike")
        whole = (model.span("synaptic_op") * self.standing + each * woken) * self.pace.steps
        return Span(0.0, whole.value, whole.high)

    @property
    def updates(self) -> int:
        """Neuron updates of the run: every placed neuron in every step."""
        return self.site.neurons * self.pace.steps

    @classmethod
    def of_cores(cls, placement: Placement, moved: Traffic, pace: PaceName | None, duty: float) -> Machine:
        """A circuit's cores: a message once, and each hop; `streamed` where no pace is given."""
        network, name = placement.network, pace or "streamed"
        site = Site(placement.chip.title, network.neurons, len(placement.places), placement.chips)
        steps = moved.sets * (1 if name == "streamed" else network.depth)
        routing = Routing(moved.messages, moved.hops_east_west, moved.hops_north_south)
        filling = network.depth - 1 if name == "streamed" else 0
        return cls(site, Pace(name, steps, placement.step, duty), routing, filling=filling)

    @classmethod
    def of_chips(cls, placement: ProgramPlacement, tokens: int, pace: PaceName | None, duty: float) -> Machine:
        """A program's chips: tokens one after the other where no pace is given; `streamed` takes the bound of time."""
        io, name = placement.io, pace or "single"
        weights = "on chip" if placement.memory.weights == "chip" else "fed by the host"
        site = Site(placement.chip.title, placement.neurons, placement.core_count, placement.chips, weights)
        steps = tokens * (placement.steps if name == "single" else placement.interval)
        step = placement.step if name == "single" else placement.streamed_step or placement.step
        around = [one for one in placement.circuits if not one.arithmetic]
        return cls(
            site,
            Pace(name, steps, step, duty),
            Routing.of_program(placement, tokens),
            words=tokens * (sum(io.words_in.values()) + sum(io.words_out.values())),
            standing=sum((one.synops or 0.0) * one.instances for one in around),
            around=sum(one.neurons * one.instances for one in around),
            notes=(FAR, STANDING),
        )
