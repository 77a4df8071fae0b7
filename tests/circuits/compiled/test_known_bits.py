"""What is called known of a set of operands is true of each of them, and what must be found is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.circuits import OPERATIONS
from lava_nexus.circuits.compiled.known_bits import KnownBits
from lava_nexus.circuits.compiled.trace import record
from lava_nexus.circuits.functions.evaluate import bit_length, looked_up
from lava_nexus.formats import FLOAT32
from tests.circuits.compiled.test_compiled import BINARY, COMPARED, EDGES, TABLE, Steps, _program

WORDS = st.one_of(st.sampled_from(EDGES), st.integers(0, 2**64 - 1))
STEPS = st.lists(
    st.tuples(st.integers(0, len(BINARY) + len(COMPARED)), st.integers(0, 9), st.integers(0, 9), st.booleans()),
    min_size=1,
    max_size=8,
)


def operands(word: int, places: list[int]) -> np.ndarray:  # type: ignore[type-arg]
    """All words that differ in bits of these places alone."""
    found = [word & ~sum(1 << place for place in places)]
    for place in places:
        found += [one | 1 << place for one in found]
    return np.array(found, dtype=np.uint64)


@settings(max_examples=150, deadline=None)
@given(STEPS, WORDS, st.lists(st.integers(0, 63), max_size=7, unique=True))
def test_what_is_known_is_true(steps: Steps, word: int, places: list[int]) -> None:
    function = _program(steps)
    x = operands(word, places)
    with np.errstate(all="ignore"):
        results = set(function(x).tolist())
    known = KnownBits(record(function, np.uint64)).result(word, sum(1 << place for place in places))
    assert known is None or results == {known}
    if not places:
        assert known is not None


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (lambda x: (x & np.uint64(0xF0)) >> np.uint64(8), 0),
        (lambda x: np.where(x > np.uint64(2**40), np.uint64(5), x), 5),
        (lambda x: np.maximum((x >> np.uint64(44)).view(np.int64) - 7, 0).astype(np.uint64), 0),
        (lambda x: np.minimum(x, np.uint64(7)), 7),
        (lambda x: bit_length(x), 41),
        (lambda x: looked_up(TABLE, x >> np.uint64(36)), int(TABLE[16])),
        (lambda x: (x & np.uint64(255)) * np.uint64(0), 0),
        (lambda x: (x != np.uint64(3)).astype(np.uint64), 1),
    ],
)
def test_what_is_found(function: Any, result: int) -> None:
    assert KnownBits(record(function, np.uint64)).result(1 << 40 | 1, (1 << 30) - 1 & ~1) == result


@pytest.mark.parametrize("name", ["exp", "tanh", "cos"])
def test_runs_of_one_result(name: str) -> None:
    golden: Any = OPERATIONS[name].golden(FLOAT32, FLOAT32)
    rng, found = np.random.default_rng(1), 0
    for exponent in range(0, 512, 9):
        result = golden.constant(exponent << 23, (1 << 23) - 1)
        if result is not None:
            found += 1
            patterns = (np.uint32(exponent << 23) + rng.integers(0, 1 << 23, 500, dtype=np.uint32)).astype(np.uint32)
            assert (golden(patterns) == result).all()
    assert found >= {"exp": 45, "tanh": 12, "cos": 44}[name]
