"""Models of `Network`: vectorised neurons in one CPU model, or Lava's own LIF and DelaySparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.sparse.process import Sparse

from lava_nexus.execute.lava.delay_line import DelayLine
from lava_nexus.execute.lava.lif import LifPopulation, selection
from lava_nexus.execute.lava.processes.network.process import Network
from lava_nexus.execute.lava.processes.recorder.process import Recorder
from lava_nexus.execute.lava.strobe import output_signals


@implements(proc=Network, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class NetworkVectorised(PyLoihiProcessModel):
    """Every neuron of every lane in one child process, each step from earlier spikes alone."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int8)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int8)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        network = proc_params["wired"]
        self._neurons = DelayLine(network, proc_params["lanes"], proc_params["counts"])
        self._outputs = np.array(output_signals(network), np.int64)
        self._signals = np.arange(network.n_signals, dtype=np.int64)
        self._trains = proc_params["trains"]

    def run_spk(self) -> None:
        """One time step; sends before it receives, so that networks may be connected in a loop."""
        self._neurons.advance()
        self.s_out.send(self._neurons.read(self._outputs))
        self._neurons.feed(self.a_in.recv())
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1] = self._neurons.read(self._signals)


@implements(proc=Network, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class NetworkLif(AbstractSubProcessModel):
    """All neurons as one Lava LIF, inputs and neurons reaching it through one DelaySparse each, in fixed point."""

    def __init__(self, proc: Network) -> None:
        network, lanes = proc.proc_params["wired"], proc.lanes
        population = LifPopulation.of(network, lanes, model=proc.neuron_model)
        self.neurons, self.synapses = population.neurons, population.synapses
        (self.synapses_of_inputs,) = population.synapses_of_inputs
        outputs = np.array(output_signals(network)) - network.n_inputs
        self.read_out = Sparse(weights=selection(outputs, network.neurons, lanes))
        self.recorder = Recorder(proc.proc_params["counts"], proc.proc_params["trains"], network.n_inputs)

        proc.in_ports.a_in.flatten().connect(self.synapses_of_inputs.s_in)
        proc.in_ports.a_in.connect(self.recorder.inputs)
        self.neurons.s_out.connect(self.read_out.s_in)
        self.neurons.s_out.reshape((lanes, network.neurons)).connect(self.recorder.neurons)
        self.read_out.a_out.reshape(proc.s_out.shape).connect(proc.out_ports.s_out)
