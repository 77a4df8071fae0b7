"""Process of neurons with an equation of their own, whose synapses are Processes outside (Sparse, DelaySparse)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Members, Process, given, lanes_of, model_of
from lava_nexus.execute.operands import whole_number
from lava_nexus.populations.stateful import PAYLOAD, StatefulNeuron


class StatefulNeurons(Process):
    """Neurons of one equation: in every step the assignments in order, then what `sends` names; 0 is silence.

    Args:
        neuron: the equation, as data.
        shape: of the population.
        window: steps after which all states are 0 again, from the first step on.
        phase: the step, 0 .. window - 1, in which they first are anew.
        name, log_config: of the Process.
    """

    members: ClassVar[Members] = {
        "a_in": "in, `shape`, int32; the sum of what this step's spikes bring.",
        "s_out": "out, `shape`, int32; payloads of 32 bits, in the same step.",
    }

    def __init__(
        self,
        neuron: StatefulNeuron,
        shape: tuple[int, ...],
        window: int,
        name: str | None = None,
        log_config: LogConfig | None = None,
        phase: int = 0,
    ) -> None:
        neuron = given(neuron, StatefulNeuron, "Lava Process StatefulNeurons")
        lanes_of(shape, f"population of neurons '{neuron.name}'")
        whole_number(f"window of neurons '{neuron.name}'", window)
        if not 0 <= phase < window:
            raise NexusError(f"phase {phase} of neurons '{neuron.name}' is not in 0 .. {window - 1}")
        named = {"name": name or neuron.name, "log_config": log_config}
        super().__init__(neuron=neuron, shape=shape, window=window, phase=phase, **named)
        self.neuron = neuron
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)


@model_of(StatefulNeurons, "vectorised", "lif")
class StatefulNeuronsModel(PyLoihiProcessModel):
    """The equation as it stands, on arrays of 64-bit integers."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._neuron: StatefulNeuron = proc_params["neuron"]
        self._shape, self._window, self._phase = (proc_params[name] for name in ("shape", "window", "phase"))
        self._states = self._neuron.start(self._shape)

    def run_spk(self) -> None:
        if (self.time_step - 1 - self._phase) % self._window == 0:
            self._states = self._neuron.start(self._shape)
        sent = self._neuron.step(self._states, self.a_in.recv().astype(np.int64))
        if np.abs(sent).max(initial=0) > PAYLOAD:
            raise NexusError(f"neurons '{self._neuron.name}' send {np.abs(sent).max()}, beyond a payload of {PAYLOAD}")
        self.s_out.send(sent.astype(np.int32))
