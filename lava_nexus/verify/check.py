"""One circuit held against its golden function, or against correct rounding, on operand sets, chunk by chunk.

What is found on chunks adds up (`outcome`); how far a check has come is kept on disk, so that an interrupted run
continues from the last chunk that it finished.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.disk_cache import source_digest
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.cpu.blocks import OrderedRuns
from lava_nexus.execute.cpu.program import word_program
from lava_nexus.formats import FloatFormat
from lava_nexus.formats.ulp import ulp_distance
from lava_nexus.store import Store
from lava_nexus.verify import on_gpu
from lava_nexus.verify.correct import (
    MOST_EXAMPLES,
    MOST_MISSES,
    Evaluate,
    Example,
    Outcome,
    Rounding,
    against_order,
    correctly_rounded,
    one_way,
)
from lava_nexus.verify.real_functions import FUNCTIONS, RealFunction
from lava_nexus.verify.sets import OperandSets

Patterns = NDArray[Any]

_ROOT = Path(__file__).resolve().parents[1]
_GOLDENS = ("formats/*.py", "circuits/*.py", "circuits/goldens/*.py")
_BLOCK = 1 << 15  # patterns rounded together: their values stay in the cache
_FUNCTIONS = "circuits/functions/*.py"
_SOURCES = ("operands", "sets", "check", "correct", "real_functions")


@dataclass(frozen=True)
class Check:
    """One row of the table.

    Attributes:
        circuit: with its golden function.
        operation, format, to, options: what `lava_nexus.circuit` made it from; `to` is None for that of the operands.
        sets: operand sets.
        gates: whether the neurons are held against the golden function.
        correct: whether the golden function is held against correct rounding.
        direct: whether the neurons are held against correct rounding; the golden function then has no part.
        executor: what evaluates the neurons, "bitsliced" or "cuda", and on which their golden function runs beside.
    """

    circuit: Circuit
    operation: str
    format: str
    to: str | None
    options: dict[str, Any]
    sets: OperandSets
    gates: bool
    correct: bool
    direct: bool = False
    executor: str = "bitsliced"
    _runs: dict[int, int | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """For the table and for messages: `mul bfloat16 to float32, threshold basis`."""
        extra = "".join(f" {key}={value}" for key, value in self.options.items())
        basis = f", {self.circuit.basis} basis" if self.neural else ""
        return f"{self.operation} {self.format}{f' to {self.to}' if self.to else ''}{extra}{basis}"

    @property
    def neural(self) -> bool:
        """Whether neurons are evaluated."""
        return self.gates or self.direct

    @property
    def proven(self) -> bool:
        """Whether a run without mismatch says something about every operand set."""
        return self.gates and self.sets.whole

    @property
    def how(self) -> str:
        """How it is checked, in words."""
        held = ["gates against golden"] * self.gates + ["golden against correct rounding"] * self.correct
        held += ["gates against correct rounding"] * self.direct
        return f"{self.sets.how}: {' and '.join(held)}{', on a GPU' * (self.neural and self.executor == 'cuda')}"

    @property
    def key(self) -> str:
        """What progress is valid for: the same neurons, reference, sets and chunks."""
        neurons = self.circuit.digest if self.neural else "-"
        if self.neural and self.executor == "cuda":
            neurons += f" {on_gpu.sources()}"
        return f"{neurons} {self.golden_digest} {check_digest()} {self.how} in chunks of {self.sets.chunk}"

    @property
    def golden_digest(self) -> str:
        """Names the golden function: its program or table where it has one, else the sources of golden functions."""
        return self.circuit.golden.digest or golden_sources_digest(self.operation in FUNCTIONS)

    def prepare(self) -> None:
        """Lowers the network and compiles the golden function, which the threads would otherwise do once each."""
        if self.neural and self.executor != "cuda":
            word_program(self.circuit.network, "outputs")
        if not self.direct and not self._all_on_gpu:
            self.circuit.golden(*self.sets.take(0))

    def chunk(self, number: int) -> Outcome:
        """What is found on one chunk of the operand sets; any thread."""
        if self._all_on_gpu:
            return on_gpu.gates_against_golden(self.circuit, self.sets, number)
        flat = None if self.neural else self._flat(number)
        if flat is not None:
            return flat
        operands = self.sets.take(number)
        found = Outcome(sets=len(operands[0]))
        if self.direct:
            found.rounding = _rounding(self, operands[0], self._answer)
            return found
        golden = self._golden(*operands)
        if self.gates:
            in_order = self.sets.whole and self.executor != "cuda"
            answered = self._in_order(number, operands) if in_order else self._answer(*operands)
            wrong = np.flatnonzero(answered != golden)
            found.mismatches = len(wrong)
            found.examples = [
                Example(tuple(int(one[i]) for one in operands), int(answered[i]), int(golden[i]))
                for i in wrong[:MOST_EXAMPLES]
            ]
        if self.correct:
            found.rounding = _rounding(self, operands[0], self.circuit.golden, golden)
        return found

    def _run_of(self, first: int, n: int) -> int | None:
        """The golden function's one result on a run of patterns, where its known bits tell."""
        if self.circuit.golden.known != "program" or not self.sets.whole or n & (n - 1) or first % n:
            return None
        fmt = self.circuit.inputs[0].format
        assert isinstance(fmt, FloatFormat)
        block = max(n, 1 << fmt.fraction_bits)  # all numbers of one exponent are asked about together
        start = first - first % block
        if start not in self._runs:
            self._runs[start] = self.circuit.golden.constant(start, block - 1)
        return self._runs[start]

    def _flat(self, number: int) -> Outcome | None:
        """What is found on a chunk on which both the golden function and correct rounding have one result."""
        first, n = number * self.sets.chunk, self.sets.chunk
        result = self._run_of(first, n)
        if result is None:
            return None
        fmt, function = self.circuit.inputs[0].format, FUNCTIONS[self.operation]
        assert isinstance(fmt, FloatFormat)
        ends = np.array([first, first + n - 1]).astype(fmt.pattern_dtype)
        correct, by_precision = correctly_rounded(self.operation, ends, fmt)
        if correct[0] != correct[1] or not one_way(function, ends, fmt):
            return None
        results = np.full(1, result, fmt.pattern_dtype)
        found = _compared(ends[:1], results, correct[:1], fmt, function).times(n)
        pairs, found.against_order = against_order(self.circuit.golden, ends[1:], results, fmt, function)
        found.neighbours, found.by_precision = n - 1 + pairs, by_precision
        return Outcome(sets=n, rounding=found)

    def _golden(self, *operands: Patterns) -> Patterns:
        """Results of the golden function; where its known bits tell that a run has one, that is taken."""
        n = len(operands[0])
        result = self._run_of(int(operands[0][0]), n) if len(operands) == 1 else None
        return self.circuit.golden(*operands) if result is None else np.full(n, result, operands[0].dtype)

    @cached_property
    def _ordered_runs(self) -> OrderedRuns:
        return OrderedRuns(self.circuit)

    def _in_order(self, number: int, operands: list[Patterns]) -> Patterns:
        return self._ordered_runs.results(number * self.sets.chunk, operands)

    @property
    def _all_on_gpu(self) -> bool:
        """Whether neurons and golden function both run on a GPU: correct rounding is the host's."""
        return self.executor == "cuda" and self.gates and not self.correct

    def _answer(self, *operands: Patterns) -> Patterns:
        if self.executor == "cuda":
            return np.asarray(on_gpu.answered(self.circuit, list(operands)))
        return BitslicedExecutor(count=False, threads=1).invoke(self.circuit, operands)


def _rounding(check: Check, patterns: Patterns, evaluate: Evaluate, results: Patterns | None = None) -> Rounding:
    """Results of `evaluate`, where they are not known already, against correct rounding."""
    results = evaluate(patterns) if results is None else results
    fmt, function = check.circuit.inputs[0].format, FUNCTIONS[check.operation]
    assert isinstance(fmt, FloatFormat)
    found = Rounding()
    for start in range(0, len(patterns), _BLOCK):
        block = slice(start, start + _BLOCK)
        correct, by_precision = correctly_rounded(check.operation, patterns[block], fmt)
        part = _compared(patterns[block], results[block], correct, fmt, function)
        part.by_precision = by_precision
        found.add(part)
    if check.sets.whole:
        found.neighbours, found.against_order = against_order(evaluate, patterns, results, fmt, function)
    return found


def _compared(
    patterns: Patterns, results: Patterns, correct: Patterns, fmt: FloatFormat, function: RealFunction
) -> Rounding:
    wrong = np.flatnonzero(results != correct)
    found = Rounding(len(wrong), _counted(correct, fmt, function))
    if len(wrong):
        found.wrong_counted = _counted(correct[wrong], fmt, function)
        distance = ulp_distance(results[wrong], correct[wrong], fmt)
        found.max_ulp, found.worst = int(distance.max()), int(patterns[wrong[distance.argmax()]])
        columns = (patterns[wrong].tolist(), results[wrong].tolist(), correct[wrong].tolist())
        found.misses = list(zip(*columns, strict=True)) if len(wrong) <= MOST_MISSES else None
    return found


def _counted(correct: Patterns, fmt: FloatFormat, function: RealFunction) -> int:
    """Results that are finite, not zero and no limit."""
    one = fmt.pattern_dtype.type(1)
    magnitude = correct & fmt.pattern_dtype.type(fmt.sign_mask - 1)
    counted = np.count_nonzero(magnitude - one < fmt.pattern_dtype.type(fmt.max_finite))
    limits = np.array(function.limits).astype(fmt.dtype).view(fmt.pattern_dtype)
    return int(counted - sum(np.count_nonzero(correct == limit) for limit in limits))


@cache
def golden_sources_digest(function: bool) -> str:
    """SHA-256 of the sources of golden functions, those of functions of one operand where asked."""
    parts = (*_GOLDENS, _FUNCTIONS) if function else _GOLDENS
    return source_digest(*(str(file) for part in parts for file in sorted(_ROOT.glob(part))))


@cache
def check_digest() -> str:
    """SHA-256 of the sources of correct rounding and of operand sets."""
    return source_digest(*(str(_ROOT / "verify" / f"{name}.py") for name in _SOURCES))


@dataclass
class Progress:
    """How far a check has come.

    Attributes:
        store: where that is kept.
        key: what the findings are valid for.
        done: chunks finished, from the first without a gap.
        outcome: what they showed.
    """

    store: Store
    key: str
    done: int = 0
    outcome: Outcome = field(default_factory=Outcome)

    @staticmethod
    def of(check: Check, folder: Path) -> Progress:
        """What the folder holds of a check; a fresh start where that is nothing or damaged."""
        store = Store(folder, "check", {}, sources=f"{check.golden_digest} {check_digest()}")
        piece = store.recall(check.key)
        if piece is None:
            return Progress(store, check.key)
        return Progress(store, check.key, int(piece.values["done"]), Outcome.from_dict(piece.values["outcome"]))

    def save(self) -> None:
        """Keeps it, whole or not at all."""
        self.store.remember(self.key, {"done": self.done, "outcome": self.outcome.to_dict()})
