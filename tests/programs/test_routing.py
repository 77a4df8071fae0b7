"""The router's comparators against a stable sort, and against torch.topk where no two are equal."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT32, FloatFormat
from lava_nexus.programs import Program, Writer
from lava_nexus.programs.routing import top_k


def chosen(x: np.ndarray, k: int, fmt: FloatFormat = FLOAT32, executor: str = "bitsliced", basis: str = "threshold"):
    w = Writer(Program("top-k"), fmt, basis).inside("routing")
    value = w.program.input("x", x.shape[1:], fmt)
    w.program.outputs["y"] = top_k(w, value, k)
    result = run_program(w.program, {"x": fmt.to_patterns(x.astype(fmt.dtype))}, executor_named(executor))
    return fmt.from_patterns(result.outputs["y"]).astype(np.float64)


def stable(x: np.ndarray, k: int) -> np.ndarray:
    """1 for the first k of a stable sort from the largest down; NaN is the largest, and all of them are taken."""
    found = np.zeros(x.shape)
    for row, values in enumerate(x):
        order = np.argsort(-np.where(np.isnan(values), np.inf, values), kind="stable")
        found[row, order[:k]] = 1
    return found


CORNERS = np.array(
    [
        [1.0, 1.0, 1.0, 1.0, 1.0],  # all equal: the first ones
        [0.0, 0.25, 0.25, 0.5, 0.25],
        [-0.0, 0.0, 0.0, -0.0, 0.0],  # zeros of either sign are equal
        [np.inf, -np.inf, np.inf, 0.0, 3.0],
        [1e-40, 2e-40, 0.0, -1e-40, 1e-40],  # subnormal
    ]
)


@pytest.mark.parametrize("basis", ["threshold", "nexus"])
@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_of_equals_the_first_are_taken(k: int, basis: str) -> None:
    np.testing.assert_array_equal(chosen(CORNERS, k, basis=basis), stable(CORNERS.astype(np.float32), k))


@pytest.mark.parametrize("fmt", [BFLOAT16, FLOAT8_E4M3FN], ids=str)
def test_ties_of_narrow_formats(fmt: FloatFormat) -> None:
    x = np.random.default_rng(0).normal(size=(50, 7)).astype(fmt.dtype).astype(np.float64)
    assert any(len(set(row)) < 7 for row in x)
    for executor in ("bitsliced", "membrane", "reference"):
        np.testing.assert_array_equal(chosen(x, 3, fmt, executor), stable(x, 3))


def test_as_many_experts_as_models_have() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(1).permutation(4 * 128).reshape(4, 128).astype(np.float32)
    expected = np.zeros_like(x)
    np.put_along_axis(expected, torch.topk(torch.from_numpy(x), 8).indices.numpy(), 1, axis=1)
    np.testing.assert_array_equal(chosen(x, 8, executor="reference"), expected)


def test_nan_is_beaten_by_none_and_one_expert_is_taken() -> None:
    x = np.array([[1.0, np.nan, 2.0]])
    assert chosen(x, 1).tolist() == [[0.0, 1.0, 1.0]]  # 2 is beaten by no number, so that the infinity stays in sight
    assert chosen(np.array([[5.0]]), 1).tolist() == [[1.0]]
