"""A network on Lava, as one Process through which operand sets stream, or core by core.

Core by core it is a Process for each core of an assignment, connected by the axons between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.machine import Machine
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.lif import Level, check_lif, time_steps
from lava_nexus.execute.lava.processes.coding import Decoder, Encoder
from lava_nexus.execute.lava.processes.host import Operands
from lava_nexus.execute.lava.processes.network import Core, Network
from lava_nexus.execute.lava.session import Session
from lava_nexus.neurons import MEMORYLESS, NeuronModel, ThresholdNetwork
from lava_nexus.neurons.split import Subnetwork, split

_MOST_CORES = 64


def run_cores(
    wired: ThresholdNetwork | Machine,
    assignment: NDArray[np.int64],
    rows: NDArray[np.int8],
    watched: NDArray[np.int64],
    level: Level = "vectorised",
    timeout: float = 600.0,
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Runs neurons core by core: counts int64 [signals], and spikes int8 [steps, lanes, watched].

    Args:
        wired: the neurons, recurrent ones too.
        assignment: core of each neuron.
        rows: what the host sends, [steps, lanes, inputs].
        watched: numbers (0-based) of the neurons whose spikes are wanted, none twice.
        level: "vectorised", or "lif" for Lava's own LIF, Sparse and DelaySparse.
        timeout: seconds that starting, and running, may take.

    Raises:
        NexusError: more cores than are worth simulating one by one, or a network that LIF cannot hold.
    """
    parts = split(cast(ThresholdNetwork, wired), assignment)
    if len(parts) > _MOST_CORES:
        raise NexusError(f"simulation of {len(parts)} cores one by one is above {_MOST_CORES}")
    if level == "lif" and isinstance(wired, ThresholdNetwork):
        check_lif(wired)
    steps, lanes, _ = rows.shape
    host = Operands(rows.astype(np.int32), 1, "host")
    seen = [np.flatnonzero(np.isin(part.members, watched)) for part in parts]
    cores = [
        Core(part, axon_sources(wired, part, parts, assignment), lanes, steps, seen[number], f"core{number}")
        for number, part in enumerate(parts)
    ]
    for core in cores:
        for source in core.sources:
            out = host.s_out if source == 0 else cores[source - 1].v0_out
            out.connect(getattr(core, f"v{source}_in"))
    with Session(cores[0], level, timeout) as session:
        session.run(steps)
    counts = np.zeros(wired.n_signals, np.int64)
    counts[: wired.n_inputs] = rows.sum(axis=(0, 1), dtype=np.int64)
    column = np.full(wired.neurons, -1)
    column[watched] = np.arange(len(watched))
    trains = np.zeros((steps, lanes, len(watched)), np.int8)
    for core, kept in zip(cores, seen, strict=True):
        counts[wired.n_inputs + core.subnetwork.members] = core.counts
        trains[:, :, column[core.subnetwork.members[kept]]] = core.trains
    return counts, trains


def axon_sources(
    network: ThresholdNetwork | Machine, part: Subnetwork, parts: Sequence[Subnetwork], assignment: NDArray[np.int64]
) -> dict[int, tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Where a core's axons come from: (channels of the source, channels picked, axons)."""
    axons = part.axons.astype(np.int64)
    fired = axons >= network.n_inputs
    home = np.where(fired, assignment[np.where(fired, axons - network.n_inputs, 0)] + 1, 0)
    found = {}
    for source in np.unique(home).tolist():
        mine = np.flatnonzero(home == source)
        if source == 0:
            found[source] = network.n_inputs, axons[mine], mine
        else:
            members = parts[source - 1].members
            found[source] = len(members), np.searchsorted(members, axons[mine] - network.n_inputs), mine
    return found


@dataclass(frozen=True)
class Timing:
    """Time steps of runs.

    Attributes:
        predicted: what `timing.time_steps` says.
        taken: steps from the first set's entry to the last result's arrival, as the decoder saw it.
    """

    predicted: int = 0
    taken: int = 0

    def __add__(self, other: Timing) -> Timing:
        return Timing(self.predicted + other.predicted, self.taken + other.taken)


class Stream:
    """A running Lava graph for one network; a context manager.

    Attributes:
        network: the Process, for its spike counts and trains.
        session: the children.
        timing: time steps predicted and taken so far.
    """

    def __init__(
        self,
        network: ThresholdNetwork,
        level: Level,
        lanes: int,
        capacity: int,
        timeout: float,
        record_steps: int = 0,
        model: NeuronModel = MEMORYLESS,
    ) -> None:
        if level == "vectorised" and model != MEMORYLESS:
            raise NexusError(f"Lava level 'vectorised' runs memoryless neurons only, not {model}; choose level 'lif'")
        self._level = level
        self._lanes = lanes
        self._capacity = capacity
        self.timing = Timing()
        self.network = Network(network, (lanes,), record_steps, model=model)
        self._encoder = Encoder(network.inputs, capacity, (lanes,))
        self._decoder = Decoder(network.outputs, capacity, (lanes,))
        self._encoder.s_out.connect(self.network.a_in)
        self.network.s_out.connect(self._decoder.a_in)
        self.session = Session(self.network, level, timeout)

    def __call__(self, operands: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Patterns [sets] of each input port to patterns [sets] of each output port."""
        sets = len(operands[0]) if operands else 1
        parts = range(0, sets, self._capacity)
        results = [self._chunk([o[i : i + self._capacity] for o in operands]) for i in parts]
        return [np.concatenate(port) for port in zip(*results, strict=True)]

    def _chunk(self, operands: list[NDArray[Any]]) -> list[NDArray[Any]]:
        sets = len(operands[0]) if operands else 1
        before = self.session.steps
        steps = time_steps(self.network.network, sets, self._lanes, self._level)
        self._encoder.load(*operands)
        self.session.run(steps)
        results = self._decoder.take()
        if len(results[0]) != sets:
            raise NexusError(f"Lava returned {len(results[0])} of {sets} results within the predicted {steps} steps")
        self.timing += Timing(steps, self._decoder.last_step - before)
        return results

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: Any) -> None:
        self.session.close()
