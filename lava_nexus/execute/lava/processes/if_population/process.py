"""Process of a population of integrate-and-fire neurons, whose synapses are Processes outside (Dense, Sparse, ...)."""

from __future__ import annotations

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.variable import Var
from numpy.typing import ArrayLike

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Process
from lava_nexus.neurons import MEMORYLESS, NeuronModel


class IFPopulation(Process):
    """v(t) = beta * v_after(t - 1) + a_in(t) / unit;  s_out(t) = [v >= T - margin]; v_after by the model's reset.

    Ports:
        a_in: `shape`, int32; the weighted sum of this step's spikes.
        s_out: `shape`; 1 for a spike, in the same step.

    Vars:
        v: `shape`; the potential after the step, in unit weights; as LIF, Lava's raw 24-bit integer.

    Args:
        shape: of the population.
        thresholds: integer T of each neuron, or one for all, in unit weights.
        model: decay and reset; by default the membrane is cleared after every step. The LIF form knows only
            memoryless, exact neurons, s_out = [a_in >= unit * T].
        unit: what a unit weight is in `a_in`: 1, or 2 where weights are written doubled because Lava's fixed-point
            Dense and Sparse keep only even weights in a matrix of mixed signs.
        name: of the Process.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        thresholds: ArrayLike,
        model: NeuronModel = MEMORYLESS,
        unit: int = 1,
        name: str | None = None,
    ) -> None:
        if unit not in (1, 2):
            raise NexusError(f"population {name or ''} has a unit weight of {unit}, which is neither 1 nor 2")
        limits = np.broadcast_to(np.asarray(thresholds, np.int64), shape).copy()
        super().__init__(shape=shape, thresholds=limits, model=model, unit=unit, name=name)
        self.thresholds = limits
        self.neuron_model = model
        self.unit = unit
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.v = Var(shape=shape, init=0)
