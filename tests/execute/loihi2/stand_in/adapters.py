"""The adapters by their public names and ports; on the CPU each passes spikes on, `DELAY` time steps late."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

DELAY = 2
MADE: list[tuple[str, tuple[int, ...]]] = []


class PyToNxAdapter(AbstractProcess):
    """Host to chip."""

    def __init__(self, shape: tuple[int, ...], num_message_bits: int = 0) -> None:
        super().__init__(shape=shape, delay=DELAY)
        MADE.append((type(self).__name__, shape))
        self.inp = InPort(shape=shape)
        self.out = OutPort(shape=shape)


class NxToPyAdapter(AbstractProcess):
    """Chip to host."""

    def __init__(self, shape: tuple[int, ...], num_message_bits: int = 0) -> None:
        super().__init__(shape=shape, delay=DELAY)
        MADE.append((type(self).__name__, shape))
        self.inp = InPort(shape=shape)
        self.out = OutPort(shape=shape)


class _Passing(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._waiting = [np.zeros(proc_params["shape"], np.int32)] * proc_params["delay"]

    def run_spk(self) -> None:
        self._waiting.append(self.inp.recv())
        self.out.send(self._waiting.pop(0))


@implements(proc=PyToNxAdapter, protocol=LoihiProtocol)
@requires(CPU)
class PyToNxModel(_Passing):
    pass


@implements(proc=NxToPyAdapter, protocol=LoihiProtocol)
@requires(CPU)
class NxToPyModel(_Passing):
    pass
