"""CPU model of `Decoder`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.processes.decoder.process import STORED, Decoder
from lava_nexus.formats import spikes_to_patterns


@implements(proc=Decoder, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised", "lif")
class DecoderModel(PyLoihiProcessModel):
    """Packs the spikes of lanes whose strobe spiked."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int8)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._results = proc_params["results"]
        self._progress = proc_params["progress"]
        self._patterns = proc_params["patterns"]

    def run_spk(self) -> None:
        """One time step."""
        spikes = self.a_in.recv() != 0
        valid = spikes[spikes[:, 0]]
        if not len(valid):
            return
        first = int(self._progress[STORED])
        last = first + len(valid)
        if last > len(self._patterns):
            raise NexusError(f"decoder received {last} results, more than its capacity of {len(self._patterns)}")
        channel = 1
        for column, port in enumerate(self._results):
            bits = valid[:, channel : channel + port.width]
            self._patterns[first:last, column] = spikes_to_patterns(bits, port.pattern_dtype)
            channel += port.width
        self._progress[:] = (last, self.time_step)
