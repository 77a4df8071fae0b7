"""The backward pass equals plain loops in every bit, on the reference and as neurons, and autograd in FP64 nearly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch

from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import BFLOAT16, FLOAT16, FLOAT32, FloatFormat
from lava_nexus.programs import Program, Value, Writer, linear_grad, rms_norm_grad, silu_grad, softmax, softmax_grad
from tests.programs import oracle

Values = oracle.Values
Arrays = Mapping[str, Values]
Write = Callable[[Writer, Mapping[str, Value]], Mapping[str, Value]]

EPS = 2.0**-17  # a number of every format here


def random(fmt: FloatFormat, seed: int, **shapes: tuple[int, ...]) -> dict[str, Values]:
    draw = np.random.default_rng(seed).standard_normal
    return {name: draw(shape).astype(fmt.dtype) for name, shape in shapes.items()}


def evaluate(write: Write, arrays: Arrays, fmt: FloatFormat, executor: str) -> dict[str, Values]:
    """The program's outputs for arrays [batch, ...]."""
    w = Writer(Program("test"), fmt).inside("layer")
    w.program.outputs.update(write(w, {name: w.program.input(name, a.shape[1:], fmt) for name, a in arrays.items()}))
    result = run_program(w.program, {name: fmt.to_patterns(a) for name, a in arrays.items()}, executor_named(executor))
    return {name: fmt.from_patterns(patterns) for name, patterns in result.outputs.items()}


def write_linear(w: Writer, v: Mapping[str, Value]) -> Mapping[str, Value]:
    return vars(linear_grad(w, v["dy"], v["x"], v["weight"]))


def write_norm(w: Writer, v: Mapping[str, Value]) -> Mapping[str, Value]:
    return vars(rms_norm_grad(w, v["dy"], v["x"], v["weight"], EPS))


def write_silu(w: Writer, v: Mapping[str, Value]) -> Mapping[str, Value]:
    return {"x": silu_grad(w, v["dy"], v["x"])}


def write_softmax(w: Writer, v: Mapping[str, Value]) -> Mapping[str, Value]:
    return {"x": softmax_grad(w.inside("backward"), v["dy"], softmax(w.inside("forward"), v["x"]))}


def loops_linear(a: Arrays) -> Arrays:
    dy, x, weight = a["dy"], a["x"], a["weight"]
    return {
        "x": oracle.matmul(dy, weight.T),
        "weight": oracle.matmul(dy.T, x.T),
        "bias": oracle.fold(dy.T),
    }


def loops_norm(a: Arrays) -> Arrays:
    dy, x, weight = a["dy"], a["x"], a["weight"]
    width = x.dtype.type(x.shape[-1])
    root = np.sqrt(oracle.fold(x * x) / width + x.dtype.type(EPS))[:, None]
    normed, g = x / root, dy * weight
    along = (oracle.fold(g * normed) / width)[:, None]
    return {"x": (g - normed * along) / root, "weight": oracle.fold((dy * normed).T)}


def loops_silu(a: Arrays) -> Arrays:
    dy, x, one = a["dy"], a["x"], a["x"].dtype.type(1)
    s = one / (one + oracle.exp(-x))
    return {"x": dy * s * (one + x * (one - s))}


def loops_softmax(a: Arrays) -> Arrays:
    y = oracle.softmax(a["x"])
    return {"x": (a["dy"] - oracle.fold(a["dy"] * y)[:, None]) * y}


def torch_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + EPS) * weight


T, K, N = 3, 6, 5
CASES = {
    "linear": (write_linear, loops_linear, {"x": (T, K), "weight": (N, K), "dy": (T, N)}),
    "rms_norm": (write_norm, loops_norm, {"x": (T, K), "weight": (K,), "dy": (T, K)}),
    "silu": (write_silu, loops_silu, {"x": (T, K), "dy": (T, K)}),
    "softmax": (write_softmax, loops_softmax, {"x": (T, K), "dy": (T, K)}),
}
TORCH = {
    "linear": lambda x, weight: torch.nn.functional.linear(x, weight),
    "rms_norm": torch_norm,
    "silu": torch.nn.functional.silu,
    "softmax": lambda x: torch.softmax(x, dim=-1),
}


# In FP32 the oracle's exp is correctly rounded, the circuit's nearly always: no SiLU and softmax there.
WHERE = [
    *((name, FLOAT16, executor) for name in CASES for executor in ("reference", "bitsliced")),
    *((name, BFLOAT16, "reference") for name in CASES),
    *((name, FLOAT32, "reference") for name in ("linear", "rms_norm")),
]


@pytest.mark.parametrize(("name", "fmt", "executor"), WHERE, ids=str)
def test_equals_plain_loops_in_every_bit(name: str, fmt: FloatFormat, executor: str) -> None:
    write, loops, shapes = CASES[name]
    arrays = random(fmt, 1, **{key: (4, *shape) for key, shape in shapes.items()})
    got = evaluate(write, arrays, fmt, executor)
    samples = [loops({key: a[i] for key, a in arrays.items()}) for i in range(4)]
    assert set(got) == set(samples[0])
    for key, values in got.items():
        np.testing.assert_array_equal(fmt.to_patterns(values), fmt.to_patterns(np.stack([s[key] for s in samples])))


@pytest.mark.parametrize("name", CASES)
def test_nearly_equals_autograd_in_float64(name: str) -> None:
    write, _, shapes = CASES[name]
    arrays = random(FLOAT32, 2, **{key: (1, *shape) for key, shape in shapes.items()})
    got = evaluate(write, arrays, FLOAT32, "reference")
    leaves = {k: torch.tensor(a[0].astype(np.float64), requires_grad=True) for k, a in arrays.items() if k != "dy"}
    y = TORCH[name](*leaves.values())
    grads = torch.autograd.grad(y, list(leaves.values()), torch.tensor(arrays["dy"][0].astype(np.float64)))
    for key, grad in zip(leaves, grads, strict=True):
        np.testing.assert_allclose(got[key][0], grad.numpy(), rtol=1e-5, atol=2e-6)
    if name == "linear":
        np.testing.assert_allclose(got["bias"][0], arrays["dy"][0].sum(axis=0, dtype=np.float64), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("x", [0.0, -0.0, 30.0, -11.0, 65504.0])
def test_silu_grad_at_the_ends(x: float) -> None:
    arrays = {"x": np.full((1, 1, 1), x, np.float16), "dy": np.ones((1, 1, 1), np.float16)}
    got = float(evaluate(write_silu, arrays, FLOAT16, "bitsliced")["x"].item())
    s = 1 / (1 + np.exp(-x))
    assert got == pytest.approx(s * (1 + x * (1 - s)), rel=2e-3, abs=1e-6)
