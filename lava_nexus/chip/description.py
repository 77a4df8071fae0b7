"""A chip as data: mesh, limits of a core and boards, each number with its source; and what cores use of each limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from lava_nexus.chip.timing import Sourced, Timing, load_timing
from lava_nexus.config import Config, load_config
from lava_nexus.errors import NexusError
from lava_nexus.neurons import LOIHI2

_FOLDER = Path(__file__).parent / "chips"
_WORD_BYTES = 3
LIMITS = ("neurons", "delay_accumulators", "synapse_words", "axons_in", "axons_out", "groups")


class Limit(Sourced):
    """A largest value.

    Attributes:
        value: the number, or None where `rule` names it.
        rule: name of the field of `neurons.limits.LOIHI2` that holds it.
    """

    value: int | None = Field(default=None, ge=1)
    rule: Literal["max_fan_in", "max_delay"] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Limit:
        if (self.value is None) == (self.rule is None):
            raise ValueError("must have either 'value' or 'rule'")
        return self

    @property
    def most(self) -> int:
        """The number."""
        return int(getattr(LOIHI2, self.rule)) if self.rule else int(self.value or 0)


class Mesh(Sourced):
    """Routers in columns and rows, some cores at each."""

    columns: int = Field(ge=1)
    rows: int = Field(ge=1)
    cores_per_router: int = Field(ge=1)

    @property
    def cores(self) -> int:
        """Cores of a chip."""
        return self.columns * self.rows * self.cores_per_router

    @property
    def routers(self) -> int:
        """Tiles of a chip."""
        return self.columns * self.rows


class Limits(Config):
    """What a core can hold; the notes in the file say how each is counted."""

    neurons: Limit
    neurons_stated: Limit
    synapse_words: Limit
    synapses_per_word: Limit
    axons_in: Limit
    axons_out: Limit
    groups: Limit
    delay_accumulators: Limit
    largest_delay: Limit
    neuron_state_bytes: Limit = Limit(
        value=24,
        source="Intel Loihi 2 technology brief's comparison with Loihi 1, as public summaries quote it",
        confidence="second-hand: Loihi 1 allots 24 bytes to each neuron",
        note="Loihi 2 allots 0 to 4,096 bytes by the neuron's program, of 192 KB a core; that a neuron of more than 24 "
        "takes the room of several is an assumption here",
    )


class Board(Sourced):
    """A board and its chips."""

    chips: int = Field(ge=1)


class Chip(Config):
    """A neuromorphic chip.

    Attributes:
        name, title: for configs and for reports.
        mesh: its routers and cores.
        cores_usable: of a chip, that networks are placed on.
        limits: of a core.
        boards: systems by name, smallest first.
        timing: of a step; by name, as a file, or spelled out.
    """

    name: str
    title: str
    mesh: Mesh
    cores_usable: Limit
    limits: Limits
    boards: dict[str, Board]
    timing: Timing

    @field_validator("timing", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        return load_timing(value) if isinstance(value, str) else value

    @property
    def cores(self) -> int:
        """Cores of a chip that may be used."""
        return min(self.mesh.cores, self.cores_usable.most)

    def most(self, limit: str) -> int:
        """The largest value of a limit of `LIMITS`; both figures for neurons are limits, hence the smaller one."""
        value: int = getattr(self.limits, limit).most
        return min(value, self.limits.neurons_stated.most) if limit == "neurons" else value

    def neurons_with_delay(self, delay: int) -> int:
        """Neurons that a core holds where the largest synaptic delay into it is `delay`."""
        return min(self.most("neurons"), self.most("delay_accumulators") >> delay_bits(delay))

    def room_of(self, states: int) -> int:
        """Neurons whose room one takes that keeps so many words of 24 bits."""
        return max(1, -(-states * _WORD_BYTES // self.limits.neuron_state_bytes.most))

    def board_for(self, chips: int) -> tuple[str, int]:
        """(board, how many): the smallest board that holds the chips, else several of the largest."""
        fitting = [(board.chips, name) for name, board in self.boards.items() if board.chips >= chips]
        if fitting:
            return min(fitting)[1], 1
        most, name = max((board.chips, name) for name, board in self.boards.items())
        return name, -(-chips // most)


def delay_bits(delay: int) -> int:
    """Bits of the delay field: 0 without delays, else the least b with 2^b - 2 >= delay (6 bits hold 62)."""
    return (delay + 1).bit_length() if delay > 0 else 0


def chip_names() -> tuple[str, ...]:
    """Chips that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_chip(chip: str | Path | Chip = "loihi2") -> Chip:
    """A chip by name, from a YAML file of the same form, or as it is.

    Raises:
        NexusError: there is no such chip, or the file breaks the form.
    """
    if isinstance(chip, Chip):
        return chip
    if str(chip) in chip_names():
        return _named(str(chip))
    if Path(chip).suffix not in (".yaml", ".yml"):
        raise NexusError(f"chip '{chip}' does not exist; choose one of {', '.join(chip_names())}, or a YAML file")
    return load_config(Chip, Path(chip))


@cache
def _named(name: str) -> Chip:
    return load_config(Chip, _FOLDER / f"{name}.yaml")


_BITS = np.array([delay_bits(delay) for delay in range(256)])


@dataclass(frozen=True, eq=False)
class Demand:
    """Use of the limits, an entry a core.

    Attributes:
        neurons: neurons.
        delay_bits: width of the delay field that the largest synaptic delay into the core needs.
        synapse_words: words of synapse memory; the synapses of one axon start a new word.
        axons_in: sources, own neurons included, that have a synapse in the core.
        axons_out: pairs of a neuron of the core and a core that it reaches, or the outside.
        groups: populations with settings of their own.
        states: neurons whose room the states of neurons take beyond their own; 0 for all where None.
    """

    neurons: NDArray[np.int64]
    delay_bits: NDArray[np.int64]
    synapse_words: NDArray[np.int64]
    axons_in: NDArray[np.int64]
    axons_out: NDArray[np.int64]
    groups: NDArray[np.int64]
    states: NDArray[np.int64] | None = None

    @property
    def delay_accumulators(self) -> NDArray[np.int64]:
        """neurons * 2^delay_bits; none where no delay is used."""
        return np.where(self.delay_bits > 0, self.neurons << self.delay_bits, 0)

    def used(self, limit: str) -> NDArray[np.int64]:
        """Use of a limit of `LIMITS`; of neurons their room."""
        if limit == "neurons" and self.states is not None:
            return self.neurons + self.states
        return np.asarray(getattr(self, limit))

    def over(self, chip: Chip) -> NDArray[np.bool_]:
        """Cores that break a limit."""
        return np.asarray(np.any([self.used(limit) > chip.most(limit) for limit in LIMITS], axis=0))

    def excess(self, core: int, chip: Chip) -> tuple[str, int, int]:
        """(limit, used, most) of the limit that a core breaks most."""
        found = [(limit, int(self.used(limit)[core]), chip.most(limit)) for limit in LIMITS]
        return max(found, key=lambda one: one[1] / one[2])


class Synaptic(Protocol):
    """Synapses as flat arrays: those of a `ThresholdNetwork`, or of populations."""

    @property
    def sources(self) -> NDArray[Any]:
        """Signals."""

    @property
    def targets(self) -> NDArray[Any]:
        """Neurons."""

    @property
    def delays(self) -> NDArray[Any]:
        """Steps."""

    @property
    def n_inputs(self) -> int:
        """Input signals."""

    @property
    def outputs(self) -> Sequence[Any]:
        """What leaves, each with its `signals`."""


def demand(
    network: Synaptic,
    assignment: NDArray[np.int64],
    groups: NDArray[np.int64],
    cores: int,
    chip: Chip,
) -> Demand:
    """Counts of every core 0 .. cores - 1."""
    at = assignment[network.targets]
    pairs, sizes = np.unique(network.sources.astype(np.int64) * cores + at, return_counts=True)
    core, source = pairs % cores, pairs // cores
    words = -(-sizes // chip.limits.synapses_per_word.most)
    fired = source >= network.n_inputs
    leaving = np.unique([s for port in network.outputs for s in port.signals]).astype(np.int64) - network.n_inputs
    out = np.bincount(assignment[source[fired] - network.n_inputs], minlength=cores)
    widest = np.zeros(cores, np.int64)
    np.maximum.at(widest, at, _BITS[np.minimum(network.delays, 255)])
    kinds = np.unique(groups.astype(np.int64) * cores + assignment) % cores
    return Demand(
        neurons=np.bincount(assignment, minlength=cores),
        delay_bits=widest,
        synapse_words=np.bincount(core, words, cores).astype(np.int64),
        axons_in=np.bincount(core, minlength=cores),
        axons_out=out + np.bincount(assignment[leaving], minlength=cores),
        groups=np.bincount(kinds, minlength=cores),
    )
