"""Model of `Faulty`."""

from __future__ import annotations

import os
import time

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.errors import NexusError
from tests.execute.lava.faulty.process import Faulty


class TwoArgumentsError(Exception):
    """Pickles, but does not unpickle; and holds what does not pickle."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")
        self.unpicklable = lambda: None


@implements(proc=Faulty, protocol=LoihiProtocol)
@requires(CPU)
class FaultyModel(PyLoihiProcessModel):
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    steps_done: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.fault, self.step = proc_params["fault"], proc_params["step"]
        if self.fault == "build":
            raise ValueError("cannot be built")

    def run_spk(self):
        data = self.a_in.recv()
        if self.time_step == self.step:
            if self.fault == "raise":
                raise NexusError("weight 300 is above 127")
            if self.fault == "odd":
                raise TwoArgumentsError("first\nline", "second")
            if self.fault == "die":
                os._exit(7)
            if self.fault == "hang":
                time.sleep(3600)
            if self.fault == "forget":
                return
        self.steps_done[:] = self.time_step
        self.s_out.send(data)
