"""`place`: a circuit or a program onto a chip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import Chip, load_chip
from lava_nexus.chip.mesh import core_links, place_parts
from lava_nexus.chip.partition import fewest_cores, neurons_to_cores
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.spikes import measured_spikes
from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.neurons import ThresholdNetwork, check
from lava_nexus.neurons.compose import rebalanced
from lava_nexus.programs.program import Program

if TYPE_CHECKING:
    from lava_nexus.chip.program_placement import ProgramPlacement
    from lava_nexus.chip.workload import Strategy


@overload
def place(
    subject: Circuit, chip: str | Path | Chip = ..., *, max_delay: int | None = ..., chips: int | None = ...,
    seed: int = ..., sets: int = ...,
) -> Placement: ...  # fmt: skip
@overload
def place(
    subject: Program, chip: str | Path | Chip = ..., *, strategy: Strategy | str | None = ...,
    max_delay: int | None = ..., seed: int = ..., sets: int = ...,
) -> ProgramPlacement: ...  # fmt: skip
def place(
    subject: Circuit | Program,
    chip: str | Path | Chip = "loihi2",
    *,
    strategy: Strategy | str | None = None,
    max_delay: int | None = None,
    chips: int | None = None,
    seed: int = 0,
    sets: int = 256,
) -> Placement | ProgramPlacement:
    """Where every neuron lives: under all limits of a core, with few spikes between cores and few hops.

    Args:
        subject: a circuit, or a program whose circuits are instantiated by a strategy.
        chip: name of a chip, a YAML file, or a `Chip`.
        strategy: of a program: "unrolled" (the default), "folded: k" or "fit: chips=n".
        max_delay: largest synaptic delay; None takes the one that needs fewest cores. Delay memory is shared by the
            neurons of a core, so that longer delays leave room for fewer neurons and shorter ones cost relays.
        chips: of a circuit: most chips it may use; None for as many as it needs.
        seed: of the partition and of the operands.
        sets: operand sets that the spikes are counted on.

    Raises:
        NexusError: what is asked for does not fit: the limit, by how much, and the smallest change that would fit.
    """
    described = load_chip(chip)
    if sets < 1:
        raise NexusError(f"placement with spikes counted on {sets} operand sets is below 1")
    if isinstance(subject, Program):
        from lava_nexus.chip.mapper import place_program

        if chips is not None:
            raise NexusError(f"program '{subject.name}' takes its chips by strategy='fit: chips={chips}'")
        return place_program(subject, described, strategy or "unrolled", max_delay, seed, sets)
    if strategy is not None:
        raise NexusError(f"circuit '{subject.label}' has no strategy: it is placed once")
    return place_circuit(subject, described, max_delay, chips, seed, sets)


def place_circuit(
    circuit: Circuit, chip: Chip, max_delay: int | None, chips: int | None, seed: int, sets: int
) -> Placement:
    """One instance of a circuit; see `place`."""
    network = with_delay(circuit.network, chip, max_delay)
    check(network)
    spikes = measured_spikes(_on(circuit, network), sets, seed)
    placement = place_network(circuit.label, network, spikes, sets, chip, seed)
    cores = len(placement.places)
    if chips is not None and cores > chips * chip.mesh.cores:
        room = chips * chip.mesh.cores
        raise NexusError(
            f"circuit '{circuit.label}' needs {cores} cores of {chip.name}, {cores - room} more than the {room} of "
            f"chips={chips}; the smallest change that fits is chips={placement.chips}"
        )
    return placement


def place_network(
    label: str, network: ThresholdNetwork, spikes: NDArray[np.int64], sets: int, chip: Chip, seed: int
) -> Placement:
    """A network whose spikes were counted."""
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
    choices = [rebalanced(network, delay) for delay in delays_worth_trying(most)]
    return min(choices, key=lambda one: (fewest_cores(one, chip), share_of_core(one, chip)))


def share_of_core(network: ThresholdNetwork, chip: Chip) -> float:
    """Cores that the neurons would fill."""
    return network.neurons / max(1, chip.neurons_with_delay(int(network.delays.max(initial=0))))


def delays_worth_trying(most: int) -> list[int]:
    """The largest delay of each width of the delay field, down from `most` to none."""
    return [most, *(2**bits - 2 for bits in range(most.bit_length(), 0, -1) if 2**bits - 2 < most)]


def _on(circuit: Circuit, network: ThresholdNetwork) -> Circuit:
    return Circuit(circuit.name, circuit.basis, network, circuit.golden, circuit.options)
