"""The builder may fold, share and drop as it likes: the function stays what was written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT8_E5M2
from lava_nexus.neurons import FALSE, TRUE, Builder, violations
from tests.evaluate import evaluate, input_spikes
from tests.neurons.strategies import free_patterns, gate_lists


def bits(width=4):
    builder = Builder()
    return builder, builder.input("x", width=width)


@settings(max_examples=150, deadline=None)
@given(gate_lists(), st.sampled_from([0, 1, 2, 62]))
def test_a_network_is_the_function_of_its_gates(written, max_delay):
    builder, signals = written.build()
    network = builder.finish([("every", signals, None)], max_delay)
    spikes = evaluate(network, input_spikes(network, free_patterns()))
    out = spikes[:, list(network.outputs[0].signals)][:, ::-1]
    assert np.array_equal(out, written.truth())
    assert violations(network) == []


@settings(max_examples=100, deadline=None)
@given(gate_lists())
def test_what_cannot_change_is_a_constant_and_no_gate(written):
    builder, signals = written.build()
    gates = len(builder.gates)
    for (terms, threshold), signal in zip(written.gates, signals[-len(written.gates) :], strict=True):
        weights: dict[int, int] = {}
        constant = 0
        for node, weight in terms:
            if signals[node] == TRUE:
                constant += weight
            elif signals[node] != FALSE:
                weights[signals[node]] = weights.get(signals[node], 0) + weight
        most = constant + sum(w for w in weights.values() if w > 0)
        least = constant + sum(w for w in weights.values() if w < 0)
        assert (signal == FALSE) == (most < threshold)
        assert (signal == TRUE) == (least >= threshold)
    assert len(set(builder.gates)) == gates
    assert all(threshold >= 1 for _, threshold in builder.gates)


@settings(max_examples=60, deadline=None)
@given(gate_lists(), st.data())
def test_only_gates_that_an_output_needs_are_kept(written, data):
    builder, signals = written.build()
    kept = data.draw(st.lists(st.sampled_from(signals), min_size=1, max_size=2))
    network = builder.finish([("some", kept, None)])
    read = set(network.sources.tolist()) | {s for port in network.outputs for s in port.signals}
    assert read.issuperset(range(network.n_inputs, network.n_signals))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (([(0, 1), (1, 1)], 2), ([(1, 1), (0, 1)], 2)),
        (([(0, 1), (1, 1)], 2), ([(0, 3), (1, 3)], 5)),
        (([(0, 1), (1, 1)], 1), ([(0, 7), (1, 2)], 1)),
        (([(0, 2), (1, 1)], 2), ([(0, 1), (1, 1), (0, 1), (2, 0)], 2)),
        (([(0, 1), (1, -1)], 1), ([(0, 2), (1, -2)], 2)),
        (([(0, 1), (1, 1)], 2), ([(0, 4), (1, 4), (2, 3), (2, -3)], 7)),
    ],
    ids=["order", "scale", "cap", "repeats and zeros", "inhibition", "cancelling"],
)
def test_one_gate_however_it_is_written(one, other):
    builder, x = bits()
    signals = [builder.gate([(x[i], w) for i, w in terms], threshold) for terms, threshold in (one, other)]
    assert signals[0] == signals[1] and len(builder.gates) == 1


def test_a_gate_that_only_repeats_its_source_is_the_source():
    builder, x = bits()
    assert builder.gate([(x[0], 5)], 3) == x[0]
    assert builder.gate([(x[0], 1), (TRUE, 4)], 5) == x[0]
    assert builder.gate([(x[0], 1), (x[1], 1), (x[1], -1), (FALSE, 9)], 1) == x[0]
    assert builder.gates == []


def test_a_gate_that_fires_on_silence_hangs_on_the_strobe():
    builder, x = bits(1)
    network = builder.finish([("not", [builder.gate([(x[0], -1)], 0)], None)])
    assert (network.neurons, network.strobed, network.thresholds.tolist()) == (1, 1, [1])
    silent = evaluate(network, np.zeros((1, network.n_inputs), bool))
    assert not silent.any()


def test_more_strobe_than_one_synapse_holds_comes_over_an_echo():
    builder, x = bits(8)
    small = builder.gate([(bit, -(1 << i)) for i, bit in enumerate(x)], -200)
    less = builder.gate([(bit, -(1 << i)) for i, bit in enumerate(x)], -150)
    network = builder.finish([("out", [small, less], None)])
    values = np.arange(256, dtype=np.uint8)
    spikes = evaluate(network, input_spikes(network, [values]))[:, list(network.outputs[0].signals)]
    assert np.array_equal(spikes, np.stack([values <= 150, values <= 200], axis=1))
    assert violations(network) == []
    assert network.neurons == 3  # both gates hang on the same echo


def test_ports_read_msb_first_and_the_builder_lsb_first():
    builder = Builder()
    a, b = builder.input("a", FLOAT8_E5M2), builder.input("b", width=2)
    network = builder.finish([("out", [b[0], b[1], a[7]], None)])
    assert [p.signals for p in network.inputs] == [(1, 2, 3, 4, 5, 6, 7, 8), (9, 10)]
    assert (a[7], a[0], b[1], b[0]) == (1, 8, 9, 10)
    assert (network.n_inputs, network.inputs[0].width, network.inputs[1].width) == (11, 8, 2)
    sources = [int(network.synapses_of(s - network.n_inputs)[0][0]) for s in network.outputs[0].signals]
    assert sources == [a[7], b[1], b[0]]


def test_inputs_come_before_gates():
    builder, x = bits()
    builder.gate([(x[0], 1), (x[1], 1)], 2)
    with pytest.raises(NexusError, match="input 'late' must be declared before the first gate"):
        builder.input("late", width=1)
