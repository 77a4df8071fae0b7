"""The rules of the hardware: each broken one is told with the neuron, the value and the limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.neurons import LOIHI2, Builder, HardwareRules, NeuronModel, check, violations
from lava_nexus.neurons.serialisation import from_arrays, to_arrays


def network_of(*weights, threshold=1):
    """Two gates in a row; the second, neuron 1, has the weights given."""
    builder = Builder()
    x = builder.input("x", width=max(2, len(weights)))
    first = builder.gate([(x[0], 1), (x[1], 1)], 1)
    return builder.finish([("out", [builder.gate([(first, 1), *zip(x, weights, strict=False)], threshold)], None)])


def test_a_network_within_the_limits_breaks_none():
    edge = network_of(127, -128, 126, threshold=127)
    assert violations(edge) == []
    check(edge)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (network_of(128, threshold=129), "neuron 1: weight 128 is above 127"),
        (network_of(200, -129, threshold=90), "neuron 1: weight -129 is below -128"),
        (network_of(*[127] * 17, threshold=2000), "neuron 1: doubled weighted sum 4320 is above 4095"),
    ],
)
def test_weights_that_do_not_fit_are_named(network, sentence):
    assert sentence in violations(network)
    with pytest.raises(NexusError):
        check(network)


def test_the_doubled_sum_may_reach_its_limit_in_both_directions():
    rules = HardwareRules(max_weighted_sum=8)
    assert violations(network_of(3, -4, threshold=2), rules) == []
    assert violations(network_of(4, -4, threshold=2), rules) == ["neuron 1: doubled weighted sum 10 is above 8"]
    assert violations(network_of(3, -5, threshold=2), rules) == ["neuron 1: doubled weighted sum 10 is above 8"]


def test_fan_in_and_delay_are_held_to_the_rules_given():
    network = network_of(1, 1, 1, threshold=2)
    assert violations(network, replace(LOIHI2, max_fan_in=3)) == ["neuron 1: fan-in 4 is above 3"]
    assert violations(network, replace(LOIHI2, max_delay=0)) == ["neuron 1: delay 1 is above 0"]


def test_broken_invariants_are_named():
    network = network_of(1, 1)
    low = replace(network, thresholds=np.array([1, 0], np.int32))
    assert violations(low) == ["neuron 1: threshold 0 is below 1"]
    late = replace(network, levels=np.array([2, 2], np.int32))
    assert violations(late) == ["neuron 1: delay -1 is below 0"]
    early = replace(network, levels=np.array([1, 2], np.int32), outputs=(replace(network.outputs[0], signals=(3,)),))
    assert violations(early) == ["output bit 0: output level 1 is not 2"]


def test_every_broken_rule_is_listed_and_check_raises_the_first():
    network = network_of(300, -300, threshold=2)
    found = violations(network, replace(LOIHI2, max_delay=0))
    assert [s.split(": ")[1].rsplit(" ", 4)[0] for s in found] == ["weight", "weight", "delay"]
    with pytest.raises(NexusError) as caught:
        check(network)
    assert str(caught.value) == "neuron 1: weight -300 is below -128"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"beta": 1.5}, "leak beta 1.5 is outside -1..1"),
        ({"beta": float("nan")}, "leak beta nan"),
        ({"reset": "none"}, "reset 'none' is not one of full, hard, soft"),
        ({"window": 2}, "window 2 is not 1"),
        ({"margin": 1.5}, "threshold margin 1.5 is outside 0..1"),
    ],
)
def test_a_neuron_model_names_what_it_cannot_be(fields, sentence):
    with pytest.raises(NexusError, match=sentence):
        NeuronModel(**fields)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("levels", [1], r"levels are int32 \[1\], not int32 \[2\]"),
        ("thresholds", [1.0, 2.0], "thresholds are float64"),
        ("thresholds", [1, 0], "a threshold is below 1"),
        ("offsets", [0, 9, 5], "offsets do not cut the synapses"),
        ("offsets", [0, 2, 4], "offsets do not cut the synapses"),
        ("sources", [1, 2, 3, 1, 9], "a source is no signal"),
        ("sources", [1, 2, 3, -1, 2], "a source is no signal"),
        ("sources", [1, 4, 3, 1, 2], "a source does not come before its neuron"),
        ("levels", [2, 2], r"a delay is not in 0 \.\. "),
        ("levels", [1, 99], r"a delay is not in 0 \.\. "),
    ],
)
def test_a_network_that_breaks_an_invariant_is_not_read(name, values, sentence):
    arrays, metadata = to_arrays(network_of(1, 1))
    assert from_arrays(arrays, metadata).digest == network_of(1, 1).digest
    dtype = None if isinstance(values[0], float) else arrays[name].dtype
    with pytest.raises(ValueError, match=sentence):
        from_arrays(arrays | {name: np.array(values, dtype)}, metadata)


def test_ports_that_are_not_those_of_the_network_are_not_read():
    arrays, metadata = to_arrays(network_of(1, 1))
    (inputs, outputs) = metadata["ports"]
    for ports, sentence in (
        ([[["x", [2, 1], None]], outputs], "signals of the input ports are not"),
        ([inputs, [["out", [1], None]]], "an output bit is no neuron"),
        ([inputs, [["out", [3], None]]], "an output bit is not at the last level"),
        ([inputs, [["out", [7], None]]], "an output bit is no neuron"),
    ):
        with pytest.raises(ValueError, match=sentence):
            from_arrays(arrays, {**metadata, "ports": ports})
