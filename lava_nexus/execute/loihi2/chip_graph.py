"""A placed network as Lava Processes for a chip: one LIF a core, synapses between them, adapters to and from the host.

host   Encoder -> to_chip | ... | from_chip -> Probe
chip                      LIF and Sparse of each core, and the marker

How many steps an adapter takes is not public. The marker, one LIF neuron that the strobe feeds, is read back like the
others: a neuron of level l fires for the wave w at l - 1 + w steps after the marker's first spike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from lava.magma.core.process.process import AbstractProcess
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import Sparse
from numpy.typing import NDArray

from lava_nexus.chip.placement import Placement
from lava_nexus.execute.lava.cores import axon_sources
from lava_nexus.execute.lava.lif import LifPopulation, check_lif, memoryless_lif, synapses_between
from lava_nexus.execute.lava.processes.coding import Encoder
from lava_nexus.execute.lava.processes.host import Probe
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.loihi2.extension import Extension
from lava_nexus.neurons import STROBE, ThresholdNetwork
from lava_nexus.neurons.split import split


@dataclass
class ChipGraph:
    """Connected Processes.

    Attributes:
        encoder: where operand sets come in.
        cores: for each core its LIF Process.
        synapses: for each core the Processes of all synapses that end in it.
        marker: the strobe's neuron and its synapse.
        trains: shared int8 [steps, 1, signals + 1]; spikes read back in each step, the marker's last.
    """

    encoder: Encoder
    cores: list[LIF]
    synapses: list[list[AbstractProcess]]
    marker: list[AbstractProcess]
    trains: NDArray[np.int8]

    @property
    def on_chip(self) -> Iterator[AbstractProcess]:
        """Every Process that must run on the chip."""
        yield from self.cores
        for synapses in self.synapses:
            yield from synapses
        yield from self.marker


def chip_graph(
    placement: Placement, sets: int, steps: int, extension: Extension, outputs_only: bool = False
) -> ChipGraph:
    """Builds and connects the Processes.

    Args:
        placement: the neurons, and the core of each.
        sets: operand sets that the encoder can hold.
        steps: time steps of which spikes are kept.
        extension: where the adapters come from.
        outputs_only: whether only cores that hold an output are read back: fewer messages, no counts of spikes.

    Raises:
        NexusError: a network that LIF cannot hold.
    """
    network, assignment = placement.network, placement.assignment
    check_lif(network)
    parts = split(network, assignment)
    encoder = Encoder(network.inputs, sets)
    entry = extension.to_chip((network.n_inputs,))
    encoder.s_out.flatten().connect(entry.inp)
    populations = [LifPopulation.of(part, 1, [], name=f"core{i}") for i, part in enumerate(parts)]
    ports = [entry.out, *(population.neurons.s_out for population in populations)]
    synapses: list[list[AbstractProcess]] = []
    for part, population in zip(parts, populations, strict=True):
        synapses.append([] if population.synapses is None else [population.synapses])
        for source, (channels, picked, axons) in axon_sources(network, part, parts, assignment).items():
            inward = synapses_between(part, axons, picked, channels, 1)
            _connect(ports[source], inward, population.neurons)
            synapses[-1].append(inward)
    marker, mark = _marker(network, entry.out)

    columns = network.n_signals + 1
    counts, trains = shared_array((columns,), np.int64), shared_array((steps, 1, columns), np.int8)
    wanted = {int(assignment[s - network.n_inputs]) for port in network.outputs for s in port.signals}
    for core, (part, population) in enumerate(zip(parts, populations, strict=True)):
        if not outputs_only or core in wanted:
            signals = network.n_inputs + part.members.astype(np.int64)
            _read(population.neurons, extension, Probe(counts, trains, signals))
    _read(marker, extension, Probe(counts, trains, np.array([columns - 1])))
    return ChipGraph(encoder, [p.neurons for p in populations], synapses, [marker, mark], trains)


def partitioning(graph: ChipGraph, placement: Placement) -> dict[str, Any]:
    """{"chip": number, "core": (row * columns + column) * cores_per_router + slot} by name of each core's Processes."""
    mesh, places = placement.chip.mesh, placement.places.tolist()
    found: dict[str, Any] = {}
    for (chip, column, row, slot), core, synapses in zip(places, graph.cores, graph.synapses, strict=True):
        where = {"chip": chip, "core": (row * mesh.columns + column) * mesh.cores_per_router + slot}
        found |= {process.name: where for process in (core, *synapses)}
    return found


def _marker(network: ThresholdNetwork, entry: Any) -> tuple[LIF, Sparse]:
    """A neuron that fires one step after every strobe, and its synapse."""
    neuron = memoryless_lif(np.ones(1, np.int64), "marker")
    strobe = np.zeros((1, network.n_inputs), np.int64)
    strobe[0, STROBE] = 2
    synapse = Sparse(weights=strobe)
    _connect(entry, synapse, neuron)
    return neuron, synapse


def _connect(port: Any, synapses: AbstractProcess, neurons: LIF) -> None:
    port.connect(synapses.s_in)
    synapses.a_out.connect(neurons.a_in)


def _read(neurons: LIF, extension: Extension, probe: Probe) -> None:
    adapter = extension.from_chip(neurons.s_out.shape)
    neurons.s_out.connect(adapter.inp)
    adapter.out.reshape(probe.a_in.shape).connect(probe.a_in)
