"""The multipliers of a linear layer, each specialised to its weight: constant propagation of the general circuit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.execute.executor import Executor, Tallies, Tally
from lava_nexus.neurons.propagation import specialised

MOST_RUN = 64 * 64
"""Weights up to which every specialised circuit is run; of more, a sample is."""

_SAMPLE = 256
_SEED = 0


@dataclass(frozen=True, eq=False, repr=False)
class Bank(Circuit):
    """Products of one row of inputs [k] with all weights [n, k], an own circuit for every weight.

    One invocation is one row. `network` and `golden` are those of the general circuit; neurons, synapses and depth are
    of all the specialised ones: `specialised(network, [None, weight])` for each weight. Of more than `MOST_RUN` weights
    a seeded sample is specialised and run, counts are scaled from it, and the label says so; results are then those of
    the general circuit, which have the same bits.

    Attributes:
        weights: patterns [n, k].
    """

    weights: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0), np.uint32))

    @cached_property
    def chosen(self) -> NDArray[np.bool_]:
        """bool [n, k], the weights whose circuits are run."""
        size = self.weights.size
        found = np.ones(size, np.bool_)
        if size > MOST_RUN:
            found[:] = False
            found[np.random.default_rng(_SEED).choice(size, _SAMPLE, replace=False)] = True
        return found.reshape(self.weights.shape)

    @property
    def scale(self) -> Fraction:
        """Weights for each one that is run."""
        return Fraction(self.weights.size, int(self.chosen.sum()))

    def member(self, weight: int) -> Circuit:
        """The circuit specialised to one weight: the product of its one operand."""
        network = specialised(self.network, [None, weight], self.network.max_delay)

        def golden(x: NDArray[Any]) -> NDArray[Any]:
            return self.golden(x, np.full_like(x, weight))

        return Circuit(self.name, self.basis, network, golden, (*self.options, ("weight", hex(weight))))

    @property
    def neurons(self) -> int:
        """Neurons of all specialised circuits."""
        return round(self._built[0] * self.scale)

    @property
    def synapses(self) -> int:
        """Synapses of all specialised circuits."""
        return round(self._built[1] * self.scale)

    @property
    def depth(self) -> int:
        """Time steps from operands to results: the deepest circuit's."""
        return self._built[2]

    @cached_property
    def digest(self) -> str:
        """Name of the content."""
        state = hashlib.sha256(f"{self.network.digest} {self.weights.shape}".encode())
        state.update(np.ascontiguousarray(self.weights).tobytes())
        return state.hexdigest()

    @property
    def label(self) -> str:
        """For tables."""
        n, k = self.weights.shape
        sample = "" if self.scale == 1 else f", counted on a sample of {self.chosen.sum()}"
        return f"{super().label}, {n} x {k} constant weights{sample}"

    @cached_property
    def _built(self) -> tuple[int, int, int]:
        from lava_nexus.execute.cpu.bank_kernel import DEPTH, NEURONS, SYNAPSES

        patterns = self.weights[self.chosen]
        nothing = np.zeros((1, 0), self.weights.dtype)
        _, totals = self.run(patterns, nothing, np.zeros(len(patterns), np.int64))
        return int(totals[NEURONS]), int(totals[SYNAPSES]), int(totals[DEPTH])

    def run(
        self, patterns: NDArray[Any], operands: NDArray[Any], rows: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Every neuron of the circuits of patterns [n] on operands[rows[i]], for operands [rows, lanes].

        Returns:
            Results [n, lanes], and counts as `kernel` numbers them.
        """
        from lava_nexus.execute.cpu.bank_kernel import FIELDS, kernel

        net = self.network
        signals = [np.array(port.signals, np.int32) for port in (*net.outputs, *net.inputs)]
        results, totals = np.zeros((len(patterns), operands.shape[1]), np.uint64), np.zeros(FIELDS, np.int64)
        kernel()(
            net.n_inputs, net.offsets, net.sources, net.weights, net.thresholds, *signals,
            patterns.astype(np.uint64), operands.astype(np.uint64), rows, results, totals,
        )  # fmt: skip
        return results.astype(self.output.pattern_dtype), totals


@dataclass
class BankTally(Tally):
    """Counts of a bank, summed over its circuits.

    Attributes:
        fired: spikes of neurons of the circuits that are run.
        reached: SynOps of the circuits that are run.
        awake: active updates of the circuits that are run.
    """

    fired: int = 0
    reached: int = 0
    awake: int = 0

    @property
    def scale(self) -> Fraction:
        """What the counts of the circuits that are run stand for."""
        assert isinstance(self.circuit, Bank)
        return self.circuit.scale

    @property
    def spikes(self) -> int | None:
        """Spikes of neurons."""
        return round(self.fired * self.scale)

    @property
    def synops(self) -> int | None:
        """Spikes times the synapses that they reach."""
        return round(self.reached * self.scale)

    def add(self, other: Tally) -> None:
        """Adds the counts of another run of the same bank."""
        assert isinstance(other, BankTally)
        self.invocations += other.invocations
        self.fired, self.reached, self.awake = (
            self.fired + other.fired,
            self.reached + other.reached,
            self.awake + other.awake,
        )
        self.active = round(self.awake * self.scale)


def products(bank: Bank, executor: Executor, left: NDArray[Any], columns: slice, terms: range) -> NDArray[Any]:
    """The products of left [terms, ..., rows, 1] with the weights of some columns, as patterns [terms, ..., columns].

    The reference takes the general circuit's golden function; every other executor runs every neuron of the specialised
    circuits, and counts. Rows are invocations once, with the first term of the first column.
    """
    weights, chosen = (
        bank.weights[columns, terms.start : terms.stop].T,
        bank.chosen[columns, terms.start : terms.stop].T,
    )
    lanes = left.reshape(len(left), -1)
    tally = BankTally(bank, lanes.shape[1] if columns.start == 0 and terms.start == 0 else 0)
    if executor.level == "reference":
        executor.tallies.add(tally)
        return bank.golden(*np.broadcast_arrays(left, weights.reshape(len(left), *[1] * (left.ndim - 2), -1)))
    from lava_nexus.execute.cpu.bank_kernel import ACTIVE, SPIKES, SYNOPS

    places = np.nonzero(chosen)
    results, totals = bank.run(weights[places], lanes, places[0].astype(np.int64))
    tally.fired, tally.reached, tally.awake = (int(totals[field]) for field in (SPIKES, SYNOPS, ACTIVE))
    tally.active = round(tally.awake * bank.scale)
    if bank.scale == 1:
        executor.tallies.add(tally)
        found = np.moveaxis(results.reshape(*weights.shape, -1), 1, -1)
        return np.ascontiguousarray(found).reshape(*left.shape[:-1], -1)
    before, executor.tallies = executor.tallies, Tallies()
    general = Circuit(bank.name, bank.basis, bank.network, bank.golden, bank.options)
    found = executor.invoke(general, [left, weights.reshape(len(left), *[1] * (left.ndim - 2), -1)])
    executor.tallies = before
    executor.tallies.add(tally)
    return found
