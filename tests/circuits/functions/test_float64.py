"""FP64 functions: within 1 ULP of correct rounding, special values, order, and neurons against the golden function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lava_nexus.circuits import OPERATIONS, circuit
from lava_nexus.formats import FLOAT64, ulp_distance
from lava_nexus.neurons import violations
from tests.circuits.definition import outputs
from tests.circuits.functions.oracle import FUNCTIONS, correctly_rounded, domain
from tests.circuits.functions.test_functions import SPECIALS, golden

# Ceilings in neurons, threshold basis.
CEILINGS = {
    "exp2": 6_000,
    "rsqrt": 7_000,
    "log": 10_500,
    "tanh": 11_500,
    "erf": 11_000,
    "sigmoid": 16_000,
    "silu": 18_000,
    "gelu": 20_500,
    "gelu_tanh": 22_500,
    "sin": 13_000,
    "cos": 13_000,
}
QUICKLY_BUILT = ("exp2", "rsqrt")
RISING = [name for name, function in FUNCTIONS.items() if function.increasing]


def values(name: str, n: int) -> NDArray[np.float64]:
    """Operands where the function is curved, next to its ends, anywhere, and corners."""
    rng = np.random.default_rng(n)
    parts = [
        rng.standard_normal(n) * 2.0 ** rng.integers(-5, 5, n),
        rng.standard_normal(n) * 2.0 ** rng.integers(-60, 10, n),
        rng.uniform(-750, 750, n // 2),
        1 + rng.standard_normal(n // 2) * 2.0 ** -rng.integers(1, 52, n // 2),
        rng.integers(0, 2**64, n // 2, dtype=np.uint64).view(np.float64),
        np.ldexp(1.0, np.arange(-1074, 1024, 13)),
        rng.integers(1, 1 << 52, n // 8, dtype=np.uint64).view(np.float64),
    ]
    if name in ("sin", "cos"):
        near = rng.integers(1, 2**20 * 2 // 3, n // 2) * (np.pi / 2)  # results next to 0 and to 1
        parts += [rng.uniform(-(2.0**20), 2.0**20, n // 2), near]
    x = np.concatenate(parts)
    return np.abs(x) if name in ("log", "rsqrt") else np.concatenate([x, -x[: n // 4]])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_one_ulp_and_seldom_off(name: str) -> None:
    patterns = domain(name, values(name, 400).view(np.uint64), FLOAT64)
    assert len(patterns) > 500
    distance = ulp_distance(golden(name, FLOAT64)(patterns), correctly_rounded(name, patterns, FLOAT64), FLOAT64)
    assert distance.max() <= 1
    assert (distance > 0).mean() <= 0.06


@pytest.mark.parametrize("name", SPECIALS)
def test_special_values(name: str) -> None:
    x, y = (np.array(side) for side in zip(*SPECIALS[name], strict=True))
    got = golden(name, FLOAT64)(x.view(np.uint64))
    np.testing.assert_array_equal(got, FLOAT64.canonical(y.view(np.uint64)))
    payloads = np.array([0x7FF0000000000001, 0x7FF8000000000000, 2**64 - 1], np.uint64)
    assert (golden(name, FLOAT64)(payloads) == FLOAT64.canonical_nan).all()


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_turns_end_at_two_to_the_twentieth(name: str) -> None:
    x = np.array([2.0**20, -(2.0**20), np.nextafter(2.0**20, np.inf), -np.nextafter(2.0**20, np.inf)])
    got = golden(name, FLOAT64)(x.view(np.uint64))
    assert (FLOAT64.is_nan(got) == [False, False, True, True]).all()


@pytest.mark.parametrize("name", RISING)
def test_what_increases_never_decreases_far_apart(name: str) -> None:
    x = np.unique(values(name, 4_000))
    x = x[~np.isnan(x)]
    y = golden(name, FLOAT64)(x.view(np.uint64)).view(np.float64)
    assert (y[1:] >= y[:-1]).all()


@pytest.mark.parametrize(("name", "rises"), [("exp", True), ("exp2", True), ("log", True), ("rsqrt", False)])
def test_neighbours_keep_the_order(name: str, rises: bool) -> None:
    start = np.random.default_rng(2).uniform(0.1, 5.0, 12).view(np.uint64)
    runs = start[:, None] + np.arange(500, dtype=np.uint64)
    y = golden(name, FLOAT64)(runs).view(np.float64)
    steps = np.diff(y if rises else -y, axis=1)
    assert (steps >= 0).all()
    assert (steps > 0).any()


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid"])
def test_neighbours_keep_the_order_next_to_the_limit(name: str) -> None:
    """Around the operands from which a result is the next one, where many neighbours share a result."""
    rng = np.random.default_rng(4)
    wanted = 1 - np.unique(np.rint(2.0 ** rng.uniform(0, 50, 150))) * 2.0**-53
    low, high = (np.full(len(wanted), end).view(np.uint64) for end in (0.5, 64.0))
    for _ in range(63):
        middle = (low + high) // np.uint64(2)
        reached = golden(name, FLOAT64)(middle).view(np.float64) >= wanted
        low, high = np.where(reached, low, middle + np.uint64(1)), np.where(reached, middle, high)
    for stride in (1, 1 << 12, 1 << 26, 1 << 34):
        runs = high[:, None] + np.arange(-8, 8).astype(np.uint64) * np.uint64(stride)
        y = golden(name, FLOAT64)(runs).view(np.float64)
        assert (np.diff(y, axis=1) >= 0).all()
        assert (np.diff(y, axis=1) > 0).any()


def test_neighbours_of_zero_keep_the_order_of_sigmoid() -> None:
    size = 2.0 ** np.random.default_rng(5).uniform(-30, -1, 60)
    for stride in (1, 1 << 8, 1 << 16):
        runs = np.sort(-size).view(np.uint64)[:, None] - np.arange(300, dtype=np.uint64) * np.uint64(stride)
        assert (np.diff(golden("sigmoid", FLOAT64)(runs).view(np.float64), axis=1) >= 0).all()


def test_compiled_golden_gives_what_numpy_gives() -> None:
    patterns = values("exp2", 60_000).view(np.uint64)
    whole = golden("exp2", FLOAT64)  # compiled from 2^17 patterns on
    assert len(patterns) > 1 << 17
    some = np.concatenate([OPERATIONS["exp2"].golden(FLOAT64, FLOAT64)(part) for part in (patterns[:999],)])
    np.testing.assert_array_equal(whole(patterns)[:999], some)


def held(name: str, n: int) -> Any:
    built = circuit(name, FLOAT64)
    assert not violations(built.network)
    assert built.neurons <= CEILINGS[name]
    patterns = np.concatenate([values(name, n), [0.0, -0.0, np.inf, -np.inf, np.nan]]).view(np.uint64)
    np.testing.assert_array_equal(outputs(built.network, [patterns]), built.golden(patterns))


@pytest.mark.parametrize("name", QUICKLY_BUILT)
def test_neurons_give_what_the_golden_gives(name: str) -> None:
    held(name, 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", CEILINGS)
def test_neurons_of_every_function_give_what_the_golden_gives(name: str) -> None:
    held(name, 1_000)
