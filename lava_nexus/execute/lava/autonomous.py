"""A decoder that runs by itself, core by core in Lava: what it said, and every spike count, beside `AutonomousRun`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.autonomous.network import AutonomousNetwork
from lava_nexus.chip.machine_cores import MachinePlacement
from lava_nexus.errors import NexusError
from lava_nexus.execute.autonomous import SETTLING, AutonomousRun, prompt_spikes
from lava_nexus.execute.lava.cores import run_cores
from lava_nexus.execute.lava.lif import Level


@dataclass(frozen=True)
class LavaRun:
    """One sequence in Lava.

    Attributes:
        tokens: that left, and `at` which steps behind the start spike.
        taken: steps from the start spike to `done`.
        counts: int64 [signals]; spikes of every signal.
        cores: Processes of neurons.
    """

    tokens: tuple[int, ...]
    at: tuple[int, ...]
    taken: int
    counts: NDArray[np.int64]
    cores: int


def run_in_lava(
    placed: MachinePlacement[AutonomousNetwork],
    like: AutonomousRun,
    level: Level = "vectorised",
    timeout: float = 3600.0,
) -> LavaRun:
    """The sequence of a run once more, a Process a core; the host sends the prompt and is silent from then on.

    Args:
        placed: where the neurons live.
        like: the run, whose prompt is put and whose steps are taken.
        level: "vectorised" neurons, or "lif" for Lava's own LIF.
        timeout: seconds that starting, and running, may take.

    Raises:
        NexusError: a run that failed, or a network that did not say that it is done.
    """
    network = placed.machine
    fed = prompt_spikes(network, like.prompt, 0)
    start = int(fed[-1, 0])
    rows = np.zeros((start + like.taken + SETTLING + 1, 1, network.n_inputs), np.int8)
    rows[fed[:, 0], 0, fed[:, 1]] = 1
    ports = {port.name: np.array(port.signals) - network.n_inputs for port in network.outputs}
    order = np.concatenate(list(ports.values()))
    counts, trains = run_cores(network, placed.assignment, rows, order, level, timeout)
    column = {int(neuron): i for i, neuron in enumerate(order)}
    said = {name: trains[:, 0, [column[int(n)] for n in neurons]] for name, neurons in ports.items()}
    if said["fault"].any() or not said["done"].any():
        raise NexusError(f"network '{network.name}' in Lava, level {level}, lost its control or is not done")
    at = np.flatnonzero(said["valid"][:, 0])
    tokens = tuple(int("".join(map(str, bits)), 2) for bits in said["token"][at].tolist())
    done = int(np.flatnonzero(said["done"][:, 0])[0])
    return LavaRun(tokens, tuple((at - start).tolist()), done - start, counts, len(placed.places))
