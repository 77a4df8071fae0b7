"""Runs a placed network on a chip: probes, compiler, run, spikes and joules read back, in that order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lava.magma.core.resources import NeuroCore
from numpy.typing import NDArray

from lava_nexus.chip.placement import Placement
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.session import Session
from lava_nexus.execute.loihi2.chip_graph import ChipGraph, chip_graph, partitioning
from lava_nexus.execute.loihi2.extension import Extension
from lava_nexus.neurons import ThresholdNetwork

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
