"""Runs a placed network on a chip: probes, compiler, run, spikes and joules read back, in that order.

A placed network as Lava Processes for a chip: one LIF a core, synapses between them, adapters to and from the host.

host   Encoder -> to_chip | ... | from_chip -> Probe
chip                      LIF and Sparse of each core, and the marker

How many steps an adapter takes is not public. The marker, one LIF neuron that the strobe feeds, is read back like the
others: a neuron of level l fires for the wave w at l - 1 + w steps after the marker's first spike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import NeuroCore
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import Sparse
from numpy.typing import NDArray

from lava_nexus.chip.placement import Placement
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.cores import axon_sources, programs_of, sender_places
from lava_nexus.execute.lava.lif import LAVA, LifPopulation, check_lif, memoryless_lif, synapses_between
from lava_nexus.execute.lava.processes.coding import Encoder
from lava_nexus.execute.lava.processes.host import Probe
from lava_nexus.execute.lava.session import Session
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.loihi2.extension import Extension, Measured, ProbeName, Probes
from lava_nexus.execute.loihi2.residue import check_residue
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
        NexusError: a network that LIF cannot hold, or whose margin a decay's rounding could reach.
    """
    network, assignment = placement.network, placement.assignment
    check_lif(network)
    check_residue(network)
    parts = split(network, assignment)
    encoder = Encoder(network.inputs, sets)
    entry = extension.to_chip((network.n_inputs,), 0)
    encoder.s_out.flatten().connect(entry.inp)
    populations = [LifPopulation.of(part, 1, [], name=f"core{i}", kinds=LAVA) for i, part in enumerate(parts)]
    ports = [entry.out, *(population.neurons.s_out for population in populations)]
    senders, synapses = sender_places(network, parts, programs_of(network)[0]), list[list[AbstractProcess]]()
    for part, population in zip(parts, populations, strict=True):
        synapses.append([] if population.synapses is None else [population.synapses])
        for source, what in axon_sources(part, senders).items():
            inward = synapses_between(part, what.axons, what.picked, what.channels, 1, LAVA)
            connect(ports[source], inward, population.neurons)
            synapses[-1].append(inward)
    marker, mark = marker_of(STROBE, network.n_inputs, entry.out)

    columns = network.n_signals + 1
    counts, trains = shared_array((columns,), np.int64), shared_array((steps, 1, columns), np.int8)
    wanted = {int(assignment[s - network.n_inputs]) for port in network.outputs for s in port.signals}
    for core, (part, population) in enumerate(zip(parts, populations, strict=True)):
        if not outputs_only or core in wanted:
            signals = network.n_inputs + part.members.astype(np.int64)
            read_back(population.neurons, extension, Probe(counts, trains, signals))
    read_back(marker, extension, Probe(counts, trains, np.array([columns - 1])))
    return ChipGraph(encoder, [p.neurons for p in populations], synapses, [marker, mark], trains)


def partitioning(graph: ChipGraph, placement: Placement) -> dict[str, Any]:
    """{"chip": number, "core": (row * columns + column) * cores_per_router + slot} by name of each core's Processes."""
    mesh, places = placement.chip.mesh, placement.places.tolist()
    found: dict[str, Any] = {}
    for (chip, column, row, slot), core, synapses in zip(places, graph.cores, graph.synapses, strict=True):
        where = {"chip": chip, "core": (row * mesh.columns + column) * mesh.cores_per_router + slot}
        found |= {process.name: where for process in (core, *synapses)}
    return found


def marker_of(channel: int, channels: int, entry: Any) -> tuple[LIF, Sparse]:
    """A neuron that fires one step after every spike of a channel of `entry`, and its synapse."""
    neuron = memoryless_lif(np.ones(1, np.int64), "marker")
    weights = np.zeros((1, channels), np.int64)
    weights[0, channel] = 2
    synapse = Sparse(weights=weights)
    connect(entry, synapse, neuron)
    return neuron, synapse


def connect(port: Any, synapses: AbstractProcess, neurons: LIF) -> None:
    """From a port through synapses to neurons."""
    port.connect(synapses.s_in)
    synapses.a_out.connect(neurons.a_in)


def read_back(neurons: Any, extension: Extension, probe: Probe, bits: int = 0) -> None:
    """From neurons to the host, in messages of so many bits, 0 for spikes."""
    adapter = extension.from_chip(neurons.s_out.shape, bits)
    neurons.s_out.connect(adapter.inp)
    adapter.out.reshape(probe.a_in.shape).connect(probe.a_in)


ADAPTER_STEPS = 16


@dataclass(frozen=True)
class ChipRun:
    """What a run gave.

    Attributes:
        spikes: bool [sets, neurons]; of every neuron that was read back, for each operand set.
        steps: time steps taken.
        measured: what the probes gave.
    """

    spikes: NDArray[np.bool_]
    steps: int
    measured: Measured


def run_on_chip(
    placement: Placement,
    operands: Sequence[NDArray[Any]],
    extension: Extension,
    *,
    outputs_only: bool = False,
    probes: Sequence[ProbeName] = ("energy",),
    timeout: float = 600.0,
) -> ChipRun:
    """One wave a time step through the placed network.

    Args:
        placement: the neurons, the core of each, and where on the chip each core is.
        operands: patterns [sets] of each input port.
        extension: Intel's.
        outputs_only: whether only cores that hold an output are read back.
        probes: which of the chip's probes run.
        timeout: seconds that starting, and running, may take.

    Raises:
        NexusError: a Process without a model for the chip, waves that do not come back, or a run that failed.
    """
    network, sets = placement.network, len(operands[0])
    steps = sets + network.depth + ADAPTER_STEPS
    graph = chip_graph(placement, sets, steps, extension, outputs_only)
    watched = Probes(extension, probes, steps)
    compile_config = {"partitioning": partitioning(graph, placement)}
    graph.encoder.load(*operands)
    configs: dict[str, Any] = {"run_config": watched.run_config, "compile_config": compile_config}
    with Session(graph.encoder, timeout=timeout, **configs) as session:
        check_models(graph.on_chip)
        session.run(steps)
        measured = watched.read()
    return ChipRun(_aligned(network, graph.trains[:, 0] != 0, sets), steps, measured)


def check_models(on_chip: Iterable[AbstractProcess]) -> None:
    """Lava runs on the host, without a word, what has no model for the chip; this raises NexusError instead."""
    for process in on_chip:
        if not any(issubclass(resource, NeuroCore) for resource in process.model_class.required_resources):
            kind = type(process).__name__
            cure = "; place the circuit with max_delay=0, which needs Sparse alone" if kind == "DelaySparse" else ""
            raise NexusError(f"Lava Process {process.name} ({kind}) has no model for Loihi 2 in the extension{cure}")


def _aligned(network: ThresholdNetwork, seen: NDArray[np.bool_], sets: int) -> NDArray[np.bool_]:
    """Spikes [sets, neurons] out of those of each step, by the marker's first spike."""
    first = first_mark(seen[:, -1], sets)
    rows = first - 1 + np.arange(sets)[:, None] + network.levels[None, :]
    if int(rows.max()) >= len(seen):
        raise NexusError(f"chip's adapters took {first - 1} time steps, more than the {ADAPTER_STEPS} waited for")
    columns = network.n_inputs + np.arange(network.neurons)
    return np.asarray(seen[rows, columns[None, :]])


def first_mark(marks: NDArray[np.bool_], sets: int) -> int:
    """The step in which the marker [steps] fired first; it fires in `sets` steps in a row.

    Raises:
        NexusError: it did not.
    """
    seen = np.flatnonzero(marks)
    if not len(seen):
        raise NexusError(f"chip sent nothing back within {len(marks)} time steps")
    if not np.array_equal(seen, seen[0] + np.arange(sets)):
        raise NexusError(f"chip sent {len(seen)} of {sets} waves back, or not one a time step")
    return int(seen[0])
