"""Networks of neurons with equations of their own on a chip, an operand set a window, payloads read back.

host   Operands -> to_chip | ... | from_chip -> Probe
chip                       neurons of each kind, Sparse and DelaySparse between them, and the marker

A window begins in the step in which a set arrives, where states begin anew, but how many steps an adapter takes is not
public: a neuron that counts steps is asked first, and sends its count when a spike comes. The marker, as in `chip_run`,
says how late what is sent is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from lava.proc.sparse.process import Sparse
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.population_lif import CHIP, INPUT, LEAST_WINDOW, MESSAGE_BITS, Places, check_lif, neurons
from lava_nexus.execute.lava.population_lif import synapses as synapses_of
from lava_nexus.execute.lava.processes.host import Operands, Probe
from lava_nexus.execute.lava.processes.stateful import StatefulNeurons
from lava_nexus.execute.lava.session import Session
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.loihi2.chip_run import ADAPTER_STEPS, check_models, connect, marker_of, read_back
from lava_nexus.execute.loihi2.extension import Extension, Probes
from lava_nexus.execute.populations import check_feeds
from lava_nexus.neurons import STROBE
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.populations.stateful import StatefulNeuron

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class PopulationRun:
    """What a run gave.

    Attributes:
        outputs: int64 [sets, size] by name.
        spikes: int64 [signals].
        joules: as the energy probe counts the board; None where it was not asked.
    """

    outputs: dict[str, Integers]
    spikes: Integers
    joules: float | None


def populations_on_chip(
    network: PopulationNetwork,
    feeds: Mapping[str, Integers],
    extension: Extension,
    *,
    energy: bool = False,
    timeout: float = 600.0,
) -> PopulationRun:
    """A network on int64 [sets, size] a named input (the strobe is added), a set a window.

    Args:
        network: without recurrent edges; its neurons with equations are programs of the chip's, others Lava's.
        feeds: what is put in.
        extension: Intel's.
        energy: whether the energy probe runs.
        timeout: seconds that starting, and running, may take.

    Raises:
        NexusError: an input that does not fit, a Process without a model for the chip, or a run that failed.
    """
    check_lif(network)
    sets, window = check_feeds(network, feeds), max(LEAST_WINDOW, network.window)
    loads = [np.ones((sets, 1), np.int64), *(feeds[p.name] for p in network.inputs[1:])]
    waves = np.concatenate(loads, axis=1).astype(np.int32)[:, None]
    steps = (sets - 1) * window + network.depth + 1 + ADAPTER_STEPS
    phase = (arrival(extension, timeout) - 2) % window  # neurons take a set in the window's second step
    operands, entry = _entered(waves, window, extension)
    made = neurons(network, 1, CHIP, phase)
    between = synapses_of(network, 1, CHIP)
    for source, target, matrix in between:
        connect(entry.out if source == INPUT else made[source].s_out, matrix, made[target])
    marker = marker_of(STROBE, network.n_inputs, entry.out)
    columns = network.n_signals + 1
    counts, trains = shared_array((columns,), np.int64), shared_array((steps, 1, columns), np.int32)
    places = Places.of(network)
    for kind, process in made.items():
        read_back(process, extension, Probe(counts, trains, places.signals(network, kind)), _bits(kind))
    read_back(marker[0], extension, Probe(counts, trains, np.array([columns - 1])))
    probes = Probes(extension, ("energy",) if energy else (), steps)
    with Session(operands, timeout=timeout, run_config=probes.run_config) as session:
        check_models([*made.values(), *(matrix for _, _, matrix in between), *marker])
        session.run(steps)
        joules = probes.read().joules
    counts[: network.n_inputs] = np.count_nonzero(waves[:, 0], axis=0)
    return PopulationRun(_outputs(network, trains[:, 0], sets, window), counts[:-1].copy(), joules)


def arrival(extension: Extension, timeout: float) -> int:
    """The step, from 1 on, in which neurons receive what the host sends in the first one."""
    steps = 2 * ADAPTER_STEPS
    counted = (("t", "clock"), ("clock", f"min(clock + 1, {steps})"), ("sent", "where(a != 0, t + 1, 0)"))
    neuron = StatefulNeurons(StatefulNeuron("steps", ("clock",), counted, "sent"), (1,), steps)
    operands, entry = _entered(np.ones((1, 1, 1), np.int32), steps, extension)
    synapse = Sparse(weights=np.ones((1, 1), np.int64), num_message_bits=MESSAGE_BITS)
    connect(entry.out, synapse, neuron)
    counts, trains = shared_array((1,), np.int64), shared_array((steps, 1, 1), np.int32)
    read_back(neuron, extension, Probe(counts, trains, np.zeros(1, np.int64)), MESSAGE_BITS)
    run_config = Probes(extension, (), steps).run_config
    with Session(operands, timeout=timeout, run_config=run_config) as session:
        check_models([neuron, synapse])
        session.run(steps)
    if not trains.any():
        raise NexusError(f"chip's adapters took more than the {steps} time steps waited for")
    return int(trains.max())


def _entered(waves: NDArray[np.int32], window: int, extension: Extension) -> tuple[Operands, Any]:
    """What the host sends, and the adapter that brings it to the chip."""
    operands, entry = Operands(waves, window), extension.to_chip(waves.shape[2:], MESSAGE_BITS)
    operands.s_out.flatten().connect(entry.inp)
    return operands, entry


def _bits(kind: str) -> int:
    """Bits of a message of neurons of a kind; 0 for spikes."""
    return 0 if kind == "bit" else MESSAGE_BITS


def _outputs(network: PopulationNetwork, seen: NDArray[np.int32], sets: int, window: int) -> dict[str, Integers]:
    """What every read-out sent for each set, of what was seen of all signals, the marker's last."""
    marks = np.flatnonzero(seen[:, -1])
    if not np.array_equal(marks, marks[:1] + np.arange(sets) * window):
        raise NexusError(f"chip sent {len(marks)} of {sets} windows back, or not one every {window} time steps")
    rows = marks + network.depth - 1
    if rows[-1] >= len(seen):
        raise NexusError(f"chip's adapters took {marks[0]} time steps, more than the {ADAPTER_STEPS} waited for")
    sent = seen[rows].astype(np.int64)
    of = {i: sent[:, network.offsets[i] : network.offsets[i + 1]] for i in range(len(network.populations))}
    return {o.name: of[o.population] - (0 if o.negative is None else of[o.negative]) for o in network.outputs}
