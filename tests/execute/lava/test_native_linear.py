"""A native layer as Lava Processes: every signal of every step as the stepper has it, at both levels."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.lava.executor import LavaExecutor, run_process
from lava_nexus.execute.lava.processes.native_linear import NativeLinear
from lava_nexus.execute.native.digits import sums_by_digits
from lava_nexus.execute.native.layer import feeds
from lava_nexus.execute.run import executor
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT32
from lava_nexus.populations.native.limbs import Limbs
from lava_nexus.programs import Program, Writer, linear
from lava_nexus.programs.transformer import causal_mix


def layer_of(fmt, outputs=3, inputs=5):
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((outputs, inputs)).astype(np.float32).astype(fmt.dtype)
    weights[0, :2] = 0, -0.0
    return NativeLayer(Limbs(fmt, fmt, fmt, fmt.to_patterns(weights), "here"))


def rows_of(fmt, rows, inputs):
    """N(0, 1), then zeros, an infinity or NaN, and what cancels."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows, inputs)).astype(np.float32).astype(fmt.dtype)
    x[1, :] = -0.0
    found = fmt.to_patterns(x)
    found[2, 0] = fmt.exponent_mask
    found[3] = rng.integers(0, 1 << fmt.bits, inputs)
    return found


_CASES = [(fmt, level) for fmt in (FLOAT8_E4M3FN, BFLOAT16, FLOAT32) for level in ("vectorised", "lif")]
_MARKS = {(FLOAT32, "lif"): [pytest.mark.slow], (BFLOAT16, "lif"): [pytest.mark.wide]}


@pytest.mark.parametrize(("fmt", "level"), [pytest.param(*case, marks=_MARKS.get(case, [])) for case in _CASES])
def test_bits_and_spikes_are_those_of_the_other_executors(fmt, level):
    layer, rows = layer_of(fmt), rows_of(fmt, 4, 5)
    lines = executor("bitsliced").invoke_all(layer.front, [rows])
    process = NativeLinear(layer, (4,) if level == "vectorised" else (2,))
    outputs = run_process(process, feeds(layer, rows, lines), level)
    sums = sums_by_digits(layer, rows)
    for k, (plus, minus) in enumerate(zip(sums.plus, sums.minus, strict=True)):
        np.testing.assert_array_equal(outputs[f"plus.{k}"], plus)
        np.testing.assert_array_equal(outputs[f"minus.{k}"], minus)
    np.testing.assert_array_equal(outputs["code"], sums.code)
    np.testing.assert_array_equal(process.spike_counts, sums.tally.signal_spikes)


def program_of(fmt, attention):
    """A linear layer; with `attention` the block around it."""
    w = Writer(Program("native"), fmt, accumulate="exact", product="native", operators="shared")
    rng = np.random.default_rng(0)
    if not attention:
        x = w.program.input("x", (1, 4), fmt)
        weight = w.constant(rng.standard_normal((2, 4)).astype(np.float32))
        w.program.outputs["y"] = linear(w.inside("layer"), x, weight)
        return w.program
    x = w.program.input("x", (2, 4), fmt)
    query, key, value = (
        w.reshape(linear(w.inside(name), x, w.constant(rng.standard_normal((4, 4)).astype(np.float32))), 1, 2, 4)
        for name in ("query", "key", "value")
    )
    w.program.outputs["y"] = causal_mix(w.inside("attention"), query, key, value, 0.5)
    return w.program


def given(program, fmt, sets):
    values = np.random.default_rng(2).standard_normal((sets, *program.inputs["x"].shape))
    return {"x": fmt.to_patterns(values.astype(np.float32).astype(fmt.dtype))}


@pytest.mark.parametrize("level", ["word", "vectorised", pytest.param("lif", marks=pytest.mark.slow)])
def test_a_program_with_a_native_layer(level):
    program = program_of(FLOAT8_E4M3FN, attention=False)
    feeds_of = given(program, FLOAT8_E4M3FN, 2)
    want = run_program(program, feeds_of, executor("bitsliced"))
    with LavaExecutor(level) as lava:
        found = run_program(program, feeds_of, lava)
    np.testing.assert_array_equal(found.outputs["y"], want.outputs["y"])
    ours, theirs = ({t.circuit.label: (t.spikes, t.synops) for t in one.tallies} for one in (found, want))
    if level == "lif":  # a strobe's relays belong to Lava's Processes, neurons of the circuits to both
        assert set(ours) == set(theirs)
    assert all(ours[label] == counts for label, counts in theirs.items())


def test_a_program_with_attention_in_product_neurons():
    program = program_of(FLOAT8_E4M3FN, attention=True)
    feeds_of = given(program, FLOAT8_E4M3FN, 2)
    want = run_program(program, feeds_of, executor("bitsliced"))
    with LavaExecutor("word") as lava:
        found = run_program(program, feeds_of, lava)
    np.testing.assert_array_equal(found.outputs["y"], want.outputs["y"])
    assert {t.circuit.label: t.synops for t in found.tallies} == {t.circuit.label: t.synops for t in want.tallies}
    with LavaExecutor("lif") as lava, pytest.raises(NexusError, match="clears what product neurons hold"):
        run_program(program, feeds_of, lava)
