"""Neurons that carry the bits of a known integer: found by how they spike on samples, to be proven afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import ThresholdNetwork

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
