"""Process of a population of integrate-and-fire neurons, whose synapses are Processes outside (Dense, Sparse, ...)."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.variable import Var
from lava.proc.lif.process import LIF
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.lif import BIAS_EXPONENT, DECAY, MOST_NEGATIVE
from lava_nexus.execute.lava.process import SPIKES_OUT, Process, model_of
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


@model_of(IFPopulation, "vectorised")
class IFPopulationVectorised(PyLoihiProcessModel):
    """Potentials as float64: exact for integers and for the usual leaks."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = SPIKES_OUT
    v: NDArray[np.float64] = LavaPyType(np.ndarray, np.float64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._model = proc_params["model"]
        self._unit = proc_params["unit"]
        self._limits = proc_params["thresholds"] - self._model.margin

    def run_spk(self) -> None:
        self.v[:] = self._model.beta * self.v + self.a_in.recv() / self._unit
        fired = self.v > self._limits if self._model.strict else self.v >= self._limits
        if self._model.reset == "full":
            self.v[:] = 0
        elif self._model.reset == "hard":
            self.v[fired] = 0
        else:
            self.v[fired] -= self._limits[fired]
        self.s_out.send(fired.astype(np.int8))


@model_of(IFPopulation, "lif")
class IFPopulationLif(AbstractSubProcessModel):
    """One LIF, thresholds as biases: a_in + unit * (1 - T) > unit - 1 is the same as a_in >= unit * T."""

    def __init__(self, proc: IFPopulation) -> None:
        model, unit = proc.neuron_model, proc.unit
        if not (model.memoryless and model.exact):
            raise NexusError(f"population {proc.name} has no LIF form: it is not memoryless and exact, {model}")
        bias = unit * (1 - proc.thresholds)
        if np.abs(bias).max(initial=0) > -MOST_NEGATIVE:
            raise NexusError(
                f"population {proc.name} has an LIF bias of size {np.abs(bias).max()}, above {-MOST_NEGATIVE}"
            )
        self.neurons = LIF(
            shape=proc.a_in.shape, du=DECAY, dv=DECAY, vth=unit - 1, bias_mant=bias, bias_exp=BIAS_EXPONENT
        )
        proc.in_ports.a_in.connect(self.neurons.a_in)
        self.neurons.s_out.connect(proc.out_ports.s_out)
        proc.vars.v.alias(self.neurons.vars.v)
