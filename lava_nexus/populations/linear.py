"""A linear layer of an ordinary converted SNN: quantised activations as signed spike counts over T steps.

Encoder neuron k integrates c_k = sum over t of s_k(t) and sends at most L of it a step, signed, until it is empty;
synapses carry 8-bit weights; a pair of integrators per output holds sum_k W_nk c_k and its negative, and sends when
the read strobe arrives, T steps after the load. T * L is the largest count. Source: the pipelines that NLSpike plugs
into (SpikeZIP-TF, SpikeLLM), as arXiv 2605.20289 names them; the encoder is ours.
"""

from __future__ import annotations

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.built import Computed
from lava_nexus.neurons.model import NeuronModel
from lava_nexus.populations.fixed_point import GATE, WIDTH, Integers
from lava_nexus.populations.network import Population, PopulationNetwork, Projection, Readout, check_populations
from lava_nexus.populations.operator import Operator

WEIGHT_MAX = 127

_DRAINS = NeuronModel(beta=1.0, reset="soft")
_INTEGRATES = NeuronModel(beta=1.0, reset="hard")


def spiking_linear(weights: Integers, steps: int, bits: int) -> Operator:
    """y = W c for integer weights [N, K] of 8 bits and counts c of `bits` bits and a sign, in `steps` time steps.

    Raises:
        NexusError: weights beyond 8 bits, counts that the steps do not divide, or a sum that 24 bits cannot hold.
    """
    outputs, inputs = weights.shape
    if np.abs(weights).max(initial=0) > WEIGHT_MAX:
        raise NexusError(f"weight {np.abs(weights).max()} of a spiking linear layer is beyond {WEIGHT_MAX} in size")
    most = 1 << bits
    if not 1 <= steps <= 32 or most % steps:
        raise NexusError(f"{steps} time steps do not divide the {most} levels of a spike count, or are outside 1..32")
    largest = int(np.abs(weights).sum(axis=1).max(initial=0)) * most
    if largest >= GATE:
        raise NexusError(f"sum {largest} of {inputs} spiking inputs can reach 2^{WIDTH}: use fewer levels")
    network = _network(weights, steps, most // steps)

    def golden(c: Integers) -> Integers:
        return np.asarray(c @ weights.T)

    options = (("steps", steps), ("bits", bits))
    return Operator(
        "linear",
        inputs,
        outputs,
        network,
        Computed(golden, "program"),
        IntegerFormat(bits + 1),
        IntegerFormat(largest.bit_length() + 1),
        0,
        0,
        (*options, ("outputs", outputs)),
    )


def _network(weights: Integers, steps: int, most: int) -> PopulationNetwork:
    outputs, inputs = weights.shape
    rows, columns = np.nonzero(weights)
    values = weights[rows, columns]
    last = steps + 1
    populations = (
        Population("strobe", 1, "signed"),
        Population("x", inputs, "signed"),
        Population("encoder", inputs, "signed", 1, 1, _DRAINS, most),
        Population("plus", outputs, "graded", last, 1, _INTEGRATES),
        Population("minus", outputs, "graded", last, 1, _INTEGRATES),
    )
    own = np.arange(inputs)
    projections = [Projection(1, 2, own, own, np.ones(inputs, np.int64))]
    for target, sign in ((3, 1), (4, -1)):
        every, none = np.arange(outputs), np.zeros(outputs, np.int64)
        projections += [
            Projection(2, target, rows, columns, sign * values),
            Projection(0, target, every, none, np.full(outputs, -GATE)),
            Projection(0, target, every, none, np.full(outputs, GATE), 0, steps),
        ]
    network = PopulationNetwork(populations, 2, tuple(projections), (Readout("y", 3, 4),), last + 1)
    check_populations(network)
    return network
