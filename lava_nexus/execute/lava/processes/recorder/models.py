"""CPU model of `Recorder`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.processes.recorder.process import Recorder


@implements(proc=Recorder, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised", "lif")
class RecorderModel(PyLoihiProcessModel):
    """Counts non-zero messages."""

    inputs: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    neurons: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._counts = proc_params["counts"]
        self._trains = proc_params["trains"]

    def run_spk(self) -> None:
        """One time step."""
        fired = np.concatenate([self.inputs.recv(), self.neurons.recv()], axis=1) != 0
        self._counts += fired.sum(axis=0)
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1] = fired
