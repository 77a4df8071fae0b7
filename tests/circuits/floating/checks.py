"""Circuits against their references, and references against rational numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.formats import FloatFormat
from lava_nexus.verify.operands import Patterns
from tests import exact
from tests.circuits.definition import outputs

Oracle = Callable[..., int]


def check(built: Circuit, sets: list[Patterns]) -> None:
    """Every neuron evaluated by definition, against the reference."""
    answer, expected = outputs(built.network, sets), built.golden(*sets)
    assert answer.dtype == expected.dtype == built.output.pattern_dtype
    assert_equal(built, sets, answer, expected)


def check_reference(built: Circuit, sets: list[Patterns], oracle: Oracle, most: int = 4000, seed: int = 0) -> None:
    """The reference against an oracle on Python's numbers, on `most` of the sets at random."""
    chosen = np.random.default_rng(seed).permutation(len(sets[0]))[:most]
    some = [x[chosen] for x in sets]
    truth = [oracle(*one) for one in zip(*(x.tolist() for x in some), strict=True)]
    assert_equal(built, some, built.golden(*some), np.array(truth, dtype=built.output.pattern_dtype))


def assert_equal(built: Circuit, sets: list[Patterns], answer: Patterns, expected: Patterns) -> None:
    wrong = np.flatnonzero(answer != expected)
    shown = [
        f"({', '.join(f'{int(x[i]):#x}' for x in sets)}): {int(answer[i]):#x}, not {int(expected[i]):#x}"
        for i in wrong[:5]
    ]
    assert not len(wrong), f"{built.label}: {len(wrong)} of {len(answer)} wrong: " + "; ".join(shown)


def everything(fmt: FloatFormat, operands: int) -> list[Patterns]:
    """All patterns of a narrow format in all combinations."""
    patterns = np.arange(1 << fmt.bits).astype(fmt.pattern_dtype)
    return [np.ravel(x) for x in np.meshgrid(*[patterns] * operands, indexing="ij")]


def rational(operation: str, fmt: FloatFormat, to: FloatFormat | None = None) -> Oracle:
    """The oracle of an operation on fractions."""
    return lambda *patterns: exact.expected(operation, patterns, fmt, to)


NARROW = [FloatFormat(2, 1), FloatFormat(2, 2), FloatFormat(3, 1), FloatFormat(3, 2, inf=False)]
"""Formats of so few bits that every combination of operands can be tried."""

STYLES = [("threshold", "neurons"), ("threshold", "depth"), ("nexus", "neurons")]
