"""One question to the solver, under a time limit, in a way that Ctrl-C ends."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from lava_nexus.verification.formal.terms import Term, Terms, required

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

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield noted
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        for number in noted:
            signal.raise_signal(number)
