"""What cores use of each limit under an assignment of neurons to cores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import LIMITS, Chip, delay_bits
from lava_nexus.neurons import ThresholdNetwork

_BITS = np.array([delay_bits(delay) for delay in range(256)])


@dataclass(frozen=True, eq=False)
class Demand:
    """Use of the limits, an entry a core.

    Attributes:
        neurons: neurons.
        delay_bits: width of the delay field that the largest synaptic delay into the core needs.
        synapse_words: words of synapse memory; the synapses of one axon start a new word.
        axons_in: sources, own neurons included, that have a synapse in the core.
        axons_out: pairs of a neuron of the core and a core that it reaches, or the outside.
        groups: populations with settings of their own.
    """

    neurons: NDArray[np.int64]
    delay_bits: NDArray[np.int64]
    synapse_words: NDArray[np.int64]
    axons_in: NDArray[np.int64]
    axons_out: NDArray[np.int64]
    groups: NDArray[np.int64]

    @property
    def delay_accumulators(self) -> NDArray[np.int64]:
        """neurons * 2^delay_bits; none where no delay is used."""
        return np.where(self.delay_bits > 0, self.neurons << self.delay_bits, 0)

    def used(self, limit: str) -> NDArray[np.int64]:
        """Use of a limit of `LIMITS`."""
        return np.asarray(getattr(self, limit))

    def over(self, chip: Chip) -> NDArray[np.bool_]:
        """Cores that break a limit."""
        return np.asarray(np.any([self.used(limit) > chip.most(limit) for limit in LIMITS], axis=0))

    def excess(self, core: int, chip: Chip) -> tuple[str, int, int]:
        """(limit, used, most) of the limit that a core breaks most."""
        found = [(limit, int(self.used(limit)[core]), chip.most(limit)) for limit in LIMITS]
        return max(found, key=lambda one: one[1] / one[2])


def demand(
    network: ThresholdNetwork, assignment: NDArray[np.int64], groups: NDArray[np.int64], cores: int, chip: Chip
) -> Demand:
    """Counts of every core 0 .. cores - 1."""
    at = assignment[network.targets]
    pairs, sizes = np.unique(network.sources.astype(np.int64) * cores + at, return_counts=True)
    core, source = pairs % cores, pairs // cores
    words = -(-sizes // chip.limits.synapses_per_word.most)
    fired = source >= network.n_inputs
    leaving = np.unique([s for port in network.outputs for s in port.signals]).astype(np.int64) - network.n_inputs
    out = np.bincount(assignment[source[fired] - network.n_inputs], minlength=cores)
    widest = np.zeros(cores, np.int64)
    np.maximum.at(widest, at, _BITS[np.minimum(network.delays, 255)])
    kinds = np.unique(groups.astype(np.int64) * cores + assignment) % cores
    return Demand(
        neurons=np.bincount(assignment, minlength=cores),
        delay_bits=widest,
        synapse_words=np.bincount(core, words, cores).astype(np.int64),
        axons_in=np.bincount(core, minlength=cores),
        axons_out=out + np.bincount(assignment[leaving], minlength=cores),
        groups=np.bincount(kinds, minlength=cores),
    )
