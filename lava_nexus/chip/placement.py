"""A placement: which core of which chip each neuron of a circuit lives on, and what that uses and sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import LIMITS, Chip, Demand, demand
from lava_nexus.chip.mesh import Traffic, busiest_link, core_links, traffic
from lava_nexus.chip.timing import Interconnect, Load, Span
from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.files import DAMAGED, packed, read_regular, reason, unpacked, write_bytes
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.neurons.serialisation import from_arrays, to_arrays
from lava_nexus.neurons.split import Subnetwork, split
from lava_nexus.shown import Shown, squares

_FIELDS = ("assignment", "places", "groups", "spikes")


@dataclass(frozen=True, eq=False)
class Core:
    """One core in use.

    Attributes:
        chip, column, row, slot: where it is; `slot` tells the cores of one router apart.
        subnetwork: its neurons and the axons that reach them.
    """

    chip: int
    column: int
    row: int
    slot: int
    subnetwork: Subnetwork


@dataclass(frozen=True, eq=False, repr=False)
class Placement(Shown):
    """Neurons on cores.

    Attributes:
        label: what is placed.
        network: its neurons, relays of the chosen largest delay included.
        chip: what it is placed on.
        assignment: int64 [neurons]; the core of each neuron, 0 .. len(cores) - 1.
        places: int64 [cores, 4]; chip, column, row, slot of each core.
        groups: int64 [neurons]; population of each neuron.
        spikes: int64 [signals]; counted in a run of `sets` operand sets.
        sets: operand sets of that run.
        seed: that it was made with.
        circuit: with the network that is placed; not saved, like `runner`, what runs it.
    """

    label: str
    network: ThresholdNetwork
    chip: Chip
    assignment: NDArray[np.int64]
    places: NDArray[np.int64]
    groups: NDArray[np.int64]
    spikes: NDArray[np.int64]
    sets: int
    seed: int
    circuit: Circuit | None = field(default=None, repr=False)
    runner: Callable[..., Any] | None = field(default=None, repr=False)

    def run(self, *operands: Any, level: str = "vectorised", **options: Any) -> Any:
        """Runs what was placed, core by core, on Lava's CPU simulator; see `execute.placed.run_placed`.

        Args:
            operands: one array of values a port, as `lava_nexus.run` takes them.
            level: "vectorised" neurons, or "lif".
            options: of `run_placed`.

        Raises:
            NexusError: it was read from a file, or a run that failed.
        """
        if self.runner is None:
            raise NexusError(
                f"placement of '{self.label}' does not know what runs it, because it was read from a file or made by "
                "parts; give it to lava_nexus.execute.placed.run_placed"
            )
        return self.runner(self, *operands, level=level, **options)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        sizes = {"neurons": self.network.neurons, "cores": len(self.places), "chips": self.chips}
        return f"{self.label} on {self.chip.name}", sizes

    def _picture(self) -> str:
        mesh, counts = self.chip.mesh, np.bincount(self.assignment, minlength=len(self.places))
        wide = mesh.columns * mesh.cores_per_router
        grid = np.full((mesh.rows, wide), -1.0)
        for (chip, column, row, slot), count in zip(self.places.tolist(), counts.tolist(), strict=True):
            if chip == 0:
                grid[row, column * mesh.cores_per_router + slot] = count / counts.max()
        return squares(grid.tolist(), "cores of the first chip, darker where more of its neurons are")

    @cached_property
    def cores(self) -> tuple[Core, ...]:
        """Every core in use."""
        parts = split(self.network, self.assignment)
        return tuple(
            Core(int(place[0]), int(place[1]), int(place[2]), int(place[3]), part)
            for place, part in zip(self.places, parts, strict=True)
        )

    @property
    def chips(self) -> int:
        """Chips in use."""
        return int(self.places[:, 0].max()) + 1

    @cached_property
    def demand(self) -> Demand:
        """What each core uses."""
        return demand(self.network, self.assignment, self.groups, len(self.places), self.chip)

    @cached_property
    def traffic(self) -> Traffic:
        """Messages and hops of the run that was counted."""
        return self.traffic_of(self.spikes, self.sets)

    def traffic_of(self, spikes: NDArray[np.int64], sets: int) -> Traffic:
        """Messages and hops of a run of `sets` operand sets in which the signals [signals] fired `spikes` times."""
        return traffic(self.network, self.assignment, self.places, spikes, sets, self.chip.mesh)

    def as_placed(self, circuit: Circuit) -> Circuit:
        """The circuit with the network that is placed, relays of its largest delay included.

        Raises:
            NexusError: what is placed is another circuit.
        """
        if circuit.label != self.label:
            raise NexusError(f"placement is of '{self.label}', not of '{circuit.label}'")
        return replace(circuit, network=self.network)

    def utilization(self) -> list[dict[str, tuple[int, int]]]:
        """For each core (used, max) by limit; neurons against both figures in circulation, the smaller one decides."""
        return [utilization_row(self.demand, core, self.chip) for core in range(len(self.places))]

    @cached_property
    def synops_per_set(self) -> NDArray[np.float64]:
        """float64 [cores]: synaptic operations in each core for one operand set."""
        at = self.assignment[self.network.targets]
        return np.bincount(at, self.spikes[self.network.sources], len(self.places)) / max(1, self.sets)

    @cached_property
    def reads_per_set(self) -> NDArray[np.float64]:
        """float64 [cores]: words of synapse memory that each core reads for one operand set: all of an axon's."""
        cores = len(self.places)
        pairs, sizes = np.unique(
            self.network.sources.astype(np.int64) * cores + self.assignment[self.network.targets], return_counts=True
        )
        words = -(-sizes // self.chip.limits.synapses_per_word.most)
        read = np.bincount(pairs % cores, self.spikes[pairs // cores] * words, cores)
        return np.asarray(read / max(1, self.sets))

    @property
    def loads(self) -> tuple[Load, ...]:
        """What each core does in a step with a wave in every level."""
        counts = (self.demand.neurons, self.synops_per_set, self.reads_per_set)
        return tuple(Load(*one) for one in zip(*(count.tolist() for count in counts), strict=True))

    @cached_property
    def step(self) -> Span:
        """Nanoseconds of a time step with a wave in every level, by the chip's model of time."""
        tiles = len(np.unique(self.places[:, :3], axis=0))
        links = core_links(self.network, self.assignment, self.spikes)
        link = busiest_link(self.places, links, self.chip.mesh) / max(1, self.sets)
        return self.chip.timing.step(self.loads, Interconnect(tiles, self.chip.mesh.routers, Span.of(link)))

    def step_ns(self) -> float:
        """As `step`, without its range."""
        return self.step.value

    def save(self, path: str | Path) -> Path:
        """Writes an npz file of plain arrays and JSON that ends in its SHA-256, whole or not at all."""
        arrays, metadata = to_arrays(self.network)
        header = {
            "label": self.label,
            "network": metadata,
            "chip": self.chip.resolved(),
            "sets": self.sets,
            "seed": self.seed,
        }
        own = {name: getattr(self, name) for name in _FIELDS}
        target = Path(path)
        write_bytes(target, packed(header, arrays | own, compressed=True))
        return target

    @classmethod
    def load(cls, path: str | Path) -> Placement:
        """Reads what `save` wrote.

        Raises:
            NexusError: the file is missing, damaged or no placement.
        """
        try:
            header, arrays = unpacked(read_regular(Path(path)))
            own: dict[str, Any] = {name: np.asarray(arrays[name]) for name in _FIELDS}
            return cls(
                label=header["label"],
                network=from_arrays(arrays, header["network"]),
                chip=Chip.model_validate_json(json.dumps(header["chip"])),
                **own,
                sets=header["sets"],
                seed=header["seed"],
            )
        except FileNotFoundError:
            raise NexusError(f"placement '{path}' does not exist") from None
        except DAMAGED as error:
            raise NexusError(f"file '{path}' holds no placement: {reason(error)}") from error


def utilization_row(use: Demand, core: int, chip: Chip) -> dict[str, tuple[int, int]]:
    """(used, max) of one core by limit."""
    row = {limit: (int(use.used(limit)[core]), chip.most(limit)) for limit in LIMITS}
    return row | {"neurons_stated": (row["neurons"][0], chip.limits.neurons_stated.most)}
