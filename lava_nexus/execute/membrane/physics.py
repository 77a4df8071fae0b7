"""A neuron model and its non-idealities, put into the arrays that the compiled loops read.

A memoryless neuron whose potential is the integer d above the level at which it should fire errs with probability
Q(|theta - v| / sigma), Q the upper tail of N(0, 1). One draw of 64 bits below Q 2^64 decides it, without a potential:
`Tails` holds these probabilities by potential, in parts of 2^64.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import NeuronModel, NonIdealities, ThresholdNetwork
from lava_nexus.neurons.model import thetas

if TYPE_CHECKING:
    from lava_nexus.execute.membrane.disturb import Noise
    from lava_nexus.execute.membrane.kernel import Dynamics, Wiring

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
    heaviest = np.full(network.synapses, 128) if non.flipped else np.abs(network.weights)
    possible = np.bincount(network.targets, heaviest, network.neurons).max(initial=0) * (2 if non.repeated else 1)
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


@dataclass(frozen=True)
class Physics:
    """What the neurons of one run do.

    Attributes:
        model: leak, reset, threshold placement.
        nonidealities: noise, spread and faults.
        explicit: whether potentials are computed where the tail probability would do.
        run: what the random numbers of every step depend on, beside neuron, lane and step.
        manufacture: what those depend on that a copy of the network keeps.
    """

    model: NeuronModel
    nonidealities: NonIdealities
    explicit: bool
    run: tuple[int, ...]
    manufacture: tuple[int, ...]

    def prepared(self, network: ThresholdNetwork, explicit: bool) -> tuple[Wiring, Dynamics, Noise]:
        """Arrays for one network; `explicit` asks for potentials whatever the attribute says."""
        from lava_nexus.execute.membrane import kernel
        from lava_nexus.execute.membrane.disturb import Noise, key

        model, non = self.model, self.nonidealities
        limits = thetas(network, model)
        levels = kernel.typed(np.floor(limits) + 1 if model.strict else np.ceil(limits), np.int32)
        wiring = kernel.Wiring(
            kernel.typed(network.offsets, np.int64),
            kernel.typed(network.sources, np.int32),
            kernel.typed(network.weights, np.int32),
            limits,
            levels,
        )
        way = self._way(explicit)
        how = kernel.Dynamics(
            way=way,
            beta=model.beta,
            hard=model.reset == "hard",
            strict=model.strict,
            grid=0.0 if model.fraction_bits is None else 2.0**model.fraction_bits,
            memoryless=model.memoryless,
        )
        nothing = Tails(np.zeros((1, 3), np.uint64), np.zeros(network.neurons, np.int64), False)
        tails = tails_of(network, limits, levels, non) if way == kernel.TAIL else nothing
        # The same draws decide noise by its tail and by its potential.
        noise = Noise(
            noise_key=key(*self.run, "noise"),
            spread_key=key(*(self.run if non.spread_fresh else (*self.manufacture, network.digest)), "spread"),
            axon_key=key(*self.run, "axon"),
            stuck_key=key(*self.manufacture, network.digest, "stuck"),
            weight_key=key(*self.manufacture, network.digest, "weights"),
            sigma=noise_scales(network, non),
            by_activity=non.noise_on == "active" and non.noise > 0 and way != kernel.CLEAN,
            spread=0 if non.spread == 0 else 1 if non.spread_shape == "normal" else 2,
            fixed=not non.spread_fresh,
            width=spread_scales(limits, non),
            tails=tails.table,
            rows=tails.rows,
            lost=non.lost,
            spurious=non.spurious,
            repeated=non.repeated,
            flipped=non.flipped,
            silent=non.stuck_silent,
            firing=non.stuck_firing,
        )
        return wiring, how, noise

    @cached_property
    def _tail_will_do(self) -> bool:
        non = self.nonidealities
        spread = non.spread == 0 or (non.spread_fresh and non.spread_shape == "normal")
        return self.model.memoryless and spread and not self.explicit

    def _way(self, explicit: bool) -> int:
        from lava_nexus.execute.membrane import kernel

        random = self.nonidealities.noise > 0 or self.nonidealities.spread > 0
        if self.model.memoryless and not random:
            return kernel.CLEAN
        return kernel.TAIL if self._tail_will_do and not explicit else kernel.POTENTIAL
