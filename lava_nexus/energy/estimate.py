"""Energy of a run.

joules = synops * E_synop + active updates * E_active + inactive updates * E_inactive + spikes * E_spike
         + routing + static power * chips * time
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from lava_nexus.energy.constants import EnergyModel
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Tally

NO_PLACEMENT = "routing is 0 because there is no placement on cores: hops are not known"


@dataclass(frozen=True)
class CircuitEnergy:
    """One circuit's share, in joules.

    Attributes:
        label: operation and format.
        synops: spikes at synapses.
        updates_active: updates of neurons that received a spike or fired.
        updates_inactive: updates of idle neurons, and of all neurons where activity was not counted.
        spikes: what a model charges for a spike by itself.
    """

    label: str
    synops: float
    updates_active: float
    updates_inactive: float
    spikes: float = 0.0

    @property
    def total(self) -> float:
        """Joules of the circuit, routing left out."""
        return self.synops + self.updates_active + self.updates_inactive + self.spikes


@dataclass(frozen=True)
class EnergyReport:
    """Energy of a run by share, in joules, with the constants that it rests on.

    Attributes:
        model: the constants.
        inferences: inputs that the run answered.
        circuits: share of each circuit.
        routing: joules of spikes between cores, 0 without a placement.
        static: joules that chips draw whatever they do; 0 where their number or the time is not known.
        uncounted_updates: updates whose activity was not counted; they are charged as inactive.
        upper_joules: the total if every uncounted update were active; equals `joules` where all were counted.
        notes: what a reader must know beside the numbers.
    """

    model: EnergyModel
    inferences: int
    circuits: tuple[CircuitEnergy, ...]
    routing: float
    uncounted_updates: int
    upper_joules: float
    notes: tuple[str, ...]
    static: float = 0.0

    @property
    def synops(self) -> float:
        """Joules of synaptic operations."""
        return sum(circuit.synops for circuit in self.circuits)

    @property
    def updates_active(self) -> float:
        """Joules of active neuron updates."""
        return sum(circuit.updates_active for circuit in self.circuits)

    @property
    def updates_inactive(self) -> float:
        """Joules of inactive neuron updates."""
        return sum(circuit.updates_inactive for circuit in self.circuits)

    @property
    def spikes(self) -> float:
        """Joules of spikes by themselves."""
        return sum(circuit.spikes for circuit in self.circuits)

    @property
    def shares(self) -> dict[str, float]:
        """Joules by share."""
        return {
            "synops": self.synops,
            "updates_active": self.updates_active,
            "updates_inactive": self.updates_inactive,
            "spikes": self.spikes,
            "routing": self.routing,
            "static": self.static,
        }

    @property
    def joules(self) -> float:
        """Total of the run."""
        return sum(self.shares.values())

    @property
    def joules_per_inference(self) -> float:
        """Total for one input."""
        return self.joules / self.inferences

    def to_dict(self) -> dict[str, Any]:
        """Plain values for report.json."""
        return {
            "joules": self.joules,
            "joules_per_inference": self.joules_per_inference,
            "joules_upper_bound": self.upper_joules,
            "shares": self.shares,
            "model": {"name": self.model.name, "title": self.model.title},
            "constants": {constant.name: asdict(constant) for constant in self.model.constants},
            "notes": list(self.notes),
        }


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


def energy_of(
    tallies: Iterable[Tally],
    model: EnergyModel,
    inferences: int = 1,
    routing: Routing | None = None,
    occupancy: Occupancy | None = None,
) -> EnergyReport | None:
    """Energy of everything tallied, under the `streamed` schedule: one update a neuron per operand set.

    Without a count of active updates a circuit's updates are all charged as inactive: a lower bound, noted as such.

    Args:
        tallies: what was counted.
        model: constants.
        inferences: inputs that the run answered.
        routing: spikes between cores, where a placement is known.
        occupancy: chips and time, where both are known; they draw the model's static power.

    Returns:
        The report, or None where spikes were not counted.

    Raises:
        NexusError: fewer than one inference.
    """
    if inferences < 1:
        raise NexusError(f"energy per inference of {inferences} inferences does not exist; at least 1 is needed")
    listed = list(tallies)
    if any(tally.synops is None for tally in listed):
        return None
    circuits = tuple(_share(tally, model) for tally in listed)
    uncounted = sum(tally.updates for tally in listed if tally.active is None)
    static = model.static_watts * occupancy.chips * occupancy.seconds if occupancy else 0.0
    routed = routing.joules(model) if routing else 0.0
    lower = sum(circuit.total for circuit in circuits) + routed + static
    upper = lower + uncounted * (model.joules("neuron_update_active") - model.joules("neuron_update_inactive"))
    notes = [f"constants are those of: {model.title}"]
    if routing is None:
        notes.append(NO_PLACEMENT)
    if uncounted:
        notes.append(
            f"activity of {uncounted:,} neuron updates was not counted: they are charged as inactive, a lower bound; "
            f"were all of them active, the total would be {upper:.4g} J"
        )
    return EnergyReport(model, inferences, circuits, routed, uncounted, upper, tuple(notes), static)


def _share(tally: Tally, model: EnergyModel) -> CircuitEnergy:
    active = tally.active or 0
    return CircuitEnergy(
        label=tally.circuit.label,
        synops=(tally.synops or 0) * model.joules("synaptic_op"),
        updates_active=active * model.joules("neuron_update_active"),
        updates_inactive=(tally.updates - active) * model.joules("neuron_update_inactive"),
        spikes=(tally.spikes or 0) * model.joules("spike"),
    )
