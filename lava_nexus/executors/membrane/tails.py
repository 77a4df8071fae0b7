"""How likely noise carries a membrane over its threshold, by the integer potential: the normal tail, in 2^-64 parts.

A memoryless neuron whose potential is the integer d above the level at which it should fire errs with probability
Q(|theta - v| / sigma), Q the upper tail of N(0, 1). One draw of 64 bits below Q 2^64 decides it, without a potential.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import NonIdealities, ThresholdNetwork

_FARTHEST = 9.2  # standard deviations beyond which the tail is below 2^-64


@dataclass(frozen=True)
class Tails:
    """Probabilities by row and potential.

    Attributes:
        table: uint64 [rows, 2 * reach + 1]; entry reach + d of a row: the flip probability where drive = level + d.
        rows: int64 [neurons]: the row of each neuron; where noise is on active synapses that of no active synapse, and
            the following rows are those of 1, 2, ... active ones.
        by_activity: whether it is.
    """

    table: NDArray[np.uint64]
    rows: NDArray[np.int64]
    by_activity: bool

    @property
    def reach(self) -> int:
        """Units from the level at which no flip can happen any more, and beyond."""
        return self.table.shape[1] // 2


def upper_tail(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Q(x) = P(N(0, 1) >= x)."""
    from scipy.special import ndtr  # type: ignore[import-untyped]

    return np.asarray(ndtr(-x), np.float64)


def noise_scales(network: ThresholdNetwork, non: NonIdealities) -> NDArray[np.float64]:
    """float64 [neurons]: sigma of each neuron's noise; where it is on active synapses that of one of them."""
    if non.noise_on == "inputs":
        return np.asarray(non.noise * np.sqrt(np.diff(network.offsets)))
    return np.full(network.neurons, non.noise)


def spread_scales(thetas: NDArray[np.float64], non: NonIdealities) -> NDArray[np.float64]:
    """float64 [neurons]: how far each threshold spreads, in unit weights."""
    return non.spread * (np.abs(thetas) if non.spread_unit == "theta" else np.ones_like(thetas))


def tails_of(
    network: ThresholdNetwork, thetas: NDArray[np.float64], levels: NDArray[np.int32], non: NonIdealities
) -> Tails:
    """The probabilities of noise and of normal spread that is fresh every step, which add as variances."""
    by_activity = non.noise_on == "active" and non.noise > 0
    noise = noise_scales(network, non) ** 2
    fresh = spread_scales(thetas, non) ** 2 if non.spread_fresh else np.zeros(network.neurons)
    fan_in = np.diff(network.offsets)
    block = int(fan_in.max(initial=0)) + 1 if by_activity else 1
    kinds, which = np.unique(np.stack([thetas - levels, noise, fresh]), axis=1, return_inverse=True)
    offset, noise, fresh = (row[:, None] for row in kinds)
    sigma = np.sqrt(noise * np.arange(block) + fresh) if by_activity else np.sqrt(noise + fresh)
    # Beyond the reach no flip is likely, or no potential possible.
    possible = np.bincount(network.targets, np.abs(network.weights), network.neurons).max(initial=0)
    farthest = possible + np.abs(levels).max(initial=0)
    reach = int(min(np.ceil(_FARTHEST * sigma.max(initial=0.0)), farthest)) + 1
    above = np.arange(-reach, reach + 1) - offset[..., None]  # v - theta
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(sigma[..., None] > 0, np.abs(above) / sigma[..., None], np.inf)
    probability = np.ldexp(upper_tail(far), 64)
    # Q is 1/2 at most, so the product fits; a potential on its threshold stays on the side of its level.
    table = np.rint(probability).astype(np.uint64).reshape(-1, 2 * reach + 1)
    table[:, [0, -1]] = 0
    return Tails(np.ascontiguousarray(table), np.ravel(which).astype(np.int64) * block, by_activity)
