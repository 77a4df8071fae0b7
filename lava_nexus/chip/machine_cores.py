"""A machine on cores: its pieces packed under all limits, its cores on the mesh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import Chip, Demand, demand
from lava_nexus.chip.mesh import core_links, place_parts
from lava_nexus.chip.native import more_room
from lava_nexus.chip.packing import CoreTemplate, Piece, pack
from lava_nexus.chip.wired import Wired

W = TypeVar("W", bound=Wired)

CONTROL = {
    "register": "registers and their ports",
    "operands": "operands and strobes of instances",
    "sequencer": "sequencer",
}
"""Kinds of pieces that stand around the circuits, and what reports call them."""


@dataclass(frozen=True, eq=False)
class MachinePlacement(Generic[W]):
    """Where every neuron of a machine lives.

    Attributes:
        machine: the neurons.
        chip: what it is placed on.
        templates: one core each.
        assignment: int64 [neurons]; the core of each neuron.
        places: int64 [cores, 4]; chip, column, row, slot of each core.
    """

    machine: W
    chip: Chip
    templates: tuple[CoreTemplate, ...]
    assignment: NDArray[np.int64]
    places: NDArray[np.int64]

    @cached_property
    def expected_messages(self) -> int:
        """Messages between cores of a token to expect."""
        source, target, messages = core_links(self.machine, self.assignment, self.machine.expected)
        return int(messages[source != target].sum())

    @cached_property
    def demand(self) -> Demand:
        """What each core uses, shared axons counted once; kinds of pieces are neuron groups."""
        kinds = {kind: i for i, kind in enumerate(dict.fromkeys(kind for _, kind in self.machine.pieces))}
        groups = np.array([kinds[kind] for _, kind in self.machine.pieces], np.int64)[self.machine.piece]
        cores = len(self.places)
        states = np.bincount(self.assignment, _more_room(self.machine, self.chip), cores).astype(np.int64)
        return replace(demand(self.machine, self.assignment, groups, cores, self.chip), states=states)

    def around(self) -> list[tuple[str, int, int, float]]:
        """(what, neurons, synapses, SynOps a step) of all that stands around the circuits."""
        machine, found = self.machine, []
        kind = np.array([kind for _, kind in machine.pieces])[machine.piece]
        for one, called in CONTROL.items():
            mine = kind[machine.targets] == one
            spikes = float(machine.rates[machine.sources[mine]].sum())
            found.append((called, int((kind == one).sum()), int(mine.sum()), spikes))
        return found


def _more_room(machine: Wired, chip: Chip) -> NDArray[np.int64]:
    """Of each neuron, those whose room its states take beyond its own."""
    rooms = [more_room(program.neuron, chip) for program in machine.programs]
    return np.array([*rooms, 0], np.int64)[machine.program]  # the last for gates


def place_machine(machine: W, chip: Chip, seed: int = 0) -> MachinePlacement[W]:
    """Packs the pieces, largest first, and lays the cores out so that few synapses are far.

    Raises:
        NexusError: a piece alone breaks a limit of a core.
    """
    count = len(machine.pieces)
    use = demand(machine, machine.piece, np.zeros(machine.neurons, np.int64), count, chip)
    at = machine.piece[machine.targets]
    synops = np.bincount(at, machine.rates[machine.sources], count)
    pairs, sizes = np.unique(machine.sources.astype(np.int64) * count + at, return_counts=True)
    words = -(-sizes // chip.limits.synapses_per_word.most)
    reads = np.bincount(pairs % count, machine.rates[pairs // count] * words, count)
    limits = ("neurons", "delay_bits", "synapse_words", "axons_in", "axons_out")
    states = np.bincount(machine.piece, _more_room(machine, chip), count).astype(np.int64)
    pieces = [
        Piece(
            name=name, kind=kind, count=1, synops=float(synops[i]), reads=float(reads[i]), states=int(states[i]),
            **{limit: int(use.used(limit)[i]) for limit in limits},
        )
        for i, (name, kind) in enumerate(machine.pieces)
    ]  # fmt: skip
    templates = tuple(pack(pieces, chip))
    number = {name: i for i, (name, _) in enumerate(machine.pieces)}
    core = np.zeros(count, np.int64)
    for i, template in enumerate(templates):
        core[[number[name] for name, _ in template.pieces]] = i
    assignment = core[machine.piece]
    ones = np.ones(machine.n_signals, np.int64)
    places = place_parts(core_links(machine, assignment, ones), len(templates), chip, seed)
    return MachinePlacement(machine, chip, templates, assignment, places)
