"""Process that takes the spikes of other Processes as numbers and sends the numbers' bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import SPIKES_OUT, Members, Process, lanes_of, model_of, ports_of
from lava_nexus.execute.operands import real_number, whole_number
from lava_nexus.formats import IntegerFormat, patterns_to_spikes
from lava_nexus.neurons import Port


class SpikeEncoder(Process):
    """number = unit * sum of what arrives in `window` steps; all its bits spike in the step behind the window.

    Spikes of one's own neurons count 1 each, graded ones their payload. It stands at the border between numbers and
    spikes, as `Encoder` does; a number that the operand's format does not hold ends the run in a sentence.

    Args:
        operands: name, width and format of each operand; for a network `network.inputs`.
        window: steps that are added up; windows follow one another from the first step on.
        unit: value of a payload of 1; of integer formats and plain bits always 1.
        shape: of the operand sets of a time step.
        name, log_config: of the Process.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [*shape, operands], int32; payloads, 1 for a spike.",
        "s_out": "out, [*shape, 1 + bits], int8; in steps window + 1, 2 window + 1, ... the strobe and each operand's "
        "bits, MSB first; silence between.",
    }

    def __init__(
        self,
        operands: Sequence[Port],
        window: int = 1,
        unit: float = 1.0,
        shape: tuple[int, ...] = (1,),
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        lanes_of(shape, "encoder")
        ports = ports_of(operands, "encoder of spikes")
        whole_number("window of an encoder of spikes", window)
        unit = real_number("unit of an encoder of spikes", unit)
        if unit != 1 and any(port.format is None or isinstance(port.format, IntegerFormat) for port in ports):
            raise NexusError(f"encoder of spikes has the unit {unit}; integers and plain bits count in 1")
        super().__init__(operands=ports, window=window, unit=unit, name=name, log_config=log_config)
        self.operands = ports
        self.window = window
        self.a_in = InPort(shape=(*shape, len(ports)))
        self.s_out = OutPort(shape=(*shape, 1 + sum(port.width for port in ports)))


@model_of(SpikeEncoder, "vectorised", "lif")
class SpikeEncoderModel(PyLoihiProcessModel):
    """Sends before it receives, so that it may stand in a loop."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = SPIKES_OUT

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._operands, self._window, self._unit = (proc_params[name] for name in ("operands", "window", "unit"))
        self._sum: NDArray[np.int64] | None = None

    def run_spk(self) -> None:
        bits = np.zeros(self.s_out.shape, np.int8)
        if self._sum is not None and (self.time_step - 1) % self._window == 0:
            bits[..., 0] = 1
            spelled = [self._spelled(port, self._sum[..., i]) for i, port in enumerate(self._operands)]
            bits[..., 1:] = np.concatenate(spelled, axis=-1)
            self._sum = None
        self.s_out.send(bits)
        arrived = self.a_in.recv().astype(np.int64)
        self._sum = arrived if self._sum is None else self._sum + arrived

    def _spelled(self, port: Port, sums: NDArray[np.int64]) -> NDArray[Any]:
        """Bits [*shape, width]."""
        if port.format is None:
            if int(sums.min()) < 0 or int(sums.max()) >> port.width:
                raise NexusError(f"operand {port.name} of an encoder of spikes is beyond {port.width} bits")
            patterns = sums.astype(port.pattern_dtype)
        else:
            whole = isinstance(port.format, IntegerFormat)
            patterns = port.format.to_patterns(sums if whole else sums * self._unit)
        return patterns_to_spikes(np.ascontiguousarray(patterns.reshape(sums.shape)), port.width)
