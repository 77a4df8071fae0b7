"""A Process whose model does something bad at a chosen time step; Lava needs Processes in a folder of their own."""

from __future__ import annotations

from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var


class Faulty(AbstractProcess):
    """Passes `a_in` on to `s_out` until `step`, then does `fault`."""

    def __init__(self, fault: str, step: int = 3) -> None:
        super().__init__(fault=fault, step=step)
        self.a_in = InPort(shape=(4,))
        self.s_out = OutPort(shape=(4,))
        self.steps_done = Var(shape=(1,), init=0)
