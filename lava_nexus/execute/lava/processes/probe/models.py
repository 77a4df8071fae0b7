"""CPU model of `Probe`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.processes.probe.process import Probe


@implements(proc=Probe, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised", "lif")
class ProbeModel(PyLoihiProcessModel):
    """Counts non-zero messages."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._counts = proc_params["counts"]
        self._trains = proc_params["trains"]
        self._signals = proc_params["signals"]

    def run_spk(self) -> None:
        """One time step."""
        sent = self.a_in.recv()
        self._counts[self._signals] += np.count_nonzero(sent, axis=0)
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1][:, self._signals] = sent
