"""A threshold network as Lava's fixed-point LIF, DelaySparse and their exact integers.

u = a_in << 6 (du = 4095 clears it);  v = trunc(v (4096 - dv) / 4096) + u + (bias_mant << bias_exp);
spike = v > vth << 6.

A matrix of mixed signs keeps only even weights, so every weight w is written 2w. With vth = 1 for all and bias_exp = 6,
bias_mant = 2 - 2T makes 2 sum + 2 - 2T > 1 the same as sum >= T, half a unit weight away from T - 1. The largest 12-bit
decay, dv = 4095, leaves trunc(v / 4096) of an unspent potential behind: below one doubled unit, hence harmless, while
2 sum + 2 - 2T >= -4095.

A leak keeps what a bias adds, so a leaky population has no biases and, LIF having one vth, one threshold T for all:
vth = 2T - 1, dv = 4096 (1 - beta). It is the `NeuronModel` of beta = (4096 - dv) / 4096, hard reset, strict, margin
1/2 and 7 fraction bits: v counts in 2^-7 unit weights. Source: lava-nc 0.10.0, lava/proc/lif/models.py and
lava/proc/sparse/models.py.

Waves of operand sets: when each enters and leaves a network, and the strobe that travels with it.

One wave of `lanes` operand sets enters a step. A wave given at step t leaves the network at step t + depth; Lava's LIF
form hands its outputs on through one more synapse, because Lava cannot pick channels out of a port.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import DelaySparse, Sparse
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity, kron  # type: ignore[import-untyped]

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.fixed.process import FixedDelaySparse, FixedLIF, FixedSparse
from lava_nexus.execute.lava.process import Reading
from lava_nexus.neurons import MEMORYLESS, STROBE, NeuronModel, Port, ThresholdNetwork, check
from lava_nexus.neurons.rules import DECAY_STEPS, LOIHI2
from lava_nexus.neurons.split import Subnetwork

Level = Literal["vectorised", "lif"]
STROBE_PORT = "strobe"
READ_OUT_STEPS: dict[Level, int] = {"vectorised": 0, "lif": 1}


def latency(network: ThresholdNetwork, level: Level) -> int:
    """Time steps from a wave's entry at `a_in` to its exit at `s_out`."""
    return network.depth + READ_OUT_STEPS[level]


def time_steps(network: ThresholdNetwork, sets: int, lanes: int, level: Level) -> int:
    """Time steps for `sets` operand sets, the last result included: ceil(sets / lanes) + latency."""
    return -(-sets // lanes) + latency(network, level)


def carry_strobe(network: ThresholdNetwork) -> ThresholdNetwork:
    """The network with one more output, first, that tells whether a wave is valid.

    The strobe's relays, ceil(depth / (max_delay + 1)) neurons, come after all others, so that signal numbers keep
    their meaning. They belong to the Lava Process, not to the circuit, and are counted with neither. Weight and
    threshold of a relay are the network's smallest threshold, so that equal thresholds stay equal.
    """
    reach = network.max_delay + 1
    levels = [*range(reach, network.depth, reach), network.depth]
    first = network.n_signals
    sources = [STROBE, *range(first, first + len(levels) - 1)]
    ends = network.synapses + np.arange(1, len(levels) + 1)
    smallest = int(min(network.thresholds, default=1))
    unit = np.full(len(levels), smallest, np.int32)
    return replace(
        network,
        outputs=(Port(STROBE_PORT, (first + len(levels) - 1,)), *network.outputs),
        offsets=np.concatenate([network.offsets, ends]),
        sources=np.concatenate([network.sources, np.array(sources, np.int32)]),
        weights=np.concatenate([network.weights, unit]),
        thresholds=np.concatenate([network.thresholds, unit]),
        levels=np.concatenate([network.levels, np.array(levels, np.int32)]),
        relay=np.concatenate([network.relay, unit.astype(np.bool_)]),
    )


def output_signals(network: ThresholdNetwork) -> list[int]:
    """Signals of all output ports in order, MSB first: the channels of `s_out`."""
    return [signal for port in network.outputs for signal in port.signals]


DECAY = DECAY_STEPS - 1  # the largest
BIAS_EXPONENT = 6
THRESHOLD = 1
MOST_NEGATIVE = -LOIHI2.max_weighted_sum
FRACTION_BITS = 7


class Kinds(NamedTuple):
    """Processes that a population is made of."""

    lif: Any
    sparse: Any
    delay_sparse: Any


FIXED = Kinds(FixedLIF, FixedSparse, FixedDelaySparse)
"""On a CPU: in fixed point under every run configuration, with Vars to read."""
LAVA = Kinds(LIF, Sparse, DelaySparse)
"""Lava's own, which an extension for a chip has models of."""


@dataclass
class LifPopulation:
    """Lava Processes of one network, connected with one another.

    Attributes:
        neurons: LIF of shape (lanes * neurons,).
        synapses_of_inputs: for each group of inputs, synapses from its (lanes * size,) channels to the neurons.
        synapses: from neurons to neurons; None where there are none. Sparse where no synapse has a delay.
    """

    neurons: LIF
    synapses_of_inputs: list[Sparse | DelaySparse]
    synapses: Sparse | DelaySparse | None

    @classmethod
    def of(
        cls,
        network: ThresholdNetwork | Subnetwork,
        lanes: int,
        groups: Sequence[range] | None = None,
        model: NeuronModel = MEMORYLESS,
        name: str | None = None,
        reading: Reading | None = None,
        kinds: Kinds = FIXED,
    ) -> LifPopulation:
        """Builds and connects them; the inputs arrive in `groups` of signals, in one group if None.

        `reading` tells whose potentials and spikes are Vars; no neuron's if None.

        Raises:
            NexusError: the network does not fit LIF's integers, or LIF cannot do what the model says; a part is taken
                to be of a network that fits.
        """
        whole = [range(network.n_inputs)] if groups is None else groups
        if isinstance(network, ThresholdNetwork):
            check(network) if model != MEMORYLESS else check_lif(network)
        size = {"shape": (lanes * network.neurons,), "name": name}
        reads = {"reading": reading, "leaky": model != MEMORYLESS} if kinds is FIXED else {}
        how = _leaky(network, model) if model != MEMORYLESS else memoryless(np.tile(network.thresholds, lanes))
        neurons = kinds.lif(**size, **reads, **how)
        inward = [_delay_sparse(network, group, lanes, kinds) for group in whole]
        for synapses in inward:
            synapses.a_out.connect(neurons.a_in)
        if not (network.sources >= network.n_inputs).any():
            return cls(neurons, inward, None)
        inner = _delay_sparse(network, range(network.n_inputs, network.n_signals), lanes, kinds)
        neurons.s_out.connect(inner.s_in)
        inner.a_out.connect(neurons.a_in)
        return cls(neurons, inward, inner)


def leaky_model(beta: float) -> NeuronModel:
    """What a leaky LIF does, for the decay nearest to the leak: hard reset, potentials in 2^-7 unit weights."""
    decay = min(max(round(DECAY_STEPS * (1 - beta)), 0), DECAY)
    return NeuronModel((DECAY_STEPS - decay) / DECAY_STEPS, "hard", strict=True, fraction_bits=FRACTION_BITS)


def memoryless(thresholds: NDArray[Any]) -> dict[str, Any]:
    """Of LIF neurons that fire where the sum of a step's weights, doubled, is at least twice their threshold."""
    bias = {"bias_mant": 2 - 2 * thresholds, "bias_exp": BIAS_EXPONENT}
    return {"du": DECAY, "dv": DECAY, "vth": THRESHOLD, **bias}


def memoryless_lif(thresholds: NDArray[Any], name: str | None = None) -> LIF:
    """Such neurons as Lava's own Process, for a chip."""
    return LIF(shape=thresholds.shape, name=name, **memoryless(thresholds))


def _leaky(network: ThresholdNetwork | Subnetwork, model: NeuronModel) -> dict[str, Any]:
    if model != leaky_model(model.beta) or model.beta < 0:
        raise NexusError(
            f"LIF has a hard reset, {FRACTION_BITS} fraction bits and a decay of 12 bits, which {model} is not"
        )
    least, most = int(network.thresholds.min()), int(network.thresholds.max())
    if least != most:
        raise NexusError(f"leaky LIF has one threshold for all neurons, the network has {least} to {most}")
    return {"du": DECAY, "dv": DECAY_STEPS - round(DECAY_STEPS * model.beta), "vth": 2 * most - 1}


def check_lif(network: ThresholdNetwork) -> None:
    """Raises NexusError, naming the neuron, where an integer would leave its range or a residue reach the margin."""
    check(network)
    inhibition = np.bincount(network.targets, np.minimum(network.weights, 0), network.neurons).astype(np.int64)
    lowest = 2 * inhibition + 2 - 2 * network.thresholds.astype(np.int64)
    if lowest.size and lowest.min() < MOST_NEGATIVE:
        worst = int(lowest.argmin())
        raise NexusError(f"neuron {worst}: LIF potential {lowest[worst]} is below {MOST_NEGATIVE}")


def selection(channels: NDArray[Any], size: int, lanes: int) -> csr_matrix:
    """0/1 matrix that picks `channels` out of `size`, lane by lane."""
    rows = np.arange(len(channels))
    one = csr_matrix((np.ones(len(channels), np.int64), (rows, channels)), shape=(len(channels), size))
    return csr_matrix(kron(identity(lanes, dtype=np.int64), one))


def synapses_between(
    network: ThresholdNetwork | Subnetwork,
    signals: NDArray[Any],
    channels: NDArray[Any],
    size: int,
    lanes: int,
    kinds: Kinds = FIXED,
    targets: NDArray[Any] | None = None,
) -> Sparse | DelaySparse:
    """The synapses that start from `signals`, which come in by `channels` of a port of `size`, once a lane.

    They lead to the neurons `targets`, in this order; to all if None.
    """
    channel, row = np.full(network.n_signals, -1), np.full(network.neurons, -1)
    channel[signals] = channels
    chosen = np.arange(network.neurons) if targets is None else targets
    row[chosen] = np.arange(len(chosen))
    part = (channel[network.sources] >= 0) & (row[network.targets] >= 0)
    place = (row[network.targets[part]], channel[network.sources[part]])
    shape = (len(chosen), size)
    weights = csr_matrix((2 * network.weights[part].astype(np.int64), place), shape=shape)
    delays = csr_matrix((network.delays[part].astype(np.int64), place), shape=shape)
    if weights.nnz != part.sum():
        raise NexusError("network has a neuron with two synapses from one source; Lava's matrices hold one")
    each = identity(lanes, dtype=np.int64)
    if not network.delays[part].any():
        return kinds.sparse(weights=csr_matrix(kron(each, weights)))
    return kinds.delay_sparse(weights=csr_matrix(kron(each, weights)), delays=csr_matrix(kron(each, delays)))


def _delay_sparse(
    network: ThresholdNetwork | Subnetwork, signals: range, lanes: int, kinds: Kinds
) -> Sparse | DelaySparse:
    return synapses_between(network, np.array(signals), np.arange(len(signals)), len(signals), lanes, kinds)
