"""A network on Lava, as one Process through which operand sets stream, or core by core.

Core by core it is a Process for each core of an assignment, connected by the axons between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.lif import Level, check_lif, time_steps
from lava_nexus.execute.lava.processes.coding import Decoder, Encoder
from lava_nexus.execute.lava.processes.network import Core, Network
from lava_nexus.execute.lava.session import Session
from lava_nexus.neurons import MEMORYLESS, NeuronModel, ThresholdNetwork
from lava_nexus.neurons.split import Subnetwork, split

_MOST_CORES = 64


def spike_trains_by_core(
    network: ThresholdNetwork,
    assignment: NDArray[np.int64],
    operands: Sequence[NDArray[Any]],
    level: Level = "vectorised",
    lanes: int = 1,
    timeout: float = 600.0,
) -> NDArray[np.bool_]:
    """Spikes of every neuron for every operand set, each core a population of its own: bool [sets, neurons].

    Args:
        network: the whole.
        assignment: core of each neuron.
        operands: patterns [sets] of each input port.
        level: "vectorised", or "lif" for Lava's own LIF and DelaySparse.
        lanes: operand sets a time step.
        timeout: seconds that starting, and running, may take.

    Raises:
        NexusError: more cores than are worth simulating one by one, or a network that LIF cannot hold.
    """
    parts = split(network, assignment)
    if len(parts) > _MOST_CORES:
        raise NexusError(f"simulation of {len(parts)} cores one by one is above {_MOST_CORES}")
    if level == "lif":
        check_lif(network)
    sets = len(operands[0])
    steps = time_steps(network, sets, lanes, level)
    encoder = Encoder(network.inputs, sets, (lanes,))
    cores = [
        Core(part, axon_sources(network, part, parts, assignment), lanes, steps, f"core{number}")
        for number, part in enumerate(parts)
    ]
    for core in cores:
        for source in core.sources:
            out = encoder.s_out if source == 0 else cores[source - 1].v0_out
            out.connect(getattr(core, f"v{source}_in"))
    encoder.load(*operands)
    with Session(encoder, level, timeout) as session:
        session.run(steps)
    trains = np.zeros((steps, lanes, network.neurons), np.int8)
    for core in cores:
        trains[:, :, core.subnetwork.members] = core.trains
    wave, lane = np.divmod(np.arange(sets), lanes)
    neuron = np.arange(network.neurons)
    return np.asarray(trains[wave[:, None] + network.levels[None, :], lane[:, None], neuron[None, :]] != 0)


def axon_sources(
    network: ThresholdNetwork, part: Subnetwork, parts: Sequence[Subnetwork], assignment: NDArray[np.int64]
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
