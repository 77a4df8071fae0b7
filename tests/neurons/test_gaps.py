"""Thresholds in the middle of their gaps, against all subsets of the weights."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.circuits import circuit
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT8_E5M2
from lava_nexus.neurons import MEMORYLESS, NeuronModel
from lava_nexus.neurons.model import gap, thetas

MIDDLE = NeuronModel(placement="middle")


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=6), st.integers(1, 12), st.integers(-3, 3))
def test_the_gap_is_that_of_all_subsets(weights, threshold, constant):
    subsets = product((0, 1), repeat=len(weights))
    sums = {constant + sum(w * s for w, s in zip(weights, chosen, strict=True)) for chosen in subsets}
    below, above = gap(weights, threshold, constant)
    assert below == max((s for s in sums if s < threshold), default=threshold - 1)
    assert above == min((s for s in sums if s >= threshold), default=threshold)


def test_thresholds_in_the_middle_answer_alike_and_stand_no_nearer():
    multiplier = circuit("mul", FLOAT8_E5M2)
    network = multiplier.network
    operands = [x.ravel() for x in np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 2)]
    executor = MembraneExecutor(MIDDLE)
    assert np.array_equal(executor.invoke(multiplier, operands), multiplier.golden(*operands))
    placed, half = thetas(network, MIDDLE), thetas(network, MEMORYLESS)
    assert np.array_equal(half, network.thresholds - 0.5)
    potentials = MembraneExecutor(MIDDLE).membranes(multiplier, [x[::7] for x in operands]).potentials
    assert (np.abs(potentials - placed) >= 0.5).all()
    assert (placed != half).any()
