"""With full decay the membranes of whole operators fire as the bit-sliced executor says, neuron by neuron."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT8_E4M3FN, FLOAT32
from lava_nexus.neurons import NeuronModel


@pytest.mark.parametrize("operation", ["add", "mul"])
@pytest.mark.parametrize(
    ("basis", "fmt", "max_delay"),
    [("threshold", FLOAT32, 62), ("threshold", FLOAT32, 6), ("nexus", FLOAT8_E4M3FN, 62)],
)
def test_patterns_spikes_and_active_updates_are_the_same(operation, basis, fmt, max_delay):
    operator = circuit(operation, fmt, basis=basis, max_delay=max_delay)
    rng = np.random.default_rng(0)
    operands = [rng.integers(0, 1 << fmt.bits, 3001, dtype=fmt.pattern_dtype) for _ in range(2)]
    sliced = BitslicedExecutor(count="activity", threads=1)
    truth = sliced.invoke(operator, operands)
    (expected,) = sliced.tallies
    for executor in (MembraneExecutor(), MembraneExecutor(NeuronModel(0.9, "full"), "streaming", streams=3)):
        assert np.array_equal(executor.invoke(operator, operands), truth)
        (tally,) = executor.tallies
        assert np.array_equal(tally.signal_spikes, expected.signal_spikes)
        assert tally.active == expected.active


def test_without_a_reset_soft_reset_breaks_an_adder():
    adder = circuit("add", FLOAT32)
    rng = np.random.default_rng(1)
    operands = [rng.standard_normal(2000).astype(np.float32).view(np.uint32) for _ in range(2)]
    truth = adder.golden(*operands)
    soft = NeuronModel(1.0, "soft")
    assert np.array_equal(MembraneExecutor(soft, "reset").invoke(adder, operands), truth)
    assert (MembraneExecutor(soft, "streaming").invoke(adder, operands) == truth).mean() < 0.01
