"""Programmable neurons as data: their steps, and the bounds that are worked out from their equations."""

from dataclasses import replace

import numpy as np
import pytest

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.population_lif import check_lif
from lava_nexus.execute.populations import PopulationStepper
from lava_nexus.populations.network import Population, PopulationNetwork, Projection, Readout, check_populations
from lava_nexus.populations.stateful import StatefulNeuron, ranges

CARRY = StatefulNeuron(
    "carry",
    ("carry",),
    (
        ("v", "a + carry"),
        ("carry", "(v + 127) // 256"),
        ("digit", "(v + 127) % 256 - 127"),
    ),
    "digit",
)


def network(weight=3, most=128, neuron=CARRY):
    x = Population("x", 1, "signed", most=most)
    target = Population("sum", 1, "signed", 1, neuron=neuron)
    one, none = np.array([weight]), np.array([0])
    projection = Projection(1, 2, none, none, one)
    return PopulationNetwork((Population("strobe", 1, "bit"), x, target), 2, (projection,), (Readout("y", 2),), 10)


def test_digits_of_a_sum_leave_one_a_step_and_the_carry_stays():
    net = network()
    check_populations(net)
    stepper = PopulationStepper(net, 4)
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 129, (3, 4))
    sent = [
        stepper.step(np.stack([np.zeros(4, np.int64), x[t] if t < 3 else np.zeros(4, np.int64)], 1)) for t in range(9)
    ]
    digits = np.array([s[:, 2] for s in sent])[1:]
    assert np.abs(digits).max() <= 128
    total = sum(3 * x[t] * 256**t for t in range(3))
    assert np.array_equal(sum(d * 256**t for t, d in enumerate(digits)), total)
    stepper.clear()
    assert not stepper.step(np.zeros((4, 2), np.int64)).any()


def test_bounds_follow_from_the_equations():
    found = ranges(CARRY, (-(2**20), 2**20))
    assert found["digit"] == (-127, 128)
    assert found["carry"][1] <= 2**12 + 17
    with pytest.raises(NexusError, match="'v' can reach"):
        ranges(StatefulNeuron("sum", ("v",), (("v", "a + v"),), "v"), (0, 1 << 22))
    with pytest.raises(NexusError, match="still grow after 1000 steps"):
        ranges(StatefulNeuron("sum", ("v",), (("v", "a + v"),), "v"), (0, 1))


def test_a_network_whose_states_can_overflow_is_refused():
    check_populations(network(255, 128))
    with pytest.raises(NexusError, match="population 'sum': .* can arrive in a step"):
        check_populations(network(255, 1 << 20))
    wide = StatefulNeuron("square", (), (("y", "a * a"),), "y")
    with pytest.raises(NexusError, match="neuron 'square': 'y' can reach .* beyond 2147483647"):
        check_populations(network(255, 1 << 10, wide))


@pytest.mark.parametrize("expression", ["a ** 2", "a // carry", "b", "a if a else 1", "max(a", "a.real"])
def test_equations_that_no_neuron_evaluates_are_refused(expression):
    with pytest.raises(NexusError):
        ranges(StatefulNeuron("odd", ("carry",), (("carry", expression),), "carry"), (0, 1))


def test_lava_takes_neurons_with_equations_but_no_recurrent_edges():
    bit = StatefulNeuron("bit", (), (("bit", "max(a, -a) // 4 % 2"),), "bit")
    check_lif(network(neuron=bit))
    looped = network(neuron=bit)
    (edge,) = looped.projections
    looped = replace(looped, projections=(edge, replace(edge, source=edge.target)))
    with pytest.raises(NexusError, match="memory or recurrent edges has no form in Lava's memoryless neurons"):
        check_lif(looped)


def test_an_equation_is_part_of_the_digest_and_other_networks_keep_theirs():
    plain = network(neuron=None)
    assert network().digest != plain.digest
    assert "neuron" not in repr(plain.populations)
