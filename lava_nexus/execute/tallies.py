"""What a run counts: of each circuit, of all of them, and beside the outputs of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.circuits.native import NativePart
from lava_nexus.populations import Operator
from lava_nexus.shown import Shown


@dataclass(repr=False)
class Tally(Shown):
    """Counts of one circuit, or operator of LIF populations, over a run; exact integers but for `SampledTally`.

    Attributes:
        circuit: what was invoked: a circuit, an operator of populations, or a part of a native layer.
        invocations: operand sets.
        signal_spikes: int64 [signals], spikes of each signal (strobe, inputs, neurons), or None where not counted.
        active: neuron updates in which a neuron received a spike or fired, or None where not counted.
    """

    circuit: Circuit | Operator | NativePart
    invocations: int = 0
    signal_spikes: NDArray[np.int64] | None = None
    active: int | None = None

    def _facts(self) -> tuple[str, dict[str, Any]]:
        counted = {"spikes": self.spikes, "SynOps": self.synops, "active updates": self.active}
        return self.circuit.label, {"invocations": self.invocations, **counted}

    @property
    def spikes(self) -> int | None:
        """Spikes of neurons, inputs and strobe left out."""
        if self.signal_spikes is None:
            return None
        own = self.signal_spikes[self.circuit.network.n_inputs :]
        return _product(own, np.ones(len(own), np.int64))

    @property
    def synops(self) -> int | None:
        """Spikes times the synapses that they reach, inputs and strobe included."""
        if self.signal_spikes is None:
            return None
        return _product(self.signal_spikes, self.circuit.network.fan_out)

    @property
    def updates(self) -> int:
        """Neuron updates under the `streamed` schedule: one a neuron per operand set and step of its window."""
        return self.invocations * self.circuit.neurons * self.circuit.network.window

    def add(self, other: Tally) -> None:
        """Adds the counts of another run of the same circuit."""
        self.invocations += other.invocations
        self.signal_spikes = _sum(self.signal_spikes, other.signal_spikes)
        self.active = _sum(self.active, other.active)


def _product(spikes: NDArray[Any], reached: NDArray[Any]) -> int:
    """Their scalar product, by Python's integers where 64 bits may not hold it."""
    most = int(spikes.max(initial=0)) * int(reached.max(initial=0)) * len(spikes)
    if spikes.dtype != object and most < 1 << 62:
        return int(spikes @ reached)
    return sum(int(s) * int(r) for s, r in zip(spikes.tolist(), reached.tolist(), strict=True))


def _sum(mine: Any, theirs: Any) -> Any:
    """The sum of counts, exact beyond 64 bits too; None where one was not counted."""
    if mine is None or theirs is None:
        return None
    total = mine + theirs
    if isinstance(total, np.ndarray) and (total < np.maximum(mine, theirs)).any():
        return mine.astype(object) + theirs.astype(object)
    return total


@dataclass(repr=False)
class TotalTally(Tally):
    """Counts of a circuit whose signals are not counted apart.

    Attributes:
        fired: spikes of neurons.
        reached: SynOps.
    """

    fired: int = 0
    reached: int = 0

    @property
    def spikes(self) -> int | None:
        """Spikes of neurons."""
        return self.fired

    @property
    def synops(self) -> int | None:
        """Spikes times the synapses that they reach."""
        return self.reached

    def add(self, other: Tally) -> None:
        """Adds the counts of another run of the same circuit."""
        assert isinstance(other, TotalTally)
        self.invocations += other.invocations
        self.fired, self.reached = self.fired + other.fired, self.reached + other.reached
        self.active = _sum(self.active, other.active)


@dataclass(repr=False)
class BankTally(Tally):
    """Counts of a bank, summed over its circuits; scaled where a sample of them is run.

    Attributes:
        fired: spikes of neurons of the circuits that are run, or None where not counted.
        reached: SynOps of the circuits that are run, or None where not counted.
        awake: active updates of the circuits that are run, or None where not counted.
    """

    fired: int | None = None
    reached: int | None = None
    awake: int | None = None

    def __post_init__(self) -> None:
        self.active = self._scaled(self.awake)

    @property
    def spikes(self) -> int | None:
        return self._scaled(self.fired)

    @property
    def synops(self) -> int | None:
        return self._scaled(self.reached)

    def add(self, other: Tally) -> None:
        assert isinstance(other, BankTally)
        self.invocations += other.invocations
        self.fired, self.reached = _sum(self.fired, other.fired), _sum(self.reached, other.reached)
        self.awake = _sum(self.awake, other.awake)
        self.active = self._scaled(self.awake)

    def _scaled(self, count: int | None) -> int | None:
        scale: Fraction = self.circuit.scale if isinstance(self.circuit, Bank) else Fraction(1)
        return None if count is None else round(count * scale)


@dataclass(repr=False)
class Tallies(Shown):
    """Counts of all circuits of a run, by digest."""

    by_digest: dict[str, Tally] = field(default_factory=dict)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        counted = {"spikes": self.spikes, "SynOps": self.synops, "active updates": self.active}
        return f"of {len(self.by_digest)} circuits", counted

    def add(self, tally: Tally) -> None:
        """Adds one circuit's counts."""
        key = tally.circuit.digest
        if key in self.by_digest:
            self.by_digest[key].add(tally)
        else:
            self.by_digest[key] = replace(tally)

    def merge(self, *others: Tallies) -> Tallies:
        """Adds all counts of the others; returns itself."""
        for other in others:
            for tally in other:
                self.add(tally)
        return self

    def __iter__(self) -> Any:
        return iter(self.by_digest.values())

    @property
    def spikes(self) -> int | None:
        """Spikes of neurons over the run; None where any were not counted."""
        return self._total("spikes")

    @property
    def synops(self) -> int | None:
        """Synaptic operations, likewise."""
        return self._total("synops")

    @property
    def active(self) -> int | None:
        """Active neuron updates, likewise."""
        return self._total("active")

    @property
    def updates(self) -> int:
        """Neuron updates under the `streamed` schedule."""
        return sum(tally.updates for tally in self)

    def _total(self, name: str) -> int | None:
        counts = [getattr(tally, name) for tally in self]
        return None if None in counts else sum(counts)


@dataclass(repr=False)
class ProgramResult(Shown):
    """What a run of a program gave.

    Attributes:
        outputs: patterns by output name, batch first.
        layers: counts by layer, in the order of the program.
        kept: patterns of the values asked for, by number.
        levels: what evaluated the neurons of each part, as (part, level).
        notes: what else a report says of the run.
    """

    outputs: dict[str, NDArray[Any]]
    layers: dict[str, Tallies]
    kept: dict[int, NDArray[Any]] = field(default_factory=dict, kw_only=True)
    levels: Sequence[tuple[str, str]] = field(default=(), kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        shapes = ", ".join(f"{name} {list(patterns.shape)}" for name, patterns in self.outputs.items())
        levels = ", ".join(dict.fromkeys(level for _, level in self.levels)) or None
        counted = {"spikes": self.tallies.spikes, "SynOps": self.tallies.synops}
        return f"of {len(self.layers)} layers", {"outputs": shapes, "level": levels, **counted}

    @property
    def tallies(self) -> Tallies:
        """Counts of the whole run."""
        return Tallies().merge(*self.layers.values())
