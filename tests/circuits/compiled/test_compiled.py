"""What is recorded and compiled does to every element what NumPy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lava_nexus.circuits.compiled.machine_code import LANES, MachineCode
from lava_nexus.circuits.compiled.trace import TraceError, record

EDGES = [0, 1, 2, 63, 64, 65, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1]
BINARY = [
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.add,
    np.subtract,
    np.multiply,
    np.left_shift,
    np.right_shift,
    np.minimum,
    np.maximum,
]
COMPARED = [np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal]
TABLE = np.random.default_rng(0).integers(0, 2**63, 256, dtype=np.uint64)
Steps = list[tuple[int, int, int, bool]]


def operands(dtype: Any, n: int = 301) -> NDArray[Any]:
    rng = np.random.default_rng(n)
    top = np.iinfo(dtype).max
    edges = np.array([edge for edge in EDGES if edge <= top], dtype=dtype)
    small = rng.integers(0, 70, n // 2, dtype=dtype)
    return np.concatenate([edges, small, rng.integers(0, top, n // 2, dtype=dtype, endpoint=True)])


def agree(function: Callable[[Any], Any], dtype: Any) -> None:
    compiled, x = MachineCode(record(function, dtype)), operands(dtype)
    with np.errstate(all="ignore"):
        want = function(x)
    for n in (0, 1, LANES - 1, LANES, LANES + 1, len(x)):
        got = compiled(x[:n])
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want[:n])
    shaped = x[:12].reshape(3, 4)
    np.testing.assert_array_equal(compiled(shaped), want[:12].reshape(3, 4))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("ufunc", [*BINARY, *COMPARED], ids=lambda ufunc: ufunc.__name__)
def test_every_operation(ufunc: np.ufunc, signed: bool) -> None:
    def function(x: Any) -> Any:
        kind = np.int64 if signed else np.uint64
        y = (x ^ (x >> np.uint64(7))) & np.uint64(127) if "shift" in ufunc.__name__ else x * np.uint64(2**40 + 1)
        a, b = x.view(kind), y.view(kind)
        total = ufunc(a, b).astype(np.uint64)
        for constant in (kind(0), kind(5), kind(63)):
            total = total * np.uint64(3) + ufunc(a, constant).astype(np.uint64) + ufunc(constant, b).astype(np.uint64)
        return total

    agree(function, np.uint64)


def _program(steps: Steps) -> Callable[[Any], Any]:
    """Each step: an operation on two earlier values, in signed or unsigned words."""

    def function(x: Any) -> Any:
        values = [x, x >> np.uint64(3)]
        for operation, left, right, signed in steps:
            kind = np.int64 if signed else np.uint64
            a, b = values[left % len(values)], values[right % len(values)]
            if operation < len(BINARY):
                b = b & np.uint64(127) if "shift" in BINARY[operation].__name__ else b
                made = BINARY[operation](a.view(kind), b.view(kind)).view(np.uint64)
            elif operation < len(BINARY) + len(COMPARED):
                flag = COMPARED[operation - len(BINARY)](a.view(kind), b.view(kind))
                made = np.where(flag, b, a ^ np.uint64(right)) + (flag & (a > b)).astype(np.uint64)
            else:
                made = np.clip(a.view(np.int64), -3, right).view(np.uint64)
            values.append(made)
        return values[-1]

    return function


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(BINARY) + len(COMPARED)), st.integers(0, 9), st.integers(0, 9), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_programs(steps: Steps) -> None:
    agree(_program(steps), np.uint64)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_narrow_words(dtype: Any) -> None:
    def function(x: Any) -> Any:
        y = (x * dtype(7) + dtype(3)) ^ ~(x > dtype(9)) ^ (x << dtype(2))
        return np.where((y - dtype(5) < x) & True, y - x, (x.astype(np.uint64) * np.uint64(2**33 + 3)).astype(dtype))

    agree(function, dtype)


def test_tables() -> None:
    from lava_nexus.circuits.functions.evaluate import bit_length, looked_up

    def function(x: Any) -> Any:
        low = looked_up(TABLE, x & np.uint64(255))
        return low + looked_up(TABLE[:16].copy(), bit_length(x) >> np.uint64(3)) + bit_length(low)

    agree(function, np.uint64)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.arange(3),
        lambda x: x.astype(np.float64),
        lambda x: np.sum(x),
        lambda x: x + np.arange(3, dtype=np.uint64),
        lambda x: np.add.reduce(x),
        lambda x: np.asarray(x),
        lambda x: np.sqrt(x),
        lambda x: x > 3,
        lambda x: x.view(np.uint32),
        lambda x: np.add(x, x, out=np.zeros(3, np.uint64)),
    ],
)
def test_what_is_not_recorded_is_named(function: Callable[[Any], Any]) -> None:
    with pytest.raises(TraceError):
        record(function, np.uint64)
