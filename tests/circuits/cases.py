"""Every operation on every format; new operations of `OPERATIONS` join by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lava_nexus.circuits import OPERATIONS, Circuit, circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import BFLOAT16, FLOAT8_E5M2, FLOAT32, FLOAT64, FORMATS, FloatFormat
from lava_nexus.verify.operands import Patterns, operands, singles
from tests import exact


@dataclass(frozen=True)
class Case:
    """An operation from a format to a format."""

    operation: str
    fmt: FloatFormat
    to: FloatFormat

    @property
    def basic(self) -> bool:
        """Whether IEEE 754 says what the result is."""
        return self.operation in exact.VALUES or self.operation in exact.PREDICATES

    def build(self, basis: str = "threshold", style: str = "neurons", max_delay: int = 62) -> Circuit:
        """The circuit; a function that has no program for the format skips the test."""
        try:
            return circuit(self.operation, self.fmt, to=self.to, basis=basis, style=style, max_delay=max_delay)
        except NexusError:
            if self.basic:
                raise
            return pytest.skip(f"{self.operation} has no program for {self.fmt}")

    def __str__(self) -> str:
        return f"{self.operation}-{self.fmt}" + ("" if self.fmt == self.to else f"-{self.to}")


def targets(operation: str, fmt: FloatFormat) -> list[FloatFormat]:
    """Formats of the result that the operation is there for."""
    if operation == "convert":
        return [to for to in FORMATS.values() if to != fmt]
    if not OPERATIONS[operation].widens or fmt == FLOAT64:
        return [fmt]
    return [fmt, FLOAT64 if fmt == FLOAT32 else FLOAT32]


def operand_sets(case: Case, size: int, seed: int = 0) -> list[Patterns]:
    """About `size` operand sets of the case; the addend of a fused multiply-add is of the result's format."""
    sets = operands(case.fmt, len(case.build().inputs), size, seed)
    if case.operation == "fma" and case.to != case.fmt:
        addends = np.random.default_rng(seed).permutation(singles(case.to, len(sets[0]), seed))
        sets[2] = np.resize(addends, len(sets[0]))
    return sets


def heavy(case: Case) -> bool:
    """Whether the published gates of the case are so many that building them takes seconds."""
    return case.fmt.bits == 64 if case.basic else case.fmt.bits >= 32


def further(case: Case) -> bool:
    """Whether the case says what another format's says, or is a function in FP64, whose circuits are the largest."""
    return (case.fmt == FLOAT64 and not case.basic) or not {case.fmt, case.to}.isdisjoint((FLOAT8_E5M2, BFLOAT16))


# Exact sums, whose operands are many, have tests of their own.
NAMES = [name for name, operation in OPERATIONS.items() if "terms" not in operation.options]
CASES = [Case(name, fmt, to) for name in NAMES for fmt in FORMATS.values() for to in targets(name, fmt)]
BASIC = [case for case in CASES if case.basic]


def large(case: Case) -> bool:
    """Whether the case is a function in FP64, the largest circuits, other than exp."""
    return case.fmt == FLOAT64 and not case.basic and case.operation != "exp"


def never(case: Case) -> bool:
    """For no case."""
    return False


def marked(cases: list[Case], wide: Callable[[Case], bool], slow: Callable[[Case], bool] = never) -> list[Any]:
    """The cases as parameters, some of them for CI alone, some of them slow."""
    marks = [pytest.mark.slow if slow(case) else pytest.mark.wide if wide(case) else () for case in cases]
    return [pytest.param(case, marks=mark, id=str(case)) for case, mark in zip(cases, marks, strict=True)]


WIDE_LAST = marked(CASES, further)
# The same, with what is heavy left to the slow tests.
LIGHT_FIRST = marked(CASES, further, heavy)
