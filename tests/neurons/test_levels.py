"""Balanced levels: every spike of a wave arrives in step, over delays and relays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.errors import NexusError
from lava_nexus.neurons import FALSE, STROBE, TRUE, Builder, NeuronModel
from tests.evaluate import evaluate, input_spikes
from tests.execute.membrane.dynamics import run_in_time
from tests.networks import random_network
from tests.neurons.strategies import free_patterns, gate_lists

DELAYS = st.sampled_from([0, 1, 2, 62])


@settings(max_examples=80, deadline=None)
@given(gate_lists(), DELAYS)
def test_the_invariants_hold_for_every_largest_delay(written, max_delay):
    builder, signals = written.build()
    network = builder.finish([("every", signals, None)], max_delay)
    levels = network.signal_levels
    assert network.max_delay == max_delay
    assert ((network.delays >= 0) & (network.delays <= max_delay)).all()
    assert (network.sources < network.n_inputs + network.targets).all()
    assert np.array_equal(network.delays, levels[network.n_inputs + network.targets] - levels[network.sources] - 1)
    assert all(levels[s] == network.depth and s >= network.n_inputs for s in network.outputs[0].signals)
    assert (network.levels >= 1).all() and (network.thresholds >= 1).all()
    for k in np.flatnonzero(network.relay):
        sources, weights = network.synapses_of(int(k))
        assert (len(sources), weights.tolist(), network.thresholds[k]) == (1, [1], 1)


@settings(max_examples=40, deadline=None)
@given(gate_lists(), DELAYS)
def test_a_wave_a_step_through_true_delay_lines_is_the_function(written, max_delay):
    builder, signals = written.build()
    network = builder.finish([("every", signals, None)], max_delay)
    spikes = input_spikes(network, free_patterns())
    assert np.array_equal(run_in_time(network, spikes, NeuronModel())[0], evaluate(network, spikes))


def test_depth_does_not_depend_on_the_largest_delay_and_relays_only_grow_as_it_shrinks():
    networks = [random_network(2, gates=60, max_delay=d) for d in (62, 6, 2, 1, 0)]
    assert len({n.depth for n in networks}) == 1
    relays = [n.relays for n in networks]
    assert relays == sorted(relays) and relays[-1] > relays[0]
    assert len({n.neurons - n.relays for n in networks}) == 1


def chain(length):
    """x through `length` inverters, beside x itself."""
    builder = Builder()
    (x,) = builder.input("x", width=1)
    signal = x
    for _ in range(length):
        signal = builder.gate([(signal, -1)], 0)
    return builder, x, signal


@pytest.mark.parametrize(("max_delay", "relays"), [(62, 0), (4, 1), (3, 2), (1, 4), (0, 8)])
def test_a_synapse_that_waits_too_long_goes_over_shared_relays(max_delay, relays):
    builder, x, late = chain(8)
    both = [builder.gate([(x, 1), (late, 1)], t) for t in (1, 2)]
    network = builder.finish([("out", both, None)], max_delay)
    readers = network.relay & (network.levels <= 8)
    from_strobe = [k for k in np.flatnonzero(readers) if _origin(network, int(k)) == STROBE]
    assert int(readers.sum()) - len(from_strobe) == relays


def _origin(network, neuron):
    source = int(network.synapses_of(neuron)[0][0])
    return source if source < network.n_inputs else _origin(network, source - network.n_inputs)


def test_constants_and_inputs_leave_from_neurons_at_the_last_level():
    builder, x, late = chain(3)
    network = builder.finish([("out", [late, x, FALSE, TRUE, FALSE, x], None)])
    out = network.outputs[0].signals
    assert [network.signal_levels[s] for s in out] == [3] * 6
    assert out[0] == out[4] and out[1] == out[3]  # one neuron for a signal that leaves twice
    for value in (0, 1):
        spikes = evaluate(network, input_spikes(network, [np.array([value], np.uint8)]))
        assert spikes[0, list(out)].tolist() == [value, 0, 1, 0, value, 1 - value]
    assert not evaluate(network, np.zeros((1, network.n_inputs), bool)).any()


def test_a_negative_largest_delay_is_refused():
    builder, _, late = chain(1)
    with pytest.raises(NexusError, match="largest delay -1 is below 0"):
        builder.finish([("out", [late], None)], -1)
