"""A native layer as Lava Processes: every signal of every step as the stepper has it, at both levels."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits.native import NativeLayer
from lava_nexus.execute.lava.executor import run_process
from lava_nexus.execute.lava.processes.native_linear import NativeLinear
from lava_nexus.execute.native.digits import sums_by_digits
from lava_nexus.execute.native.layer import feeds
from lava_nexus.execute.run import executor
from lava_nexus.formats import BFLOAT16, FLOAT8_E4M3FN, FLOAT32
from lava_nexus.populations.native.limbs import Limbs


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
_SLOW = (FLOAT32, "lif")


@pytest.mark.parametrize(
    ("fmt", "level"), [pytest.param(*case, marks=[pytest.mark.slow] if case == _SLOW else []) for case in _CASES]
)
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
