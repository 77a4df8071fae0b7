"""One circuit onto cores: under all limits of a core, with few spikes between cores and few hops.

What is known of spikes comes from whoever asks, as counts or as a function that counts: no circuit runs here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import Chip
from lava_nexus.chip.mesh import core_links, place_parts
from lava_nexus.chip.partition import fewest_cores, neurons_to_cores
from lava_nexus.chip.placement import Placement
from lava_nexus.circuits import Circuit
from lava_nexus.disk_cache import cached, source_digest
from lava_nexus.errors import NexusError
from lava_nexus.neurons import ThresholdNetwork, check
from lava_nexus.neurons.compose import rebalanced
from lava_nexus.neurons.serialisation import from_arrays, to_arrays
from lava_nexus.progress import doing

Spikes = Callable[[Circuit, int, int], NDArray[np.int64]]
"""How often each signal [signals] of a circuit fires: (circuit, operand sets, seed of the operands) to int64 counts."""

_FIELDS = ("assignment", "places", "groups", "spikes")


def place_circuit(
    circuit: Circuit,
    chip: Chip,
    spikes: Spikes,
    *,
    max_delay: int | None = None,
    chips: int | None = None,
    seed: int = 0,
    sets: int = 256,
) -> Placement:
    """One instance of a circuit, with the relays that its largest delay needs.

    Args:
        circuit: what is placed.
        chip: onto what.
        spikes: counts those of the circuit as it is placed, relays included.
        max_delay: largest synaptic delay; None takes the one that needs fewest cores.
        chips: most chips it may use; None for as many as it needs.
        seed: of the partition and of the operands.
        sets: operand sets that the spikes are counted on.

    Raises:
        NexusError: it does not fit: the limit, by how much, and the smallest change that would fit.
    """
    with doing(f"placing {circuit.label}"):
        network = with_delay(circuit.network, chip, max_delay)
        check(network)
        counts = spikes(replace(circuit, network=network), sets, seed)
        placed = place_network(circuit.label, network, counts, sets, chip, seed)
    placement = replace(placed, circuit=replace(circuit, network=network))
    cores = len(placement.places)
    if chips is not None and cores > chips * chip.cores:
        room = chips * chip.cores
        raise NexusError(
            f"circuit '{circuit.label}' needs {cores} cores of {chip.name}, {cores - room} more than the {room} of "
            f"chips={chips}; the smallest change that fits is chips={placement.chips}"
        )
    return placement


def place_network(
    label: str, network: ThresholdNetwork, spikes: NDArray[np.int64], sets: int, chip: Chip, seed: int
) -> Placement:
    """A network whose signals fired `spikes` times in a run of `sets` operand sets."""
    groups = np.zeros(network.neurons, np.int64)
    assignment = neurons_to_cores(network, spikes, groups, chip, seed)
    links = core_links(network, assignment, spikes)
    places = place_parts(links, int(assignment.max()) + 1, chip, seed)
    return Placement(label, network, chip, assignment, places, groups, spikes, sets, seed)


def with_delay(network: ThresholdNetwork, chip: Chip, max_delay: int | None) -> ThresholdNetwork:
    """The network with relays for a largest delay; None chooses the delay whose cores, then neurons, are fewest.

    Raises:
        NexusError: the delay is below 0 or above what a synapse holds.
    """
    most = chip.limits.largest_delay.most
    if max_delay is not None:
        if not 0 <= max_delay <= most:
            raise NexusError(f"largest delay {max_delay} is not in 0 .. {most}, what a synapse of {chip.name} holds")
        return rebalanced(network, max_delay)
    choices = [rebalanced(network, delay) for delay in _delays_worth_trying(most)]
    return min(choices, key=lambda one: (fewest_cores(one, chip), _share_of_core(one, chip)))


def _share_of_core(network: ThresholdNetwork, chip: Chip) -> float:
    """Cores that the neurons would fill."""
    return network.neurons / max(1, chip.neurons_with_delay(int(network.delays.max(initial=0))))


def _delays_worth_trying(most: int) -> list[int]:
    """The largest delay of each width of the delay field, down from `most` to none."""
    return [most, *(2**bits - 2 for bits in range(most.bit_length(), 0, -1) if 2**bits - 2 < most)]


def circuit_template(
    circuit: Circuit, chip: Chip, spikes: Spikes, max_delay: int | None, seed: int, sets: int
) -> Placement:
    """As `place_circuit`, kept on disk: what every instance of the circuit looks like.

    A placement is found again by everything that it depends on, the function that counts spikes included; of one
    without a name of its own, such as a lambda, nothing is kept.
    """

    def build() -> Placement:
        return place_circuit(circuit, chip, spikes, max_delay=max_delay, seed=seed, sets=sets)

    def save(placed: Placement) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, metadata = to_arrays(placed.network)
        return arrays | {name: getattr(placed, name) for name in _FIELDS}, metadata

    def load(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Placement:
        own: dict[str, Any] = {name: np.asarray(arrays[name]) for name in _FIELDS}
        return Placement(circuit.label, from_arrays(arrays, metadata), chip, **own, sets=sets, seed=seed)

    counter = _named(spikes)
    if counter is None:
        return build()
    key = f"{circuit.digest} {json.dumps(chip.resolved())} {max_delay} {seed} {sets} {counter} {_sources()}"
    return cached("placements", key, build, save, load, f"placing {circuit.label}")


def _named(spikes: Spikes) -> str | None:
    """Name and source of a function of a module; None of anything else."""
    name, module = getattr(spikes, "__qualname__", "<"), sys.modules.get(getattr(spikes, "__module__", ""))
    file = getattr(module, "__file__", None)
    return None if "<" in name or file is None else f"{name} {source_digest(file)}"


@lru_cache(maxsize=1)
def _sources() -> str:
    return source_digest(*map(str, sorted(Path(__file__).parent.rglob("*.py"))))
