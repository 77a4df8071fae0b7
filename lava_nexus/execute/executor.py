"""What every executor offers: it takes circuit invocations over arrays of bit patterns and tallies what they cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.bank import Bank
from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.populations import run_populations
from lava_nexus.populations import Operator


@dataclass
class Tally:
    """Counts of one circuit, or operator of LIF populations, over a run; exact integers.

    Attributes:
        circuit: what was invoked.
        invocations: operand sets.
        signal_spikes: int64 [signals], spikes of each signal (strobe, inputs, neurons), or None where not counted.
        active: neuron updates in which a neuron received a spike or fired, or None where not counted.
    """

    circuit: Circuit | Operator
    invocations: int = 0
    signal_spikes: NDArray[np.int64] | None = None
    active: int | None = None

    @property
    def spikes(self) -> int | None:
        """Spikes of neurons, inputs and strobe left out."""
        if self.signal_spikes is None:
            return None
        return sum(map(int, self.signal_spikes[self.circuit.network.n_inputs :]))

    @property
    def synops(self) -> int | None:
        """Spikes times the synapses that they reach, inputs and strobe included."""
        if self.signal_spikes is None:
            return None
        pairs = zip(self.signal_spikes.tolist(), self.circuit.network.fan_out.tolist(), strict=True)
        return sum(int(spikes) * int(reached) for spikes, reached in pairs)  # Python's integers do not overflow

    @property
    def updates(self) -> int:
        """Neuron updates under the `streamed` schedule: one a neuron per operand set and step of its window."""
        return self.invocations * self.circuit.neurons * self.circuit.network.window

    def add(self, other: Tally) -> None:
        """Adds the counts of another run of the same circuit."""
        self.invocations += other.invocations
        self.signal_spikes = _sum(self.signal_spikes, other.signal_spikes)
        self.active = _sum(self.active, other.active)


def _sum(mine: Any, theirs: Any) -> Any:
    return None if mine is None or theirs is None else mine + theirs


@dataclass
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
        """Spikes of neurons."""
        return self._scaled(self.fired)

    @property
    def synops(self) -> int | None:
        """Spikes times the synapses that they reach."""
        return self._scaled(self.reached)

    def add(self, other: Tally) -> None:
        """Adds the counts of another run of the same bank."""
        assert isinstance(other, BankTally)
        self.invocations += other.invocations
        self.fired, self.reached = _sum(self.fired, other.fired), _sum(self.reached, other.reached)
        self.awake = _sum(self.awake, other.awake)
        self.active = self._scaled(self.awake)

    def _scaled(self, count: int | None) -> int | None:
        scale: Fraction = self.circuit.scale if isinstance(self.circuit, Bank) else Fraction(1)
        return None if count is None else round(count * scale)


@dataclass
class Tallies:
    """Counts of all circuits of a run, by digest."""

    by_digest: dict[str, Tally] = field(default_factory=dict)

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


class Executor(ABC):
    """Evaluates circuits on arrays of patterns.

    Attributes:
        name: as configs and `run` call it.
        level: what evaluates a neuron: "reference", "word logic", "vectorised neurons", "LIF" or "LIF on Loihi 2".
        tallies: what was invoked so far and what it cost.
        measured_joules: of all invocations so far, by a probe of the hardware; None where there is none.
        part: of a run, see `begin`.
    """

    name: str
    level: str

    def __init__(self) -> None:
        self.tallies = Tallies()
        self.measured_joules: float | None = None
        self.part = 0

    @property
    def ideal(self) -> bool:
        """Whether every neuron fires as its equation says, so that all networks of a function give the same bits."""
        return True

    @abstractmethod
    def invoke(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The circuit on every element of the broadcast operands (patterns, dtype of each port's `pattern_dtype`).

        Returns the patterns of the output port in the broadcast shape, and adds to `tallies`.
        """

    @abstractmethod
    def invoke_all(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """As `invoke`, for a circuit of several output ports: the patterns of each."""

    def invoke_bank(self, bank: Bank, operands: NDArray[Any], columns: slice, terms: slice) -> NDArray[Any]:
        """The products of operands [terms, lanes] with weights[columns, terms] of a bank: [terms, lanes, columns].

        A row of operands is an invocation once, with the first term of the first column. By default each specialised
        circuit is invoked on the operands of all weights that share it; where a sample of them is run, results are
        those of the general circuit. Adds to `tallies`.

        Raises:
            NexusError: a sample of the circuits is run, and the results depend on which neurons give them.
        """
        if bank.sampled and not self.ideal:
            raise NexusError(
                f"{bank.label}: executor '{self.name}' would run a sample of {int(bank.chosen.sum())} of "
                f"{bank.weights.size} circuits, but its results depend on its neurons; choose weights operand"
            )
        weights, chosen = bank.weights[columns, terms].T, bank.chosen[columns, terms].T
        results = np.zeros((*operands.shape, weights.shape[1]), bank.output.pattern_dtype)
        before, self.tallies = self.tallies, Tallies()
        for weight in np.unique(weights[chosen]).tolist():
            term, column = np.nonzero(chosen & (weights == weight))
            results[term, :, column] = self.invoke(bank.member(weight), [operands[term]])
        counts = [_total(getattr(tally, of) for tally in self.tallies) for of in ("spikes", "synops", "active")]
        self.tallies = Tallies()
        if bank.sampled:
            results = self.invoke(bank.general, [operands[..., None], weights[:, None, :]])
        self.tallies = before
        self.tallies.add(BankTally(bank, bank_rows(operands, columns, terms), None, None, *counts))
        return results

    def begin(self, part: int) -> None:
        """Says that what follows is this part of a run: what is random in it depends on no other part."""
        self.part = part

    def operate(self, operator: Operator, operand: NDArray[Any]) -> NDArray[Any]:
        """The operator of LIF populations on every row of the operand (patterns of its format).

        Every neuron's potential is computed, vectorised, by all executors that do not say otherwise: populations are
        of the wider class, which no word operations evaluate. Adds to `tallies`.
        """
        x = operator.in_format.from_patterns(operand).astype(np.int64).reshape(-1, operator.size)
        result = run_populations(operator.network, {"x": x})
        self.tallies.add(Tally(operator, len(x), result.signal_spikes, result.active))
        return operator_patterns(operator, result.outputs["y"], operand.shape)


def bank_rows(operands: NDArray[Any], columns: slice, terms: slice) -> int:
    """Invocations of a bank that a part of it counts: rows of operands [terms, lanes], with the bank's first weight."""
    return operands.shape[1] if columns.start == 0 and terms.start == 0 else 0


def _total(counts: Iterable[int | None]) -> int | None:
    listed = list(counts)
    return None if None in listed else sum(count or 0 for count in listed)


def operator_patterns(operator: Operator, y: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Patterns of an operator's results [rows, results] for operands of a shape."""
    width = shape[-1] // operator.size * operator.results
    return operator.out_format.to_patterns(y).reshape(*shape[:-1], width)
