"""Every layer's program equals plain loops over numpy in every bit, on the reference and as neurons."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT16, FLOAT32, FloatFormat
from lava_nexus.programs import (
    LayerShape,
    Program,
    Value,
    Writer,
    attend,
    feed_forward,
    linear,
    mean,
    rms_norm,
    silu,
    softmax,
)
from tests.programs import oracle

Values = oracle.Values
EXECUTORS = ["reference", "bitsliced", "membrane"]


def random(shape: tuple[int, ...], fmt: FloatFormat, seed: int, scale: float = 1.0) -> Values:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(fmt.dtype)


def evaluate(write: Callable[[Writer, Value], Value], x: Values, fmt: FloatFormat, executor: str) -> Values:
    """The layer's result for x [batch, ...]."""
    w = Writer(Program("test"), fmt).inside("layer")
    w.program.outputs["y"] = write(w, w.program.input("x", x.shape[1:], fmt))
    result = run_program(w.program, {"x": fmt.to_patterns(x)}, executor_named(executor))
    return fmt.from_patterns(result.outputs["y"])


def assert_same_bits(got: Values, expected: Values, fmt: FloatFormat) -> None:
    assert got.shape == expected.shape
    np.testing.assert_array_equal(fmt.to_patterns(got), fmt.to_patterns(expected))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("fmt", [FLOAT16, FLOAT32], ids=str)
def test_linear_with_bias(fmt: FloatFormat, executor: str) -> None:
    x, weight, bias = random((3, 2, 7), fmt, 1), random((5, 7), fmt, 2), random((5,), fmt, 3)
    got = evaluate(lambda w, v: linear(w, v, w.constant(weight), w.constant(bias)), x, fmt, executor)
    expected = np.stack([oracle.matmul(sample, weight) + bias for sample in x])
    assert_same_bits(got, expected, fmt)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("width", [8, 6])
def test_rms_norm_with_a_width_that_is_a_power_of_two_and_one_that_is_not(width: int, executor: str) -> None:
    x, weight = random((2, 3, width), FLOAT32, 4), random((width,), FLOAT32, 5)
    got = evaluate(lambda w, v: rms_norm(w, v, w.constant(weight), 1e-5), x, FLOAT32, executor)
    assert_same_bits(got, oracle.rms_norm(x, weight, 1e-5), FLOAT32)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_softmax(executor: str) -> None:
    x = random((2, 3, 5), FLOAT16, 6, scale=4)
    got = evaluate(softmax, x, FLOAT16, executor)
    assert_same_bits(got, oracle.softmax(x), FLOAT16)
    np.testing.assert_allclose(got.astype(np.float64).sum(-1), 1, atol=0.01)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_silu_on_corners_and_random_numbers(executor: str) -> None:
    corners = np.array([0.0, -0.0, 1e-7, -1e-7, 20.0, -20.0, 65504.0, -65504.0, np.inf], np.float16)
    x = np.concatenate([corners, random((200,), FLOAT16, 7, scale=3)])[None]
    with np.errstate(all="ignore"):
        expected = oracle.silu(x)
    assert_same_bits(evaluate(silu, x, FLOAT16, executor), expected, FLOAT16)


@pytest.mark.parametrize("executor", ["reference", "bitsliced"])
def test_attention(executor: str) -> None:
    heads, width, scale = 2, 8, 0.5
    x = random((2, 3, width), FLOAT16, 8)
    weights = [random((width, width), FLOAT16, 9 + i, scale=0.5) for i in range(4)]
    shape = LayerShape(heads, heads, width // heads, scale, "pre_norm", "rms", 1e-5, "silu", gated=True, causal=False)
    roles = ("query", "key", "value", "output")

    def write(w: Writer, v: Value) -> Value:
        given = {f"{role}.weight": w.constant(m) for role, m in zip(roles, weights, strict=True)}
        return attend(w, v, given, shape)[0]

    got = evaluate(write, x, FLOAT16, executor)
    expected = []
    for sample in x:
        query, key, value = (oracle.matmul(sample, m) for m in weights[:3])
        mixed = []
        for head in range(heads):
            part = slice(head * 4, head * 4 + 4)
            scores = oracle.matmul(query[:, part], key[:, part]) * np.float16(scale)
            mixed.append(oracle.matmul(oracle.softmax(scores), value[:, part].T))
        expected.append(oracle.matmul(np.concatenate(mixed, axis=1), weights[3]))
    assert_same_bits(got, np.stack(expected), FLOAT16)


@pytest.mark.parametrize("executor", ["reference", "bitsliced"])
def test_swiglu(executor: str) -> None:
    x = random((2, 2, 4), FLOAT16, 20)
    gate, up, down = random((6, 4), FLOAT16, 21), random((6, 4), FLOAT16, 22), random((4, 6), FLOAT16, 23)
    named = {"gate.weight": gate, "up.weight": up, "down.weight": down}
    got = evaluate(
        lambda w, v: feed_forward(w, v, {role: w.constant(m) for role, m in named.items()}), x, FLOAT16, executor
    )
    expected = [oracle.matmul(oracle.silu(oracle.matmul(s, gate)) * oracle.matmul(s, up), down) for s in x]
    assert_same_bits(got, np.stack(expected), FLOAT16)


@pytest.mark.parametrize("count", [4, 3])
def test_mean_divides(count: int) -> None:
    x = random((50, 1), FLOAT32, 30)
    assert_same_bits(evaluate(lambda w, v: mean(w, v, count), x, FLOAT32, "bitsliced"), x / np.float32(count), FLOAT32)


def test_weights_are_rounded_to_the_format() -> None:
    program = Program("test")
    value = Writer(program, FLOAT16).constant(np.array([1 / 3], np.float32))
    assert FLOAT16.from_patterns(program.constants[value.number])[0] == np.float16(1 / 3)


def test_shapes_that_do_not_fit_are_one_sentence() -> None:
    w = Writer(Program("test"), FLOAT32).inside("block0").inside("query")
    x = w.program.input("x", (2, 7), FLOAT32)
    with pytest.raises(NexusError, match=r"layer 'block0\.query'.*\(2, 7\) and \(5, 6\).*last axis"):
        linear(w, x, w.constant(np.zeros((5, 6), np.float32)))
    with pytest.raises(NexusError, match=r"do not broadcast"):
        w.apply("add", x, w.constant(np.zeros(3, np.float32)))
