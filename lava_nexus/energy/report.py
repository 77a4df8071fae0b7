"""Joules of a run by share and by circuit, with the constants that they rest on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lava_nexus.energy.constants import EnergyModel


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
