"""Neurons in time: a wave a step, against the whole network evaluated at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("lava")

from lava_nexus.errors import NexusError
from lava_nexus.execute.delay_line import DelayLine
from lava_nexus.neurons import Builder
from tests.evaluate import evaluate
from tests.networks import random_network


@given(st.integers(0, 2**32), st.sampled_from([0, 1, 3, 62]), st.integers(1, 5))
def test_every_spike_of_back_to_back_waves(seed, max_delay, lanes):
    network = random_network(seed, max_delay=max_delay)
    steps = 12
    waves = np.random.default_rng(seed).integers(0, 2, (steps, lanes, network.n_inputs))
    waves[..., 0] = 1
    want = evaluate(network, waves.reshape(-1, network.n_inputs)).reshape(steps, lanes, -1)

    line = DelayLine(network, lanes)
    got = np.zeros((steps + network.depth, lanes, network.n_signals), np.int8)
    for step in range(len(got)):
        line.advance()
        line.feed(waves[step] if step < steps else np.zeros_like(waves[0]))
        got[step] = line.read(np.arange(network.n_signals))

    for signal, level in enumerate(network.signal_levels):
        assert np.array_equal(got[level : level + steps, :, signal], want[..., signal])
    assert got.sum() == want.sum()  # nothing fires outside its wave
    assert np.array_equal(line.counts, want.sum(axis=(0, 1)))


def test_a_neuron_whose_sum_could_overflow():
    builder = Builder()
    (a, b) = builder.input("a", width=2)
    network = builder.finish([("out", [builder.gate([(a, 20_000), (b, 12_769)], 20_001)], None)])
    with pytest.raises(NexusError, match="absolute weights 32769 in sum, above 32767"):
        DelayLine(network, 1)
