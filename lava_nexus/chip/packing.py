"""Parts of circuits into cores, by templates: which parts share a core, and how many cores look like that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lava_nexus.chip.description import LIMITS, Chip, Demand, demand
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.timing import Load
from lava_nexus.errors import NexusError
from lava_nexus.neurons import ThresholdNetwork


@dataclass(frozen=True)
class Piece:
    """A part of a circuit that lives on one core, and what it uses.

    Attributes:
        name: circuit, and number of the part.
        kind: what shares a neuron group: the circuit.
        neurons, delay_bits, synapse_words, axons_in, axons_out: as `Demand` has them.
        synops: synaptic operations of one operand set.
        count: how many there are.
        reads: words of synapse memory that are read for them.
        states: neurons whose room the states of its neurons take beyond their own.
        together: most of them in a core, where they use up one limit and leave another; None for as many as fit.
    """

    name: str
    kind: str
    neurons: int
    delay_bits: int
    synapse_words: int
    axons_in: int
    axons_out: int
    synops: float
    count: int
    reads: float = 0.0
    states: int = 0
    together: int | None = None

    @property
    def room(self) -> int:
        """Neurons' worth of room on a core."""
        return self.neurons + self.states


def circuit_pieces(label: str, placed: Placement, count: int) -> list[Piece]:
    """The parts of a placed circuit, core by core, as often as there are instances."""
    synops, reads, parts = placed.synops_per_set, placed.reads_per_set, len(placed.places)
    names = [label] if parts == 1 else [f"{label}, part {core + 1} of {parts}" for core in range(parts)]
    return [
        _piece(name, label, placed.demand, core, count, float(synops[core]), float(reads[core]))
        for core, name in enumerate(names)
    ]


def network_piece(
    label: str, network: ThresholdNetwork, chip: Chip, count: int, synops: float, recurrent: int = 0
) -> Piece:
    """A small network as one part, of so many SynOps a step; `recurrent` of its neurons feed themselves too."""
    zeros = np.zeros(network.neurons, np.int64)
    one = _piece(label, label, demand(network, zeros, zeros, 1, chip), 0, count, synops, synops)  # at most a word each
    return replace(one, axons_out=one.axons_out + recurrent)


def _piece(name: str, kind: str, use: Demand, core: int, count: int, synops: float, reads: float) -> Piece:
    limits = ("neurons", "delay_bits", "synapse_words", "axons_in", "axons_out")
    used = {limit: int(use.used(limit)[core]) for limit in limits}
    return Piece(name=name, kind=kind, count=count, synops=synops, reads=reads, **used)


@dataclass(frozen=True)
class CoreTemplate:
    """Cores that hold the same.

    Attributes:
        pieces: (name of the piece, how many of it).
        count: cores that look like this.
        used: use of each limit of `LIMITS`, and `neurons_stated`.
        synops: synaptic operations in a step in which every piece takes an operand set.
        reads: words of synapse memory that are read for them.
        states: neurons whose room states take, among the used ones; an update is one whatever a neuron keeps.
    """

    pieces: tuple[tuple[str, int], ...]
    count: int
    used: dict[str, int]
    synops: float
    reads: float = 0.0
    states: int = 0

    @property
    def load(self) -> Load:
        """What such a core does in that step."""
        return Load(self.used["neurons"] - self.states, self.synops, self.reads)


class _Filling:
    """A core that is being filled."""

    def __init__(self, chip: Chip, updates: int) -> None:
        self.chip = chip
        self.updates = updates
        self.held: list[tuple[Piece, int]] = []

    def used(self, extra: Piece | None = None, times: int = 0) -> dict[str, int]:
        held = [*self.held, (extra, times)] if extra and times else self.held
        neurons = sum(piece.neurons * n for piece, n in held)
        bits = max((piece.delay_bits for piece, _ in held), default=0)
        return {
            "neurons": sum(piece.room * n for piece, n in held),
            "delay_accumulators": neurons << bits if bits else 0,
            "synapse_words": sum(piece.synapse_words * n for piece, n in held),
            "axons_in": sum(piece.axons_in * n for piece, n in held),
            "axons_out": sum(piece.axons_out * n for piece, n in held),
            "groups": len({piece.kind for piece, _ in held}),
        }

    def fits(self, piece: Piece, times: int) -> bool:
        used = self.used(piece, times)
        updates = sum(one.neurons * n for one, n in (*self.held, (piece, times)))
        return updates <= self.updates and all(used[limit] <= self.chip.most(limit) for limit in LIMITS)

    def add(self, piece: Piece, most: int) -> int:
        """As many of a piece as there are and fit; returns how many."""
        low, high = 0, most if piece.together is None else min(most, piece.together)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.fits(piece, middle) else (low, middle - 1)
        if low:
            self.held.append((piece, low))
        return low


def pack(pieces: Sequence[Piece], chip: Chip, updates: int | None = None) -> list[CoreTemplate]:
    """Core templates that hold every piece as often as it is there: first fit, largest first, template by template.

    Args:
        pieces: what is to lie together.
        chip: whose cores.
        updates: most neurons of a core, whatever room their states take; None for what fits.

    Raises:
        NexusError: a piece alone breaks a limit.
    """
    most = chip.most("neurons") if updates is None else updates
    ordered = sorted((p for p in pieces if p.count), key=lambda p: (-(p.neurons << p.delay_bits), -p.neurons, p.name))
    left = {piece.name: piece.count for piece in ordered}
    templates = []
    while any(left.values()):
        filling, taken = _Filling(chip, most), {}
        for piece in ordered:
            if left[piece.name]:
                taken[piece.name] = filling.add(piece, left[piece.name])
        taken = {name: n for name, n in taken.items() if n}
        if not taken:
            raise _too_large(next(piece for piece in ordered if left[piece.name]), chip)
        count = min(left[name] // n for name, n in taken.items())
        for name, n in taken.items():
            left[name] -= n * count
        used = filling.used()
        synops = sum(piece.synops * n for piece, n in filling.held)
        reads = sum(piece.reads * n for piece, n in filling.held)
        used["neurons_stated"] = used["neurons"]
        states = sum(piece.states * n for piece, n in filling.held)
        templates.append(CoreTemplate(tuple(taken.items()), count, used, synops, reads, states))
    return templates


def level(pieces: Sequence[Piece], chip: Chip, chips: int | None = None) -> list[CoreTemplate]:
    """As `pack`, with neurons spread over the cores of its chips: the fullest core decides how long a step is.

    Args:
        pieces: what is to lie together.
        chip: whose cores.
        chips: on how many; None for as many as are needed.

    Raises:
        NexusError: a piece alone breaks a limit.
    """
    best = pack(pieces, chip)
    room = (_chips(best, chip) if chips is None else chips) * chip.cores
    low, high = max(piece.neurons for piece in pieces if piece.count), chip.most("neurons")
    while low < high:
        middle = (low + high) // 2
        tried = pack(pieces, chip, middle)
        fits = sum(template.count for template in tried) <= room
        low, high, best = (low, middle, tried) if fits else (middle + 1, high, best)
    return best


def spread(pieces: Sequence[Piece], chip: Chip) -> list[CoreTemplate]:
    """As `level`, on as many chips as make chips times neurons of the fullest core least: static power times time.

    Otherwise how long a step lasts would rest on how many cores the last chip happens to have left.

    Raises:
        NexusError: a piece alone breaks a limit.
    """
    least, most = max(piece.neurons for piece in pieces if piece.count), chip.most("neurons")
    caps = [most >> k for k in range(most.bit_length()) if most >> k > least] + [least]

    def static(one: Sequence[CoreTemplate]) -> float:
        return _chips(one, chip) * max(template.load.neurons for template in one)

    packed = min((pack(pieces, chip, cap) for cap in caps), key=static)
    return min(level(pieces, chip), level(pieces, chip, _chips(packed, chip)), key=static)


def _chips(templates: Sequence[CoreTemplate], chip: Chip) -> int:
    return -(-sum(template.count for template in templates) // chip.cores)


def _too_large(piece: Piece, chip: Chip) -> NexusError:
    filling = _Filling(chip, chip.most("neurons"))
    used = filling.used(piece, 1)
    limit = max(LIMITS, key=lambda one: used[one] / chip.most(one))
    return NexusError(
        f"'{piece.name}' uses {used[limit]} of the {chip.most(limit)} {limit.replace('_', ' ')} of a core of "
        f"{chip.name}, {used[limit] - chip.most(limit)} too many"
    )
