"""Models of `IFPopulation`: any neuron model on the CPU, or Lava's own LIF for memoryless neurons."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.process import LIF
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.lif import BIAS_EXPONENT, DECAY, MOST_NEGATIVE
from lava_nexus.execute.lava.processes.if_population.process import IFPopulation


@implements(proc=IFPopulation, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class IFPopulationVectorised(PyLoihiProcessModel):
    """Potentials as float64: exact for integers and for the usual leaks."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int8)
    v: NDArray[np.float64] = LavaPyType(np.ndarray, np.float64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._model = proc_params["model"]
        self._unit = proc_params["unit"]
        self._limits = proc_params["thresholds"] - self._model.margin

    def run_spk(self) -> None:
        """One time step."""
        self.v[:] = self._model.beta * self.v + self.a_in.recv() / self._unit
        fired = self.v > self._limits if self._model.strict else self.v >= self._limits
        if self._model.reset == "full":
            self.v[:] = 0
        elif self._model.reset == "hard":
            self.v[fired] = 0
        else:
            self.v[fired] -= self._limits[fired]
        self.s_out.send(fired.astype(np.int8))


@implements(proc=IFPopulation, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
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
