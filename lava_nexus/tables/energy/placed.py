"""A row on the cores of a chip: its placement read from a file, its messages and hops counted in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lava_nexus.circuits import Circuit
from lava_nexus.energy import Occupancy, Routing
from lava_nexus.errors import NexusError
from lava_nexus.executors.executor import Tallies
from lava_nexus.mapping import Placement, Traffic
from lava_nexus.mapping.traffic import traffic


@dataclass(frozen=True)
class Placed:
    """A circuit on a chip.

    Attributes:
        placement: as saved.
        circuit: what runs: the network of the placement, whose relays are those of its largest delay.
    """

    placement: Placement
    circuit: Circuit

    @classmethod
    def load(cls, path: Path, circuit: Circuit) -> Placed:
        """The circuit as it was placed.

        Raises:
            NexusError: the file holds no placement, or one of another circuit.
        """
        placement = Placement.load(path)
        if placement.label != circuit.label:
            raise NexusError(f"placement '{path}' is of '{placement.label}', not of '{circuit.label}'")
        placed = Circuit(circuit.name, circuit.basis, placement.network, circuit.golden, circuit.options)
        return cls(placement, placed)

    def traffic(self, tallies: Tallies) -> Traffic:
        """Messages and hops of a run of the circuit."""
        (tally,) = tallies
        p = self.placement
        assert tally.signal_spikes is not None
        return traffic(p.network, p.assignment, p.places, tally.signal_spikes, tally.invocations, p.chip.mesh)

    def routing(self, tallies: Tallies) -> Routing:
        """What an energy model charges of it: a message once, and each hop."""
        found = self.traffic(tallies)
        return Routing(found.messages, found.hops_east_west, found.hops_north_south)

    def occupancy(self, sets: int) -> Occupancy:
        """Chips and seconds of so many operand sets, one a time step, pipelines full."""
        return Occupancy(self.placement.chips, sets * self.placement.step_ns() * 1e-9)
