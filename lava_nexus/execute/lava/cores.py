"""A network core by core: a Process for each core of an assignment, connected by the axons between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.lif import check_lif
from lava_nexus.execute.lava.processes.coding import Encoder
from lava_nexus.execute.lava.processes.network import Core
from lava_nexus.execute.lava.session import Session
from lava_nexus.execute.lava.waves import Level, time_steps
from lava_nexus.neurons import ThresholdNetwork
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
    encoder = Encoder(network.inputs, sets, lanes)
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
