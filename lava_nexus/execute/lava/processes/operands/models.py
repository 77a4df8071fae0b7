"""CPU model of `Operands`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.processes.operands.process import Operands


@implements(proc=Operands, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised", "lif")
class OperandsModel(PyLoihiProcessModel):
    """Sends the next wave, or zeros."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._waves = proc_params["waves"]
        self._window = proc_params["window"]
        self._silence = np.zeros(self._waves.shape[1:], np.int32)

    def run_spk(self) -> None:
        """One time step."""
        wave, between = divmod(self.time_step - 1, self._window)
        self.s_out.send(self._silence if between or wave >= len(self._waves) else self._waves[wave])
