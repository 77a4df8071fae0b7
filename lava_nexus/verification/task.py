"""One circuit, the operand sets it is tried on, and what happens on a chunk of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.circuit import Golden
from lava_nexus.disk_cache import source_digest
from lava_nexus.executors.bitsliced import BitslicedExecutor, word_program
from lava_nexus.formats import FloatFormat
from lava_nexus.formats.ulp import ordered, ulp_distance
from lava_nexus.verification.correct import correctly_rounded
from lava_nexus.verification.outcome import MOST_EXAMPLES, Example, Outcome, Rounding
from lava_nexus.verification.real_functions import FUNCTIONS
from lava_nexus.verification.sets import Exhaustive, OperandSets

Patterns = NDArray[Any]

_REFERENCE = ("formats/*.py", "circuits/*.py")
_FUNCTIONS = "circuits/functions/*.py"
_CHECKS = ("operands", "sets", "task", "correct", "real_functions")


@dataclass(frozen=True)
class Task:
    """One row of the table.

    Attributes:
        circuit: with its golden function.
        operation, format, to, options: what `lava_nexus.circuit` made it from; `to` is None for that of the operands.
        sets: operand sets.
        gates: whether the neurons are held against the golden function.
        correct: whether the golden function is held against correct rounding.
        direct: whether the neurons are held against correct rounding; the golden function then has no part.
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
        return self.gates and isinstance(self.sets, Exhaustive) and self.sets.whole

    @property
    def how(self) -> str:
        """How it is checked, in words."""
        held = ["gates against golden"] * self.gates + ["golden against correct rounding"] * self.correct
        held += ["gates against correct rounding"] * self.direct
        return f"{self.sets.how}: {' and '.join(held)}"

    @property
    def key(self) -> str:
        """What progress is valid for: the same neurons, reference, sets and chunks."""
        neurons = self.circuit.digest if self.neural else "-"
        return f"{neurons} {reference_digest(self.operation in FUNCTIONS)} {self.how} in chunks of {self.sets.chunk}"

    def prepare(self) -> None:
        """Lowers the network, which the threads would otherwise do once each."""
        if self.neural:
            word_program(self.circuit.network, "outputs")

    def check(self, number: int) -> Outcome:
        """One chunk; any thread."""
        operands = self.sets.take(number)
        found = Outcome(sets=len(operands[0]))
        if self.direct:
            found.rounding = _rounding(self, operands[0], self._answer)
            return found
        golden = self.circuit.golden(*operands)
        if self.gates:
            answered = self._answer(*operands)
            wrong = np.flatnonzero(answered != golden)
            found.mismatches = len(wrong)
            found.examples = [
                Example(tuple(int(one[i]) for one in operands), int(answered[i]), int(golden[i]))
                for i in wrong[:MOST_EXAMPLES]
            ]
        if self.correct:
            found.rounding = _rounding(self, operands[0], self.circuit.golden, golden)
        return found

    def _answer(self, *operands: Patterns) -> Patterns:
        return BitslicedExecutor(count=False, threads=1).invoke(self.circuit, operands)


def _rounding(task: Task, patterns: Patterns, evaluate: Golden, results: Patterns | None = None) -> Rounding:
    """Results of `evaluate`, where they are not known already, against correct rounding."""
    results = evaluate(patterns) if results is None else results
    fmt, function = task.circuit.inputs[0].format, FUNCTIONS[task.operation]
    assert isinstance(fmt, FloatFormat)
    correct, by_precision = correctly_rounded(task.operation, patterns, fmt)
    wrong = results != correct
    magnitude = correct & fmt.pattern_dtype.type(fmt.sign_mask - 1)
    easy = (magnitude == 0) | (magnitude > fmt.max_finite)
    for limit in function.limits:
        easy |= correct == np.array([limit]).astype(fmt.dtype).view(fmt.pattern_dtype)
    found = Rounding(int(wrong.sum()), int((~easy).sum()), int((wrong & ~easy).sum()), by_precision=by_precision)
    if found.wrong:
        where = np.flatnonzero(wrong)
        distance = ulp_distance(results[where], correct[where], fmt)
        found.max_ulp, found.worst = int(distance.max()), int(patterns[where[distance.argmax()]])
    if function.direction and isinstance(task.sets, Exhaustive) and task.sets.whole:
        found.against_order = _against_order(evaluate, patterns, results, fmt, function.direction)
    return found


def _against_order(evaluate: Golden, patterns: Patterns, results: Patterns, fmt: FloatFormat, direction: int) -> int:
    """Steps the wrong way between patterns that follow each other, the one after the last included."""
    if int(patterns[-1]) < 2 * fmt.sign_mask - 1:
        after = patterns[-1:] + fmt.pattern_dtype.type(1)
        patterns, results = np.concatenate([patterns, after]), np.concatenate([results, evaluate(after)])
    x, y = ordered(patterns, fmt), ordered(results, fmt)
    step = np.sign(np.diff(x)) * np.where(y[1:] > y[:-1], 1, np.where(y[1:] < y[:-1], -1, 0))
    number = ~(fmt.is_nan(results[1:]) | fmt.is_nan(results[:-1]))
    same_side = (patterns[1:] ^ patterns[:-1]) < fmt.sign_mask
    return int((number & same_side & (step == -direction)).sum())


@cache
def reference_digest(function: bool) -> str:
    """SHA-256 of the sources of references (those of functions where asked), of correct rounding and of samples."""
    root = Path(__file__).resolve().parents[1]
    parts = (*_REFERENCE, _FUNCTIONS) if function else _REFERENCE
    files = [file for part in parts for file in sorted(root.glob(part))]
    return source_digest(*map(str, files), *(str(root / "verification" / f"{name}.py") for name in _CHECKS))
