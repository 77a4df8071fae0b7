"""A threshold network as terms of the solver: every neuron a Boolean, by no code that the executors use.

[ sum_i w_i x_i >= T ]  =  if x_1 then [ rest >= T - w_1 ] else [ rest >= T ],  largest |w| first.

Where a proof is cut in parts, the neurons that carry the bits of a known integer are found by how they spike on samples
(`carriers`); that guess is then proven.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import STROBE, ThresholdNetwork
from lava_nexus.verify.formal.terms import Term, Terms

Spikes = NDArray[np.int8]


def samples(
    fmt: FloatFormat, operands: int, lanes: int = 4096, seed: int = 0, special: bool = False
) -> list[NDArray[np.uint64]]:
    """Random finite patterns for each operand, one in four subnormal; `special`: zeros, infinities and NaN too."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(operands):
        exponent = rng.integers(0, (1 << fmt.exponent_bits) - 1, lanes, dtype=np.uint64)
        exponent[rng.random(lanes) < 0.25] = 0
        rest = rng.integers(0, 1 << fmt.fraction_bits, lanes, dtype=np.uint64)
        if special:
            exponent[rng.random(lanes) < 1 / 16] = (1 << fmt.exponent_bits) - 1
            rest[rng.random(lanes) < 1 / 16] = 0
        sign = rng.integers(0, 2, lanes, dtype=np.uint64)
        found.append((((sign << np.uint64(fmt.exponent_bits)) | exponent) << np.uint64(fmt.fraction_bits)) | rest)
    return found


def simulate(network: ThresholdNetwork, operands: Sequence[NDArray[np.uint64]]) -> Spikes:
    """int8 [signals, lanes]: every signal's spikes, straight from the weights."""
    spikes = np.ones((network.n_signals, len(operands[0])), dtype=np.int8)
    for port, patterns in zip(network.inputs, operands, strict=True):
        for place, signal in enumerate(port.signals):
            spikes[signal] = (patterns >> np.uint64(port.width - 1 - place)) & np.uint64(1)
    for neuron in range(network.neurons):
        sources, weights = network.synapses_of(neuron)
        total = weights.astype(np.int64) @ spikes[sources].astype(np.int64)
        spikes[network.n_inputs + neuron] = total >= network.thresholds[neuron]
    return spikes


def significands(fmt: FloatFormat, patterns: NDArray[np.uint64]) -> NDArray[Any]:
    """Fraction and hidden bit as Python integers."""
    hidden = (patterns & np.uint64(fmt.exponent_mask)) != 0
    fraction = (patterns & np.uint64(fmt.fraction_mask)).astype(object)
    return np.where(hidden, fraction + (1 << fmt.fraction_bits), fraction)


def carriers(network: ThresholdNetwork, spikes: Spikes, values: NDArray[Any], bits: int, what: str) -> list[int]:
    """For each bit of the values, LSB first, the latest neuron, relays aside, that spiked as the bit says.

    Raises:
        NexusError: a bit has none.
    """
    return [found[-1] for found in all_carriers(network, spikes, values, bits, what)]


def all_carriers(
    network: ThresholdNetwork, spikes: Spikes, values: NDArray[Any], bits: int, what: str
) -> list[list[int]]:
    """For each bit of the values, LSB first, all neurons, relays aside, that spiked as the bit says, in order.

    Raises:
        NexusError: a bit has none.
    """
    by_spikes: dict[bytes, list[int]] = {}
    for neuron in np.flatnonzero(~network.relay):
        signal = network.n_inputs + int(neuron)
        by_spikes.setdefault(spikes[signal].tobytes(), []).append(signal)
    found = [by_spikes.get(((values >> k) & 1).astype(np.int8).tobytes(), []) for k in range(bits)]
    if [] in found:
        raise NexusError(f"bit {found.index([])} of the {what} has no neuron of its own, so it cannot be cut there")
    return found


def translate(
    terms: Terms, network: ThresholdNetwork, inputs: Mapping[str, Term], cuts: Mapping[int, Term] | None = None
) -> dict[str, Term]:
    """Output ports of the network, by name, as bit vectors.

    The strobe is true: an operand set is there.

    Args:
        inputs: a bit vector for every input port.
        cuts: Booleans that stand in for signals.
    """
    spikes = signals(terms, network, inputs, cuts)
    return {port.name: terms.word([spikes[signal] for signal in port.signals]) for port in network.outputs}


def signals(
    terms: Terms, network: ThresholdNetwork, inputs: Mapping[str, Term], cuts: Mapping[int, Term] | None = None
) -> list[Term]:
    """Every signal of the network as a Boolean."""
    cuts = cuts or {}
    spikes = [terms.true] * network.n_inputs
    assert STROBE == 0
    for port in network.inputs:
        for place, signal in enumerate(port.signals):
            spikes[signal] = cuts.get(signal, terms.bit(inputs[port.name], port.width - 1 - place))
    for neuron in range(network.neurons):
        sources, weights = network.synapses_of(neuron)
        weighted = [
            (spikes[source], weight, source) for source, weight in zip(sources.tolist(), weights.tolist(), strict=True)
        ]
        cut = cuts.get(network.n_inputs + neuron)
        spikes.append(threshold_gate(terms, weighted, int(network.thresholds[neuron])) if cut is None else cut)
    return spikes


def threshold_gate(terms: Terms, weighted: Sequence[tuple[Term, int, int]], threshold: int) -> Term:
    """[ sum weight * spike >= threshold ] over (spike, weight, order among equal weights)."""
    ordered = sorted(weighted, key=lambda term: (-abs(term[1]), -term[2]))
    return _Diagram(terms, [(spike, weight) for spike, weight, _ in ordered]).expand(0, threshold)


class _Diagram:
    """The decision diagram of a weighted sum; no closure, for terms must not be left to the cycle collector."""

    def __init__(self, terms: Terms, ordered: Sequence[tuple[Term, int]]) -> None:
        n = len(ordered)
        self.terms, self.ordered = terms, ordered
        self.most, self.least, self.common = [0] * (n + 1), [0] * (n + 1), [0] * (n + 1)
        for i in range(n - 1, -1, -1):
            weight = ordered[i][1]
            self.most[i] = self.most[i + 1] + max(weight, 0)
            self.least[i] = self.least[i + 1] + min(weight, 0)
            self.common[i] = gcd(self.common[i + 1], weight)
        self.known: dict[tuple[int, int], Term] = {}

    def expand(self, i: int, bound: int) -> Term:
        """[ the sum from place i on >= bound ]."""
        if bound <= self.least[i]:
            return self.terms.true
        if bound > self.most[i]:
            return self.terms.false
        bound = -(-bound // self.common[i]) * self.common[i]  # the sum is a multiple of the weights' common divisor
        if (i, bound) not in self.known:
            spike, weight = self.ordered[i]
            present, absent = self.expand(i + 1, bound - weight), self.expand(i + 1, bound)
            self.known[i, bound] = self.terms.if_(spike, present, absent)
        return self.known[i, bound]
