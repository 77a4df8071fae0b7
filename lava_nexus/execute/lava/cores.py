"""A network on Lava, as one Process through which operand sets stream, or core by core.

Core by core it is a Process for each core of an assignment, connected by the axons between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.wired import Wired
from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.lif import Level, check_lif, time_steps
from lava_nexus.execute.lava.processes.coding import Decoder, Encoder
from lava_nexus.execute.lava.processes.core import Core, Source, groups_of
from lava_nexus.execute.lava.processes.host import Operands
from lava_nexus.execute.lava.processes.network import Network
from lava_nexus.execute.lava.session import Session
from lava_nexus.neurons import MEMORYLESS, NeuronModel, ThresholdNetwork
from lava_nexus.neurons.split import Subnetwork, split
from lava_nexus.populations.programmed import GATE, Programmed

_MOST_CORES = 64


def run_cores(
    wired: ThresholdNetwork | Wired,
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
    program, programs = programs_of(wired)
    places = sender_places(wired, parts, program)
    cores = [
        Core(part, axon_sources(part, places), lanes, steps, seen[i], f"core{i}", program[part.members], programs)
        for i, part in enumerate(parts)
    ]
    senders = [host.s_out, *(getattr(core, f"v{g}_out") for core in cores for g in range(len(core.groups)))]
    for core in cores:
        for source in core.sources:
            senders[source].connect(getattr(core, f"v{source}_in"))
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


def programs_of(wired: ThresholdNetwork | Wired) -> tuple[NDArray[np.int64], Sequence[Programmed]]:
    """(number of each neuron's program, programs); gates alone where there are none."""
    if isinstance(wired, Wired):
        return wired.program, wired.programs
    return np.full(wired.neurons, GATE), ()


class Senders(NamedTuple):
    """Who sends each signal: the host, then the groups of all cores in order.

    Attributes:
        sender, channel: int64 [signals]; number of the sender, and which of its channels.
        channels: of each sender.
        graded: whether it sends payloads.
    """

    sender: NDArray[np.int64]
    channel: NDArray[np.int64]
    channels: list[int]
    graded: list[bool]


def sender_places(wired: ThresholdNetwork | Wired, parts: Sequence[Subnetwork], program: NDArray[np.int64]) -> Senders:
    """The senders of all signals."""
    sender, channel = np.zeros(wired.n_signals, np.int64), np.arange(wired.n_signals)
    channels, graded = [wired.n_inputs], [False]
    for part in parts:
        for number, mine in groups_of(program[part.members]):
            signals = wired.n_inputs + part.members[mine].astype(np.int64)
            sender[signals], channel[signals] = len(channels), np.arange(len(mine))
            channels.append(len(mine))
            graded.append(number != GATE)
    return Senders(sender, channel, channels, graded)


def axon_sources(part: Subnetwork, places: Senders) -> dict[int, Source]:
    """What a core's axons come in by, by the number of the sender."""
    axons = part.axons.astype(np.int64)
    home, found = places.sender[axons], {}
    for source in np.unique(home).tolist():
        mine = np.flatnonzero(home == source)
        found[source] = Source(places.channels[source], places.channel[axons[mine]], mine, places.graded[source])
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
