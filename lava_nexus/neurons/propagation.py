"""Constant propagation: what is left of a network where some of its input signals always have the same value.

`propagate` is plain loops over arrays, so that they can be compiled; `specialised` makes a network of its findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons.levels import balance
from lava_nexus.neurons.network import STROBE, Port, ThresholdNetwork
from lava_nexus.neurons.rules import LOIHI2

VARIES = -1


def propagate(
    n_inputs: int,
    offsets: NDArray[np.int64],
    sources: NDArray[np.int32],
    weights: NDArray[np.int32],
    thresholds: NDArray[np.int32],
    outputs: NDArray[np.int32],
    value: NDArray[np.int8],
    stands: NDArray[np.int32],
    left_sources: NDArray[np.int32],
    left_weights: NDArray[np.int32],
    counts: NDArray[np.int32],
    left_thresholds: NDArray[np.int32],
    live: NDArray[np.uint8],
) -> None:
    """Fills what is given from `value` on; the strobe counts as 1.

    Args:
        n_inputs, offsets, sources, weights, thresholds: of the network; `outputs` are the signals that it puts out.
        value, stands, live: [signals]; 0, 1 or VARIES, set for the inputs; the signal that each is equal to; liveness.
        left_sources, left_weights: [synapses], the synapses left of neuron k from offsets[k] on, counts[k] of them.
        counts, left_thresholds: [neurons]; a neuron that is constant or equal to another signal has none left.
    """
    for signal in range(n_inputs):
        stands[signal] = signal
    for k in range(len(thresholds)):
        start, threshold, n = offsets[k], thresholds[k], 0
        for s in range(offsets[k], offsets[k + 1]):
            source = sources[s]
            if value[source] >= 0:
                threshold -= weights[s] * value[source]
                continue
            source, at = stands[source], start
            while at < start + n and left_sources[at] != source:
                at += 1
            if at == start + n:
                left_sources[at], left_weights[at] = source, 0
                n += 1
            left_weights[at] += weights[s]
        least, most, kept = 0, 0, 0
        for s in range(start, start + n):
            if left_weights[s] != 0:
                left_sources[start + kept], left_weights[start + kept] = left_sources[s], left_weights[s]
                kept += 1
                least, most = least + min(left_weights[s], 0), most + max(left_weights[s], 0)
        signal, counts[k] = n_inputs + k, 0
        if threshold <= least or threshold > most:
            value[signal] = 1 if threshold <= least else 0
        elif kept == 1 and left_weights[start] > 0:
            value[signal], stands[signal] = VARIES, left_sources[start]
        else:
            value[signal], stands[signal], counts[k], left_thresholds[k] = VARIES, signal, kept, threshold
    live[:] = 0
    for signal in outputs:
        if value[signal] < 0:
            live[stands[signal]] = 1
    for k in range(len(thresholds) - 1, -1, -1):
        if live[n_inputs + k] and counts[k]:
            for s in range(offsets[k], offsets[k] + counts[k]):
                live[left_sources[s]] = 1


def specialised(
    network: ThresholdNetwork, constants: Sequence[int | None], max_delay: int = LOIHI2.max_delay
) -> ThresholdNetwork:
    """The network with some of its input ports constant: they are no ports any more, and what they decide is gone.

    Args:
        network: of any inputs.
        constants: for each input port its pattern, or None where it varies.
        max_delay: largest synaptic delay.

    Raises:
        NexusError: not one entry a port, or a neuron that has to fire on silence hangs too heavily on the strobe.
    """
    if len(constants) != len(network.inputs):
        raise NexusError(f"network with {len(network.inputs)} input ports was given {len(constants)} constants")
    value = np.full(network.n_signals, VARIES, np.int8)
    value[STROBE] = 1
    renamed: dict[int, int] = {STROBE: STROBE}
    ports: list[Port] = []
    for port, pattern in zip(network.inputs, constants, strict=True):
        if pattern is None:
            first = len(renamed)
            renamed |= {signal: first + i for i, signal in enumerate(sorted(port.signals))}
            ports.append(Port(port.name, tuple(renamed[signal] for signal in port.signals), port.format))
        else:
            value[list(port.signals)] = [pattern >> (port.width - 1 - i) & 1 for i in range(port.width)]
    work = Work(network)
    propagate(*work.network, work.outputs, value, *work.arrays)
    gates: list[tuple[tuple[tuple[int, int], ...], int]] = []
    n_inputs = len(renamed)
    for k in np.nonzero(work.live[network.n_inputs :] & (work.counts > 0))[0].tolist():
        part = slice(int(network.offsets[k]), int(network.offsets[k]) + int(work.counts[k]))
        terms = {renamed[int(s)]: int(w) for s, w in zip(work.sources[part], work.weights[part], strict=True)}
        threshold = int(work.thresholds[k])
        if threshold < 1:
            if 1 - threshold > LOIHI2.weight_max:
                raise NexusError(f"a constant leaves neuron {k} a strobe synapse of {1 - threshold}")
            terms[STROBE], threshold = 1 - threshold, 1
        renamed[network.n_inputs + k] = n_inputs + len(gates)
        gates.append((tuple(sorted(terms.items())), threshold))

    def final(signal: int) -> int:
        if value[signal] >= 0:
            return STROBE if value[signal] else -1
        return renamed[int(work.stands[signal])]

    outputs = [(port.name, tuple(final(signal) for signal in port.signals), port.format) for port in network.outputs]
    return balance(tuple(ports), n_inputs, gates, outputs, max_delay)


class Work:
    """Arrays of a network and those that `propagate` fills."""

    def __init__(self, network: ThresholdNetwork) -> None:
        self.network = (network.n_inputs, network.offsets, network.sources, network.weights, network.thresholds)
        self.outputs = np.array([signal for port in network.outputs for signal in port.signals], np.int32)
        self.stands = np.zeros(network.n_signals, np.int32)
        self.sources, self.weights = np.zeros_like(network.sources), np.zeros_like(network.weights)
        self.counts, self.thresholds = np.zeros(network.neurons, np.int32), np.zeros(network.neurons, np.int32)
        self.live = np.zeros(network.n_signals, np.uint8)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What `propagate` fills, `value` left out."""
        return self.stands, self.sources, self.weights, self.counts, self.thresholds, self.live
