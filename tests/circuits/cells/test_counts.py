"""What each cell costs, in the published basis and in ours, and what neurons the published basis is made of."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.circuits import circuit
from lava_nexus.circuits.cells import Nexus
from lava_nexus.formats import FLOAT8_E5M2, FLOAT16
from lava_nexus.neurons import STROBE
from tests.circuits.cells.bench import answers, cell_neurons, every_vector, network_of


def full_adder(on, x):
    return on.sum_bits([(bit, 1) for bit in x], 2)


COUNTS = {
    "not": (1, lambda on, x: [on.not_(x[0])], {"nexus": 1, "threshold": 1}),
    "and": (2, lambda on, x: [on.and_(*x)], {"nexus": 1, "threshold": 1}),
    "or": (2, lambda on, x: [on.or_(*x)], {"nexus": 1, "threshold": 1}),
    "and of 8": (8, lambda on, x: [on.and_(*x)], {"nexus": 7, "threshold": 1}),
    "or of 8": (8, lambda on, x: [on.or_(*x)], {"nexus": 7, "threshold": 1}),
    "and not": (3, lambda on, x: [on.and_not(*x)], {"nexus": 3, "threshold": 1}),
    "xor": (2, lambda on, x: [on.xor(*x)], {"nexus": 5, "threshold": 2}),
    "mux": (3, lambda on, x: [on.mux(*x)], {"nexus": 5, "threshold": 3}),
    "swap": (3, lambda on, x: list(on.swap(*x)), {"threshold": 4}),
    "full adder": (3, full_adder, {"threshold": 2}),
    "counter 7:3": (7, lambda on, x: on.sum_bits([(b, 1) for b in x], 3), {"threshold": 3}),
    "counter 15:4": (15, lambda on, x: on.sum_bits([(b, 1) for b in x], 4), {"threshold": 4}),
    "counter 31:5": (31, lambda on, x: on.sum_bits([(b, 1) for b in x], 5), {"threshold": 5}),
    "7-bit comparison": (14, lambda on, x: [on.greater(x[:7], x[7:])], {"threshold": 1}),
}


@pytest.mark.parametrize("name", COUNTS)
def test_cells_cost_what_is_published_and_what_is_known(name):
    width, cells, wanted = COUNTS[name]
    found = {basis: cell_neurons(network_of(basis, cells, width)) for basis in wanted}
    assert found == wanted


def test_the_published_full_adder_has_13_neurons_and_adds():
    """2 XOR of 5, two AND and an OR; the inverter of each operand is shared where the adder stands alone."""

    def cells(on, x):
        assert isinstance(on, Nexus)
        return list(on.full_adder(*x))

    assert cell_neurons(network_of("nexus", cells, 3)) == 13
    assert answers("nexus", cells, every_vector(3)).tolist() == [bin(k).count("1") for k in range(8)]


def test_a_virtual_bit_has_no_neuron_until_it_is_read():
    network = network_of("threshold", lambda on, x: [on.and_(on.xor(x[0], x[1]), on.not_(x[2]))], 3)
    assert cell_neurons(network) == 2  # the inner neuron of XOR, and the AND that reads it


@pytest.mark.parametrize("operation", ["add", "mul", "div", "sqrt", "max"])
@pytest.mark.parametrize("fmt", [FLOAT8_E5M2, FLOAT16], ids=str)
def test_the_nexus_basis_is_made_of_and_or_and_not_alone(operation, fmt):
    network = circuit(operation, fmt, basis="nexus").network
    origin = list(range(network.n_signals))  # what a relay passes on
    for k in range(network.neurons):
        sources, weights = network.synapses_of(k)
        terms = {origin[s]: w for s, w in zip(sources.tolist(), weights.tolist(), strict=True)}
        if network.relay[k]:
            origin[network.n_inputs + k] = next(iter(terms))
        strobe = terms.pop(STROBE, 0)
        gate = (sorted(terms.values()), strobe, int(network.thresholds[k]))
        if network.relay[k] or not terms:  # passes a spike on, or is a constant at the output
            assert gate in (([1], 0, 1), ([], 1, 1), ([], 0, 1)), f"neuron {k}: {gate}"
        else:
            assert gate in (([1, 1], 0, 2), ([1, 1], 0, 1), ([-1], 1, 1)), f"neuron {k}: {gate}"


def test_gates_of_the_threshold_basis_are_not_bound_to_two_inputs():
    network = circuit("add", FLOAT16).network
    assert np.diff(network.offsets).max() > 2
