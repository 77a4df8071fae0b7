"""Payloads to bits: a neuron a bit, each of which takes its own from the payload it receives.

bit = floor(|a| / 2^i) mod 2. Of the two neurons of a sum only one sends, so that both reach the same bit neurons, the
negative one by synapses of -1; the sign is whether that one did.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lava_nexus.populations.native.neurons import Window
from lava_nexus.populations.network import Population, PopulationNetwork, Projection, Readout, check_populations
from lava_nexus.populations.stateful import StatefulNeuron

CODE_BITS = 3


@lru_cache(maxsize=32)
def bit_network(window: Window) -> PopulationNetwork:
    """Inputs plus.k, minus.k and code of one sum; outputs piece.k.i (bit i of payload k), code.i and sign; a wave."""
    widths = window.widths
    names = [*(f"plus.{k}" for k in range(len(widths))), *(f"minus.{k}" for k in range(len(widths)))]
    largest = [((window.cap + 1) << (widths[0] - window.place_bits)) - 1, *((1 << bits) - 1 for bits in widths[1:])]
    inputs = [Population("strobe", 1, "bit")]
    inputs += [Population(name, 1, "graded", most=most) for name, most in zip(names, [*largest, *largest], strict=True)]
    inputs.append(Population("code", 1, "graded", most=(1 << CODE_BITS) - 1))
    number = {p.name: i for i, p in enumerate(inputs)}
    populations, projections, outputs = list(inputs), [], []
    none = np.zeros(1, np.int64)

    def neuron(name: str, sources: dict[str, int], equation: str, bit: int = 0) -> None:
        model = StatefulNeuron("bit", (), (("bit", equation),), "bit", (("unit", 1 << bit),))
        for source, weight in sources.items():
            projections.append(Projection(number[source], len(populations), none, none, np.array([weight])))
        outputs.append(Readout(name, len(populations)))
        populations.append(Population(name, 1, "bit", 1, neuron=model))

    for k, bits in enumerate(widths):
        for i in range(bits):
            neuron(f"piece.{k}.{i}", {f"plus.{k}": 1, f"minus.{k}": -1}, "max(a, -a) // unit % 2", i)
    for i in range(CODE_BITS):
        neuron(f"code.{i}", {"code": 1}, "a // unit % 2", i)
    neuron("sign", {f"minus.{k}": 1 for k in range(len(widths))}, "a > 0")
    network = PopulationNetwork(tuple(populations), len(inputs), tuple(projections), tuple(outputs))
    check_populations(network)
    return network
