"""`exact` rounds the exact sum once, whatever the order and the length."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.circuits.accumulator import accumulator
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT16, FLOAT32, FLOAT64, FloatFormat
from lava_nexus.programs import Program, Writer, linear
from tests.programs.oracle import Values


def nearest(exact: Fraction, fmt: FloatFormat) -> Values:
    """The finite nearest number, ties to even; the exact value is not zero."""
    guess = int(fmt.to_patterns(np.asarray(float(exact)).astype(fmt.dtype)))
    near = fmt.from_patterns(np.array([guess, guess - 1, guess + 1], fmt.pattern_dtype))
    options = [x for x in near if np.isfinite(x)]
    return min(options, key=lambda x: (abs(Fraction(float(x)) - exact), int(fmt.to_patterns(x)) % 2))


def layer(fmt: FloatFormat, k: int, weight: Values) -> Program:
    w = Writer(Program("test"), fmt, accumulate="exact").inside("layer")
    x = w.program.input("x", (1, k), fmt)
    w.program.outputs["y"] = linear(w, x, w.constant(weight))
    w.program.outputs["sum"] = w.inside("sum").reduce("add", x)
    return w.program


def run(program: Program, x: Values, fmt: FloatFormat, executor: str) -> tuple[Values, Values]:
    outputs = run_program(program, {"x": fmt.to_patterns(x)}, executor_named(executor)).outputs
    return outputs["y"], outputs["sum"]


@pytest.mark.parametrize(
    ("executor", "fmt"), [("reference", FLOAT16), ("bitsliced", FLOAT8_E4M3FN), ("membrane", FLOAT16)], ids=str
)
@pytest.mark.parametrize("k", [1, 2, 7, 16])
def test_sums_are_rounded_once(k: int, executor: str, fmt: FloatFormat) -> None:
    rng = np.random.default_rng(k)
    x = (rng.standard_normal((40, 1, k)) * np.exp2(rng.integers(-8, 2, (40, 1, k)))).astype(fmt.dtype)
    weight = rng.standard_normal((3, k)).astype(fmt.dtype)
    y, total = run(layer(fmt, k, weight), x, fmt, executor)
    for i, row in enumerate(x[:, 0]):
        terms = [[Fraction(float(a)) * Fraction(float(b)) for a, b in zip(row, w, strict=True)] for w in weight]
        for n, exact in enumerate(map(sum, terms)):
            assert exact == 0 or y[i, 0, n] == fmt.to_patterns(nearest(Fraction(exact), fmt))
        exact = sum(Fraction(float(a)) for a in row)
        assert exact == 0 or total[i, 0] == fmt.to_patterns(nearest(Fraction(exact), fmt))


@pytest.mark.parametrize("executor", ["reference", "membrane"])
def test_no_order_matters_and_corners_are_those_of_ieee(executor: str) -> None:
    inf, nan, most = np.inf, np.nan, 65504.0
    rows = [
        ([most, most, -most, 1e-7, -most], 1e-7),
        ([-0.0] * 5, -0.0),
        ([-0.0, -0.0, 0.0, -0.0, -0.0], 0.0),
        ([1.0, -1.0, -0.0, -0.0, -0.0], 0.0),
        ([inf, 1.0, -most, 2.0, 3.0], inf),
        ([inf, 1.0, -inf, 2.0, 3.0], nan),
        ([nan, 1.0, inf, 2.0, 3.0], nan),
        ([most, most, most, 0.0, 0.0], inf),
        ([-6e-8, 0.0, 0.0, 0.0, 0.0], -6e-8),
    ]
    x = np.array([row for row, _ in rows], np.float16)[:, None]
    expected = FLOAT16.to_patterns(np.array([value for _, value in rows], np.float16))
    program = layer(FLOAT16, 5, np.ones((1, 5), np.float16))
    for shift in range(5):
        y, total = run(program, np.roll(x, shift, axis=-1), FLOAT16, executor)
        np.testing.assert_array_equal(y[:, 0, 0], expected)
        np.testing.assert_array_equal(total[:, 0], expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 2), min_size=1, max_size=9))
def test_reference_of_wide_registers_equals_fractions(pairs: list[tuple[float, float]]) -> None:
    """FP32 products of all sizes, far beyond what FP64 sums hold."""
    exact = sum(Fraction(a) * Fraction(b) for a, b in pairs)
    if exact == 0 or abs(exact) > 2**127:
        return
    x, w = (np.array([pair[side] for pair in pairs], np.float32) for side in (0, 1))
    y, _ = run(layer(FLOAT32, len(pairs), w[None]), x[None, None], FLOAT32, "reference")
    tiny = abs(exact) < Fraction(1, 2**151)
    want = np.float32(np.copysign(0.0, float(exact > 0) - 0.5)) if tiny else nearest(exact, FLOAT32)
    assert y.ravel()[0] == FLOAT32.to_patterns(want)


def test_invocations_and_depth_are_those_of_the_run() -> None:
    program = layer(FLOAT16, 7, np.ones((3, 7), np.float16))
    parts = accumulator(FLOAT16, "products")
    assert program.nodes[0].depth == 4 * parts.step.depth + parts.finish.depth
    result = run_program(program, {"x": np.zeros((2, 1, 7), np.uint16)}, executor_named("reference"))
    stated: dict[str, int] = {}
    for _, circuit, count in program.invocations():
        stated[circuit.name] = stated.get(circuit.name, 0) + 2 * count
    assert {tally.circuit.name: tally.invocations for tally in result.tallies} == stated
    assert "add products exactly float16" in {tally.circuit.label for tally in result.tallies}


@pytest.mark.slow
def test_neurons_of_wide_registers_equal_the_reference() -> None:
    rng = np.random.default_rng(3)
    x, w = (rng.standard_normal((5, 1, 6)).astype(BFLOAT16.dtype) for _ in range(2))
    program = layer(BFLOAT16, 6, w[0])
    for got, want in zip(run(program, x, BFLOAT16, "bitsliced"), run(program, x, BFLOAT16, "reference"), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("fmt", [FLOAT16, FLOAT32, FLOAT64], ids=str)
def test_registers_hold_the_layers_of_large_models(fmt: FloatFormat) -> None:
    register = accumulator(fmt, "products").register if fmt != FLOAT64 else accumulator(FLOAT16, "products").register
    assert register.longest >= 65_535 and register.width > register.frame.length


def test_sums_that_no_register_holds_are_one_sentence() -> None:
    w = Writer(Program("test"), FLOAT32, accumulate="exact").inside("layer")
    x = w.program.input("x", (1, 200_000), FLOAT32)
    with pytest.raises(NexusError, match="layer 'layer': an exact sum of 200000 terms of float32 .* 131071"):
        w.contract(x, x)
