"""Runs a placed network on a chip: probes, compiler, run, spikes and joules read back, in that order.

A placed network as Lava Processes for a chip: one LIF a core, synapses between them, adapters to and from the host.

host   Encoder -> to_chip | ... | from_chip -> Probe
chip                      LIF and Sparse of each core, and the marker

How many steps an adapter takes is not public. The marker, one LIF neuron that the strobe feeds, is read back like the
others: a neuron of level l fires for the wave w at l - 1 + w steps after the marker's first spike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from lava_nexus.execute.lava.cores import axon_sources
from lava_nexus.execute.lava.lif import LifPopulation, check_lif, memoryless_lif, synapses_between
from lava_nexus.execute.lava.processes.coding import Encoder
from lava_nexus.execute.lava.processes.host import Probe
from lava_nexus.execute.lava.session import Session
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


ADAPTER_STEPS = 16


@dataclass(frozen=True)
class ChipRun:
    """What a run gave.

    Attributes:
        spikes: bool [sets, neurons]; of every neuron that was read back, for each operand set.
        steps: time steps taken.
        joules: of the whole run, as the chip's probe measured it; None where it was not asked for.
    """

    spikes: NDArray[np.bool_]
    steps: int
    joules: float | None


def run_on_chip(
    placement: Placement,
    operands: Sequence[NDArray[Any]],
    extension: Extension,
    *,
    outputs_only: bool = False,
    energy: bool = True,
    timeout: float = 600.0,
) -> ChipRun:
    """One wave a time step through the placed network.

    Args:
        placement: the neurons, the core of each, and where on the chip each core is.
        operands: patterns [sets] of each input port.
        extension: Intel's.
        outputs_only: whether only cores that hold an output are read back.
        energy: whether the energy probe runs.
        timeout: seconds that starting, and running, may take.

    Raises:
        NexusError: a Process without a model for the chip, waves that do not come back, or a run that failed.
    """
    network, sets = placement.network, len(operands[0])
    steps = sets + network.depth + ADAPTER_STEPS
    graph = chip_graph(placement, sets, steps, extension, outputs_only)
    run_config = extension.run_config()
    profiler = extension.profiler(run_config) if energy else None
    if profiler is not None:
        profiler.energy_probe(num_steps=steps)
    compile_config = {"partitioning": partitioning(graph, placement)}
    graph.encoder.load(*operands)
    with Session(graph.encoder, timeout=timeout, run_config=run_config, compile_config=compile_config) as session:
        _check_models(graph)
        session.run(steps)
        joules = None if profiler is None else float(profiler.energy)
    return ChipRun(_aligned(network, graph.trains[:, 0] != 0, sets), steps, joules)


def _check_models(graph: ChipGraph) -> None:
    """Lava runs on the host, without a word, what has no model for the chip."""
    for process in graph.on_chip:
        if not any(issubclass(resource, NeuroCore) for resource in process.model_class.required_resources):
            kind = type(process).__name__
            cure = "; place the circuit with max_delay=0, which needs Sparse alone" if kind == "DelaySparse" else ""
            raise NexusError(f"Lava Process {process.name} ({kind}) has no model for Loihi 2 in the extension{cure}")


def _aligned(network: ThresholdNetwork, seen: NDArray[np.bool_], sets: int) -> NDArray[np.bool_]:
    """Spikes [sets, neurons] out of those of each step, by the marker's first spike."""
    marks = np.flatnonzero(seen[:, -1])
    if not len(marks):
        raise NexusError(f"chip sent nothing back within {len(seen)} time steps")
    first = int(marks[0])
    if not np.array_equal(marks, first + np.arange(sets)):
        raise NexusError(f"chip sent {len(marks)} of {sets} waves back, or not one a time step")
    rows = first - 1 + np.arange(sets)[:, None] + network.levels[None, :]
    if int(rows.max()) >= len(seen):
        raise NexusError(f"chip's adapters took {first - 1} time steps, more than the {ADAPTER_STEPS} waited for")
    columns = network.n_inputs + np.arange(network.neurons)
    return np.asarray(seen[rows, columns[None, :]])
