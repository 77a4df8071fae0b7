"""What every executor offers: it takes circuit invocations over arrays of bit patterns and tallies what they cost.

`invoke` and `operate` are written once: they check what they are given and tally. A backend says what its neurons make
of the operands (`_evaluate`, `_operate`), and whether it has a form of its own of a whole program (`run_whole`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.bank import Bank
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.errors import NexusError
from lava_nexus.execute.operands import Operands, Patterns, checked_operands
from lava_nexus.execute.populations import run_populations
from lava_nexus.execute.tallies import BankTally as BankTally
from lava_nexus.execute.tallies import ProgramResult
from lava_nexus.execute.tallies import Tallies as Tallies
from lava_nexus.execute.tallies import Tally as Tally
from lava_nexus.execute.watch import Watch
from lava_nexus.execute.weights import Rows, Source
from lava_nexus.populations import Operator
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.programs.native import PairLayer
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.product import Exact, Product
from lava_nexus.programs.program import Program
from lava_nexus.progress import doing

LEVELS = {
    "reference": "reference",
    "word": "word logic",
    "vectorised": "vectorised neurons",
    "neurons": "vectorised neurons in Lava's time steps",
    "lif": "LIF",
    "chip": "LIF on Loihi 2",
}
"""What evaluates a neuron, as reports say it, by the word that options take."""


def level_word(level: object, choices: Sequence[str], what: str = "level") -> str:
    """The word of a level among the words `choices`; what reports say ("word logic") stands for its word ("word").

    Raises:
        NexusError: the level is none of them.
    """
    for word in choices:
        if level in (word, LEVELS[word]):
            return word
    raise NexusError(f"{what} {level!r} is not one of {', '.join(choices)}")


Count = bool | Literal["activity", "sample"]
Evaluated = tuple[Sequence[Patterns], Tally]
"""Patterns of every output port, one an operand set, and what they cost."""


class Executor(ABC):
    """Evaluates circuits on arrays of patterns, and operators of LIF populations on rows of them.

    Attributes:
        name: as configs and `run` call it.
        level: what evaluates a neuron of a circuit, one of `LEVELS`.
        count: what is counted of an invocation: nothing, spikes (True), those of a sample of the operand sets
            ("sample"), or spikes and active neuron updates ("activity").
        native: how it forms sums of native products (`execute.native`); None where it does not.
        pairs: whether it has a form of those of two activations, whose neurons keep what they hold.
        keeps_weights: whether weights are inputs of programs, for which it has a place of its own (`feeds`).
        threads: on which its own loops run; None where it says so itself, for each run.
        tallies: what was invoked so far and what it cost.
        measured_joules: of all invocations so far, by a probe of the hardware; None where there is none.
        part: of a run, see `begin`.
    """

    name: str
    level: str
    count: Count = True
    native: Literal["steps", "digits", "golden", "device"] | None = None
    pairs: bool = True
    keeps_weights: bool = False
    threads: int | None = None

    def __init__(self) -> None:
        self.tallies = Tallies()
        self.measured_joules: float | None = None
        self.part = 0

    @property
    def program_level(self) -> str:
        """What evaluates a neuron where a whole program is run."""
        return self.level

    @property
    def ideal(self) -> bool:
        """Whether every neuron fires as its equation says, so that all networks of a function give the same bits."""
        return True

    @property
    def batches(self) -> bool:
        """Whether it cuts the sets of a whole program into batches by itself."""
        return False

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Names of the options that it is made with."""
        return tuple(signature(cls).parameters)

    def invoke(self, circuit: Circuit, operands: Sequence[Patterns]) -> Patterns:
        """The circuit on every element of the broadcast operands.

        Args:
            circuit: what to evaluate.
            operands: patterns, one array an input port, of shapes that broadcast, dtype of the port's `pattern_dtype`.

        Returns:
            Patterns of the output port in the broadcast shape; `tallies` has grown by what they cost.

        Raises:
            NexusError: the number of operands, a dtype or the shapes do not fit.
        """
        return self.invoke_all(circuit, operands)[0]

    def invoke_all(self, circuit: Circuit, operands: Sequence[Patterns]) -> tuple[Patterns, ...]:
        """As `invoke`, for a circuit of several output ports: the patterns of each."""
        return self._invoked(circuit, operands, self._evaluate)

    def _invoked(
        self, circuit: Circuit, operands: Sequence[Patterns], evaluate: Callable[[Circuit, Operands], Evaluated]
    ) -> tuple[Patterns, ...]:
        given = checked_operands(circuit, operands)
        if given.sets:
            with doing(circuit.label):
                results, tally = evaluate(circuit, given)
        else:
            results = [np.zeros(0, port.pattern_dtype) for port in circuit.network.outputs]
            tally = self._nothing(circuit)
        self.tallies.add(tally)
        return tuple(result.reshape(given.shape) for result in results)

    def invoke_bank(self, bank: Bank, operands: Patterns, columns: slice, terms: slice) -> Patterns:
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
        with self.apart(add=False) as tallies:
            for weight in np.unique(weights[chosen]).tolist():
                term, column = np.nonzero(chosen & (weights == weight))
                results[term, :, column] = self.invoke(bank.member(weight), [operands[term]])
        counts = [_total(getattr(tally, of) for tally in tallies) for of in ("spikes", "synops", "active")]
        if bank.sampled:
            with self.apart(add=False):
                results = self.invoke(bank.general, [operands[..., None], weights[:, None, :]])
        self.tallies.add(BankTally(bank, bank_rows(operands, columns, terms), None, None, *counts))
        return results

    def operate(self, operator: Operator, operand: Patterns) -> Patterns:
        """The operator of LIF populations on every row of the operand (patterns of its format).

        Args:
            operator: what to evaluate.
            operand: patterns [..., n * size]; each `size` neighbours are a row.

        Returns:
            Patterns [..., n * results]; `tallies` has grown by what they cost.

        Raises:
            NexusError: a dtype or a length that does not fit, or a backend that has no form of the operator.
        """
        dtype, shape = operator.in_format.pattern_dtype, operand.shape
        if operand.dtype != dtype or not shape or shape[-1] % operator.size:
            raise NexusError(
                f"operand of {operator.label} has shape {shape} and holds {operand.dtype}, "
                f"not rows of {operator.size} patterns of {dtype}"
            )
        x = operator.in_format.from_patterns(operand).astype(np.int64).reshape(-1, operator.size)
        if len(x):
            y, tally = self._operate(operator, x)
        else:
            y, tally = np.zeros((0, operator.results), np.int64), self._nothing(operator)
        self.tallies.add(tally)
        return operator.out_format.to_patterns(y).reshape(*shape[:-1], shape[-1] // operator.size * operator.results)

    @abstractmethod
    def _evaluate(self, circuit: Circuit, operands: Operands) -> Evaluated:
        """What the neurons make of at least one operand set."""

    def _operate(self, operator: Operator, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tally]:
        """Results [rows, results] of at least one row x [rows, size], and what they cost.

        Every neuron's potential is computed, vectorised, by all executors that do not say otherwise: populations are
        of the wider class, which no word operations evaluate.
        """
        result = run_populations(operator.network, {"x": x})
        return result.outputs["y"], Tally(operator, len(x), result.signal_spikes, result.active)

    def _nothing(self, what: Circuit | Operator) -> Tally:
        """The tally of no operand sets."""
        spikes = np.zeros(what.network.n_signals, np.int64) if self.count else None
        return Tally(what, 0, spikes, 0 if self.count == "activity" else None)

    def populate(
        self, network: PopulationNetwork, feeds: Mapping[str, NDArray[np.int64]]
    ) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64], int | None]:
        """(outputs, spikes of each signal, active updates where counted) of a native part, neuron by neuron."""
        result = run_populations(network, feeds)
        return result.outputs, result.signal_spikes, result.active

    def formed(self, layer: NativeLayer | PairLayer, *factors: Any) -> Any:
        """Native sums where a backend forms these in its own memory, of activations that the front ends have seen.

        Args:
            layer: whose sums.
            factors: patterns [rows, inputs]; of two activations [matrices, rows, terms] and [matrices, columns, terms].
        """
        raise NotImplementedError

    def run_whole(self, program: Program, feeds: Mapping[str, Patterns]) -> ProgramResult | None:
        """A program in a form of the backend's own; None where it is walked node by node (see `run_program`)."""
        return None

    def run_watched(self, program: Program, feeds: Mapping[str, Patterns], watch: Watch) -> ProgramResult | None:
        """As `run_whole`, for a program whose results are watched, where the backend can tell of them."""
        return self.run_whole(program, feeds)

    def place(self, patterns: Patterns) -> Any:
        """The patterns where the backend's memory is; others than GPUs use the host's."""
        return patterns

    def feeds(self, program: Program, weights: Mapping[str, Rows], source: Source) -> dict[str, Any]:
        """What a program reads of weights, by input: what stands for those that are kept elsewhere, else patterns."""
        return {name: rows.read(source)[None] for name, rows in weights.items()}

    def ahead(self, weights: Iterable[Rows], source: Source) -> None:
        """Told of matrices of weights that programs will read next, in this order; they may be brought meanwhile."""
        return

    def fetch(self, patterns: Any) -> Patterns:
        """What `place`, or an invocation on placed patterns, gave, in host memory."""
        return np.asarray(patterns)

    def contracted(self, how: Product, left: Any, right: Any, bias: Any) -> Any:
        """Sums of products in a form of the backend's own; None where they are formed step by step (see `sums`).

        Args:
            how: kind and order.
            left: patterns [..., rows, terms].
            right: patterns [..., columns, terms].
            bias: patterns [..., columns], or None.
        """
        return None

    def folded(self, how: Folded | Exact, values: Any) -> Any:
        """The last axis of values folded in a form of the backend's own; None where it is folded step by step."""
        return None

    def begin(self, part: int) -> None:
        """Says that what follows is this part of a run: what is random in it depends on no other part."""
        self.part = part

    @contextmanager
    def apart(self, add: bool = True) -> Iterator[Tallies]:
        """Tallies of what is invoked inside, alone; added to `tallies` in the end unless `add` is False."""
        before, self.tallies = self.tallies, Tallies()
        own = self.tallies
        try:
            yield own
        finally:
            self.tallies = before.merge(own) if add else before


def bank_rows(operands: Patterns, columns: slice, terms: slice) -> int:
    """Invocations of a bank that a part of it counts: rows of operands [terms, lanes], with the bank's first weight."""
    return operands.shape[1] if columns.start == 0 and terms.start == 0 else 0


def _total(counts: Iterable[int | None]) -> int | None:
    listed = list(counts)
    return None if None in listed else sum(count or 0 for count in listed)
