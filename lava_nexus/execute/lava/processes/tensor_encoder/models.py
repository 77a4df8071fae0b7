"""CPU model of `TensorEncoder`."""

from __future__ import annotations

from typing import Any

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.processes.tensor_encoder.process import TensorEncoder
from lava_nexus.execute.lava.spike_ports import SpikePortTypes, out_name, send


@implements(proc=TensorEncoder, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised", "lif")
class TensorEncoderModel(PyLoihiProcessModel, metaclass=SpikePortTypes):
    """Unpacks the next elements into spikes."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._feeds = proc_params["feeds"]
        self._batch = proc_params["batch"]

    def run_spk(self) -> None:
        """One time step."""
        first = (self.time_step - 1) * self._batch
        for value, patterns in self._feeds.items():
            send(getattr(self, out_name(value)), value, patterns[first : first + self._batch], self._batch)
