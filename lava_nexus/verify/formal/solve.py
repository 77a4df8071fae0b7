"""One question to the solver, under a time limit, in a way that Ctrl-C ends; and subtraction, two such questions.

A subtracter's neurons answer to (a, b) as those of add, which are proven, do to (a, -b); and SMT-LIB's fp.sub(a, b) is
fp.add(a, fp.neg(b)), where fp.neg flips the sign bit, on NaNs too.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import FrameType
from typing import Literal

from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.signals import ENDING
from lava_nexus.verify.formal.terms import Term, Terms, required
from lava_nexus.verify.formal.translation import translate

Verdict = Literal["unsat", "sat", "unknown"]


@dataclass(frozen=True)
class Answer:
    """What the solver said.

    Attributes:
        verdict: `unsat` where no assignment satisfies the assertions, `unknown` where time ran out.
        seconds: wall time.
        values: of the variables asked for, where `sat`.
    """

    verdict: Verdict
    seconds: float
    values: tuple[int, ...] = ()


def satisfiable(terms: Terms, assertions: Sequence[Term], variables: Sequence[Term] = (), limit: float = 600) -> Answer:
    """Whether all assertions can hold at once.

    Args:
        variables: bit vectors whose values are wanted.
        limit: seconds.
    """
    package = required()
    options = package.Options()
    options.set(package.Option.PRODUCE_MODELS, bool(variables))
    solver = package.Bitwuzla(terms.manager, options)
    for assertion in assertions:
        solver.assert_formula(assertion)
    start = time.perf_counter()
    with _signals_noted() as noted:
        solver.configure_terminator(lambda: bool(noted) or time.perf_counter() - start > limit)
        result = solver.check_sat()
    seconds = time.perf_counter() - start
    if result == package.Result.UNSAT:
        return Answer("unsat", seconds)
    if result == package.Result.SAT:
        return Answer("sat", seconds, tuple(int(solver.get_value(v).value(10)) for v in variables))
    return Answer("unknown", seconds)


@contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """Signals that end a command are noted while the solver runs, which swallows exceptions, and raised afterwards."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)

    before = {number: signal.signal(number, note) for number in ENDING}
    try:
        yield noted
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        for number in noted:
            signal.raise_signal(number)


SAME = "the neurons of sub answer to (a, b) as those of add to (a, -b)"
MEANING = "fp.sub(a, b) is fp.add(a, fp.neg(b)), and fp.neg flips the sign bit"


class SubtractionObligation:
    """What is to be shown of a subtracter, given that the adder is proven; see `proof.Obligation`.

    Attributes:
        cases: names of what is to be proven.
    """

    cases = (SAME, MEANING)

    def __init__(self, fmt: FloatFormat, network: ThresholdNetwork, adder: ThresholdNetwork) -> None:
        self.fmt, self.network, self.adder = fmt, network, adder
        self._terms = Terms()
        self._a, self._b = (self._terms.variable(port.name, port.width) for port in network.inputs)

    def prove(self, case: str, limit: float) -> Answer:
        """`unsat` proves the case; `sat` carries operands on which the two networks differ."""
        claim = self._same_answers if case == SAME else self._same_meaning
        return satisfiable(self._terms, [self._terms.not_(claim)], [self._a, self._b], limit)

    @cached_property
    def _negated(self) -> Term:
        return self._terms.make("BV_XOR", self._b, self._terms.number(self.fmt.sign_mask, self.fmt.bits))

    @property
    def _same_answers(self) -> Term:
        return self._terms.equal(self._answer(self.network, self._b), self._answer(self.adder, self._negated))

    def _answer(self, network: ThresholdNetwork, second: Term) -> Term:
        inputs = {port.name: term for port, term in zip(network.inputs, (self._a, second), strict=True)}
        (answer,) = translate(self._terms, network, inputs).values()
        return answer

    @property
    def _same_meaning(self) -> Term:
        terms = self._terms
        a, b = terms.float_of(self._a, self.fmt), terms.float_of(self._b, self.fmt)
        minus_b = terms.make("FP_NEG", b)
        difference = terms.make("FP_SUB", terms.nearest_even, a, b)
        total = terms.make("FP_ADD", terms.nearest_even, a, minus_b)
        flipped = terms.equal(terms.float_of(self._negated, self.fmt), minus_b)
        return terms.and_(terms.equal(difference, total), flipped)
