"""CPU model of `TensorDecoder`."""

from __future__ import annotations

from typing import Any

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.processes.tensor_decoder.process import TensorDecoder
from lava_nexus.execute.lava.spike_ports import SpikePortTypes, in_name, receive, valid_sets


@implements(proc=TensorDecoder, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised", "lif")
class TensorDecoderModel(PyLoihiProcessModel, metaclass=SpikePortTypes):
    """Packs the spikes of elements that mean something."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._patterns = proc_params["patterns"]
        self._batch = proc_params["batch"]
        self._sets = proc_params["sets"]

    def run_spk(self) -> None:
        """One time step."""
        first = (self.time_step - 1) * self._batch
        sets = valid_sets(self.time_step, self._batch, self._sets)
        for value, patterns in self._patterns.items():
            patterns[first : first + sets] = receive(getattr(self, in_name(value)), value, sets)
