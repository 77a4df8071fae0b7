"""Networks composed of networks against the networks one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_nexus.errors import NexusError
from lava_nexus.neurons import FALSE, TRUE, Builder, violations
from lava_nexus.neurons.compose import instantiate
from tests.evaluate import evaluate, input_spikes, output_patterns
from tests.networks import random_network


def all_pairs(width: int) -> list[np.ndarray]:
    values = np.arange(1 << width, dtype=np.uint8)
    return [np.repeat(values, len(values)), np.tile(values, len(values))]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0, 2, 62]))
def test_one_network_after_another(first_seed, second_seed, max_delay):
    first, second = random_network(first_seed, max_delay=1), random_network(second_seed)
    builder = Builder()
    a, b = builder.input("a", width=3), builder.input("b", width=3)
    (middle,) = instantiate(builder, first, [a, b])
    (out,) = instantiate(builder, second, [middle[:3], middle[3:]])
    whole = builder.finish([("out", out, None)], max_delay)

    operands = all_pairs(3)
    between = output_patterns(first, evaluate(first, input_spikes(first, operands)))
    parts = [between & 7, between >> 3]
    want = output_patterns(second, evaluate(second, input_spikes(second, parts)))
    assert np.array_equal(output_patterns(whole, evaluate(whole, input_spikes(whole, operands))), want)
    assert violations(whole) == []


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_constant_operand(seed, constant):
    network = random_network(seed)
    builder = Builder()
    a = builder.input("a", width=3)
    (out,) = instantiate(builder, network, [a, [TRUE if constant >> i & 1 else FALSE for i in range(3)]])
    whole = builder.finish([("out", out, None)])
    values = np.arange(8, dtype=np.uint8)
    want = output_patterns(network, evaluate(network, input_spikes(network, [values, np.full(8, constant)])))
    assert np.array_equal(output_patterns(whole, evaluate(whole, input_spikes(whole, [values]))), want)


def test_the_same_network_twice_on_the_same_operands_is_there_once():
    network = random_network(3)
    builder = Builder()
    a, b = builder.input("a", width=3), builder.input("b", width=3)
    once = instantiate(builder, network, [a, b])
    gates = len(builder.gates)
    assert instantiate(builder, network, [a, b]) == once
    assert len(builder.gates) == gates <= network.neurons


def test_operands_that_do_not_fit():
    builder = Builder()
    a = builder.input("a", width=3)
    with pytest.raises(NexusError, match=r"ports of \[3, 3\] bits was given operands of \[3\] bits"):
        instantiate(builder, random_network(3), [a])
