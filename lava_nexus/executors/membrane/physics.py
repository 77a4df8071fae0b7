"""A neuron model and its non-idealities, put into the arrays that the compiled loops read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lava_nexus.executors.membrane.tails import Tails, noise_scales, spread_scales, tails_of
from lava_nexus.neurons import NeuronModel, NonIdealities, ThresholdNetwork
from lava_nexus.neurons.gaps import thetas

if TYPE_CHECKING:
    from lava_nexus.executors.membrane.disturb import Noise
    from lava_nexus.executors.membrane.kernel import Dynamics, Wiring


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
        from lava_nexus.executors.membrane import kernel
        from lava_nexus.executors.membrane.disturb import Noise
        from lava_nexus.executors.membrane.draws import key

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
            sigma=noise_scales(network, non),
            by_activity=non.noise_on == "active" and non.noise > 0 and way != kernel.CLEAN,
            spread=0 if non.spread == 0 else 1 if non.spread_shape == "normal" else 2,
            fixed=not non.spread_fresh,
            width=spread_scales(limits, non),
            tails=tails.table,
            rows=tails.rows,
            lost=non.lost,
            spurious=non.spurious,
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
        from lava_nexus.executors.membrane import kernel

        random = self.nonidealities.noise > 0 or self.nonidealities.spread > 0
        if self.model.memoryless and not random:
            return kernel.CLEAN
        return kernel.TAIL if self._tail_will_do and not explicit else kernel.POTENTIAL
