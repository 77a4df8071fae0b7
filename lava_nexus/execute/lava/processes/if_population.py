"""Process of a population of integrate-and-fire neurons, whose synapses are Processes outside (Dense, Sparse, ...)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError, brief
from lava_nexus.execute.lava.fixed.process import FixedLIF
from lava_nexus.execute.lava.lif import BIAS_EXPONENT, DECAY, MOST_NEGATIVE
from lava_nexus.execute.lava.process import SPIKES_OUT, VAR, Members, Process, Reading, given, lanes_of, model_of
from lava_nexus.neurons import MEMORYLESS, NeuronModel


class IFPopulation(Process):
    """v(t) = beta * v_after(t - 1) + a_in(t) / unit;  s_out(t) = [v >= T - margin]; v_after by the model's reset.

    Args:
        shape: of the population.
        thresholds: integer T of each neuron, or one for all, in unit weights.
        model: decay and reset; by default the membrane is cleared after every step. The LIF form knows only
            memoryless, exact neurons, s_out = [a_in >= unit * T].
        unit: what a unit weight is in `a_in`: 1, or 2 where weights are written doubled because Lava's fixed-point
            Dense and Sparse keep only even weights in a matrix of mixed signs.
        name, log_config: of the Process.
    """

    members: ClassVar[Members] = {
        "a_in": "in, `shape`, int32; the weighted sum of this step's spikes, as Dense, Sparse or Conv send it.",
        "s_out": "out, `shape`, int8; 1 for a spike, in the same step.",
        "v": "Var, `shape`; the potential of this step before the reset, in unit weights.",
        "s": "Var, `shape`; 1 where the neuron spikes in this step.",
    }

    def __init__(
        self,
        shape: tuple[int, ...],
        thresholds: ArrayLike,
        model: NeuronModel = MEMORYLESS,
        unit: int = 1,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        lanes_of(shape, f"population {name or ''}".rstrip())
        if unit not in (1, 2):
            raise NexusError(f"population {name or ''} has a unit weight of {unit}, which is neither 1 nor 2")
        given(model, NeuronModel, f"population {name or ''}".rstrip())
        limits = _thresholds(thresholds, shape, name)
        super().__init__(shape=shape, thresholds=limits, model=model, unit=unit, name=name, log_config=log_config)
        self.thresholds = limits
        self.neuron_model = model
        self.unit = unit
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.v = Var(shape=shape, init=0)
        self.s = Var(shape=shape, init=0)


def _thresholds(thresholds: ArrayLike, shape: tuple[int, ...], name: str | None) -> NDArray[np.int64]:
    try:
        found = np.broadcast_to(np.asarray(thresholds), shape)
        with np.errstate(invalid="ignore"):
            limits: NDArray[np.int64] = found.astype(np.int64)
        if found.dtype.kind in "iuf" and np.array_equal(limits, found):
            return limits
    except (ValueError, TypeError):
        pass
    raise NexusError(
        f"population {name or ''} of shape {shape} has thresholds {brief(str(thresholds))}, which are no whole "
        "numbers, one for all or one each"
    )


@model_of(IFPopulation, "vectorised")
class IFPopulationVectorised(PyLoihiProcessModel):
    """Potentials as float64: exact for integers and for the usual leaks."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = SPIKES_OUT
    v: NDArray[np.float64] = LavaPyType(np.ndarray, np.float64)
    s: NDArray[np.int32] = VAR

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._model = proc_params["model"]
        self._unit = proc_params["unit"]
        self._limits = proc_params["thresholds"] - self._model.margin
        self._kept = np.zeros(self._limits.shape)

    def run_spk(self) -> None:
        self.v[:] = self._model.beta * self._kept + self.a_in.recv() / self._unit
        fired = self.v > self._limits if self._model.strict else self.v >= self._limits
        self._kept[:] = self.v
        if self._model.reset == "full":
            self._kept[:] = 0
        elif self._model.reset == "hard":
            self._kept[fired] = 0
        else:
            self._kept[fired] -= self._limits[fired]
        self.s[:] = fired
        self.s_out.send(fired.astype(np.int8))


@model_of(IFPopulation, "lif")
class IFPopulationLif(AbstractSubProcessModel):
    """One LIF, thresholds as biases: a_in + unit * (1 - T) > unit - 1 is the same as a_in >= unit * T."""

    def __init__(self, proc: IFPopulation) -> None:
        model, unit, shape = proc.neuron_model, proc.unit, proc.a_in.shape
        if not (model.memoryless and model.exact):
            raise NexusError(f"population {proc.name} has no LIF form: it is not memoryless and exact, {model}")
        bias = unit * (1 - proc.thresholds.ravel())
        if np.abs(bias).max(initial=0) > -MOST_NEGATIVE:
            raise NexusError(
                f"population {proc.name} has an LIF bias of size {np.abs(bias).max()}, above {-MOST_NEGATIVE}"
            )
        how: dict[str, Any] = {"du": DECAY, "dv": DECAY, "vth": unit - 1, "bias_mant": bias, "bias_exp": BIAS_EXPONENT}
        self.neurons = FixedLIF(Reading(np.arange(bias.size), shape), unit, shape=(bias.size,), **how)
        proc.in_ports.a_in.flatten().connect(self.neurons.a_in)
        self.neurons.s_out.reshape(shape).connect(proc.out_ports.s_out)
        proc.vars.v.alias(self.neurons.potential)
        proc.vars.s.alias(self.neurons.fired)
