"""The membrane executor against an oracle with explicit time steps, and against plain logic."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.neurons import NeuronModel
from tests.evaluate import evaluate, input_spikes, output_patterns
from tests.execute.membrane.dynamics import run_in_time
from tests.networks import as_circuit, random_network

MODELS = st.builds(
    NeuronModel,
    beta=st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0, -0.6, -1.0]),
    reset=st.sampled_from(["full", "hard", "soft"]),
    strict=st.booleans(),
    margin=st.sampled_from([0.5, 0.5, 0.0, 0.3]),
)
SEEDS = st.integers(0, 2**32 - 1)
DELAYS = st.sampled_from([0, 1, 2, 62])


def operands(network, sets, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 1 << p.width, sets).astype(p.pattern_dtype) for p in network.inputs]


def active_by_definition(network, spikes):
    fired = spikes[:, network.n_inputs :]
    heard = np.zeros_like(fired)
    for k in range(network.neurons):
        heard[:, k] = spikes[:, network.synapses_of(k)[0]].any(axis=1)
    return int((heard | fired).sum())


@settings(max_examples=40, deadline=None)
@given(SEEDS, MODELS, DELAYS)
def test_streaming_equals_true_dynamics_spike_by_spike(seed, model, max_delay):
    network = random_network(seed, gates=15, max_delay=max_delay)
    words = operands(network, 12, seed)
    spikes, potentials = run_in_time(network, input_spikes(network, words), model)
    membranes = MembraneExecutor(model, "streaming").membranes(as_circuit(network), words)
    assert np.array_equal(membranes.spikes, spikes)
    assert np.array_equal(membranes.potentials, potentials)


@settings(max_examples=25, deadline=None)
@given(SEEDS, MODELS, st.integers(2, 20))
def test_each_stream_is_a_network_of_its_own(seed, model, streams):
    network = random_network(seed, gates=12)
    words = operands(network, 17, seed)
    membranes = MembraneExecutor(model, "streaming", streams=streams, threads=2).membranes(as_circuit(network), words)
    for first in range(min(streams, 17)):
        alone = [w[first::streams] for w in words]
        spikes, potentials = run_in_time(network, input_spikes(network, alone), model)
        assert np.array_equal(membranes.spikes[first::streams], spikes)
        assert np.array_equal(membranes.potentials[first::streams], potentials)


@settings(max_examples=25, deadline=None)
@given(SEEDS, MODELS, DELAYS)
def test_reset_regime_equals_true_dynamics_from_rest(seed, model, max_delay):
    network = random_network(seed, gates=12, max_delay=max_delay)
    words = operands(network, 5, seed)
    spikes, potentials = run_in_time(network, input_spikes(network, words), model, clear_between_sets=True)
    membranes = MembraneExecutor(model, "reset").membranes(as_circuit(network), words)
    assert np.array_equal(membranes.spikes, spikes)
    assert np.array_equal(membranes.potentials, potentials)


@pytest.mark.parametrize(
    "executor",
    [
        MembraneExecutor(),
        MembraneExecutor(regime="streaming", streams=1, threads=1),
        MembraneExecutor(regime="streaming", streams=7),
        MembraneExecutor(NeuronModel(1.0, "soft"), "reset", threads=3),
        MembraneExecutor(NeuronModel(0.0, "hard", strict=True, margin=1.0), "streaming", streams=100),
    ],
    ids=["reset", "one stream", "seven streams", "soft reset cleared", "no leak, strict"],
)
def test_without_memory_patterns_and_tallies_are_those_of_logic(executor):
    network = random_network(7, width=8, gates=120, outputs=16)
    words = operands(network, 5003)
    truth = evaluate(network, input_spikes(network, words))
    circuit = as_circuit(network)
    for _ in range(2):
        assert np.array_equal(executor.invoke(circuit, words), output_patterns(network, truth))
    (tally,) = executor.tallies
    assert tally.invocations == 2 * 5003
    assert np.array_equal(tally.signal_spikes, 2 * truth.sum(axis=0))
    assert tally.active == 2 * active_by_definition(network, truth)
    assert tally.spikes > 0 and tally.synops > tally.spikes


def test_a_long_stream_is_carried_over_the_blocks_it_is_cut_into():
    network = random_network(3, gates=60)
    words = operands(network, 9001)
    model = NeuronModel(0.9, "soft")
    executor = MembraneExecutor(model, "streaming")
    spikes, _ = run_in_time(network, input_spikes(network, words), model)
    assert np.array_equal(executor.invoke(as_circuit(network), words), output_patterns(network, spikes))
    (tally,) = executor.tallies
    assert np.array_equal(tally.signal_spikes, spikes.sum(axis=0))
    assert tally.active == active_by_definition(network, spikes)


def test_a_strict_threshold_at_t_is_another_gate():
    network = random_network(11, gates=20)
    words = operands(network, 64)
    at_t = MembraneExecutor(NeuronModel(margin=0.0, strict=True)).membranes(as_circuit(network), words)
    drives = at_t.potentials
    assert np.array_equal(at_t.spikes[:, network.n_inputs :], drives > network.thresholds)
    assert (drives == network.thresholds).any()


def test_operands_broadcast_and_keep_their_shape():
    network = random_network(5)
    a, b = np.arange(4, dtype=np.uint8)[:, None], np.arange(6, dtype=np.uint8) & 7
    executor = MembraneExecutor()
    result = executor.invoke(as_circuit(network), [a, b])
    flat = [x.ravel() for x in np.broadcast_arrays(a, b)]
    assert result.shape == (4, 6) and result.dtype == network.outputs[0].pattern_dtype
    assert np.array_equal(result.ravel(), output_patterns(network, evaluate(network, input_spikes(network, flat))))
    assert executor.invoke(as_circuit(network), [a[0, 0], b[0]]).shape == ()
    assert executor.invoke(as_circuit(network), [a[:0], b]).shape == (0, 6)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: MembraneExecutor(regime="stream"), "regime 'stream'"),
        (lambda: MembraneExecutor(streams=0), "streams 0 is below 1"),
        (lambda: MembraneExecutor(threads=0), "threads 0 is below 1"),
        (
            lambda: MembraneExecutor().invoke(as_circuit(random_network(0)), [np.zeros(3, np.uint8)]),
            "takes 2 operands, not 1",
        ),
        (
            lambda: MembraneExecutor().invoke(
                as_circuit(random_network(0)), [np.zeros(3, np.uint8), np.zeros(2, np.uint8)]
            ),
            r"shapes \(3,\) and \(2,\), which do not broadcast",
        ),
        (
            lambda: MembraneExecutor().invoke(as_circuit(random_network(0)), [np.zeros(3), np.zeros(3, np.uint8)]),
            "operand a of circuit random holds float64, not patterns of uint8",
        ),
    ],
)
def test_mistakes_are_named(make, sentence):
    with pytest.raises(NexusError, match=sentence):
        make()


def test_importing_the_executor_does_not_import_numba():
    code = "import lava_nexus.execute.membrane, sys; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
