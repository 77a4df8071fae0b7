"""CPU model of `Encoder`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.processes.encoder.process import LOADED, SENT, Encoder
from lava_nexus.formats import patterns_to_spikes


@implements(proc=Encoder, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised", "lif")
class EncoderModel(PyLoihiProcessModel):
    """Unpacks the next sets into spikes."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int8)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._operands = proc_params["operands"]
        self._lanes = proc_params["lanes"]
        self._progress = proc_params["progress"]
        self._patterns = proc_params["patterns"]

    def run_spk(self) -> None:
        """One time step."""
        first = int(self._progress[SENT])
        sets = min(self._lanes, int(self._progress[LOADED]) - first)
        spikes = np.zeros(self.s_out.shape, np.int8)
        spikes[:sets, 0] = 1
        channel = 1
        for column, port in enumerate(self._operands):
            patterns = self._patterns[first : first + sets, column].astype(port.pattern_dtype)
            spikes[:sets, channel : channel + port.width] = patterns_to_spikes(patterns, port.width)
            channel += port.width
        self._progress[SENT] = first + sets
        self.s_out.send(spikes)
