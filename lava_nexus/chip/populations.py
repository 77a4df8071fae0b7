"""Population networks on cores: neurons with equations of their own, graded spikes; neighbours lie together.

What a core uses is counted by `demand` on the network's synapses of 8 bits. Neurons of one program and several sets of
constants are one group.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import LIMITS, Chip, Demand, demand
from lava_nexus.chip.native import Activity, NativeTemplate
from lava_nexus.chip.packing import Piece
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.populations.network import PopulationNetwork


@dataclass(frozen=True, eq=False)
class FlatNetwork:
    """Synapses of a population network as flat arrays; names are those of `ThresholdNetwork`.

    Attributes:
        sources, targets, delays: int64 [synapses]; signals, neurons, steps.
        n_inputs, neurons: input signals, and neurons.
        outputs: with the signals of each.
        room: int64 [neurons]; neurons whose room each takes.
        groups: int64 [neurons]; of one program.
    """

    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    delays: NDArray[np.int64]
    n_inputs: int
    neurons: int
    outputs: tuple[FlatPort, ...]
    room: NDArray[np.int64]
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, network: PopulationNetwork, chip: Chip) -> FlatNetwork:
        """A synapse of 8 bits each."""
        rows: list[NDArray[np.int64]] = [np.zeros((3, 0), np.int64)]
        for p in network.projections:
            first = network.offsets[p.target] - network.n_inputs
            for _, mask, _ in p.digits:
                ends = network.offsets[p.source] + p.columns[mask], first + p.rows[mask]
                rows.append(np.stack([*ends, np.full(len(ends[0]), p.delay)]))
        sources, targets, delays = np.concatenate(rows, axis=1)
        neurons = network.populations[network.n_sources :]
        states = [1 if p.neuron is None else chip.room_of(len(p.neuron.states)) for p in neurons]
        names = [(p.payload, p.threshold, str(p.model)) if p.neuron is None else p.neuron.name for p in neurons]
        sizes = [p.size for p in neurons]
        return cls(
            sources, targets, delays, network.n_inputs, network.neurons,
            tuple(FlatPort(np.arange(network.n_signals)[network.signals(o.population)]) for o in network.outputs),
            np.repeat(np.array(states, np.int64), sizes),
            np.repeat(np.array([names.index(name) for name in names], np.int64), sizes),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class FlatPort:
    """Signals that are read."""

    signals: NDArray[np.int64]


def population_template(part: NativePart, chip: Chip, activity: Activity) -> NativeTemplate:
    """An instance: neurons in order, a new core where the next one would break a limit.

    Raises:
        NexusError: a neuron alone breaks a limit.
    """
    network = part.network
    assert isinstance(network, PopulationNetwork)
    flat = FlatNetwork.of(network, chip)
    assignment, use = _assigned(part.label, flat, chip)
    each = activity.spikes / max(1, activity.sets)
    pairs = np.unique(np.stack([flat.sources, assignment[flat.targets]]), axis=1)
    inside = pairs[:, pairs[0] >= flat.n_inputs]
    crossing = inside[0][assignment[inside[0] - flat.n_inputs] != inside[1]]
    leaving = np.unique(np.concatenate([np.zeros(0, np.int64), *(port.signals for port in flat.outputs)]))
    synops: NDArray[Any] = np.bincount(assignment[flat.targets], each[flat.sources], len(use.neurons))
    return NativeTemplate(
        _pieces(part.label, use, synops, network.window),
        spikes=float(each[flat.n_inputs :].sum()),
        synops=float(synops.sum()),
        active=sum(activity.active.values()) / max(1, activity.sets),
        messages=float(each[crossing].sum()),
        operands=float(each[pairs[0][pairs[0] < flat.n_inputs]].sum()),
        results=float(each[leaving].sum()),
        max_delay=int(flat.delays.max(initial=0)),
    )


def _pieces(label: str, use: Demand, synops: NDArray[Any], window: int) -> tuple[Piece, ...]:
    cores = len(use.neurons)
    limits = ("neurons", "delay_bits", "synapse_words", "axons_in", "axons_out")
    return tuple(
        Piece(
            name=label if cores == 1 else f"{label}, part {core + 1} of {cores}",
            kind=label,
            count=1,
            synops=float(synops[core]) / window,
            reads=float(synops[core]) / window,
            **{limit: int(use.used(limit)[core]) for limit in limits},
        )
        for core in range(cores)
    )


def _assigned(label: str, flat: FlatNetwork, chip: Chip) -> tuple[NDArray[np.int64], Demand]:
    """(core of each neuron, what the cores use)."""
    assignment, first, core = np.zeros(flat.neurons, np.int64), 0, 0
    while True:
        behind = flat.neurons
        while True:
            assignment[first:] = core + 1
            assignment[first:behind] = core
            use = _demand(flat, assignment, core + 2, chip)
            if not use.over(chip)[core]:
                break
            if behind == first + 1:
                limit, used, most = use.excess(core, chip)
                raise NexusError(
                    f"'{label}': one neuron uses {used} of the {most} {limit.replace('_', ' ')} of a core of "
                    f"{chip.name}, {used - most} too many"
                )
            share = max(int(use.used(limit)[core]) / chip.most(limit) for limit in LIMITS)
            behind = first + max(1, min(behind - first - 1, int((behind - first) / share)))
        if behind == flat.neurons:
            return assignment, _demand(flat, assignment, core + 1, chip)
        first, core = behind, core + 1


def _demand(flat: FlatNetwork, assignment: NDArray[np.int64], cores: int, chip: Chip) -> Demand:
    """As of a threshold network, neurons by the room that they take."""
    found = demand(flat, assignment, flat.groups, cores, chip)
    return replace(found, neurons=np.bincount(assignment, flat.room, cores).astype(np.int64))
