"""Models of `Core`: vectorised neurons in one CPU model, or Lava's own LIF and DelaySparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.delay_line import DelayLine
from lava_nexus.execute.lava.lif import LifPopulation, synapses_between
from lava_nexus.execute.lava.processes.core.process import Core
from lava_nexus.execute.lava.processes.recorder.process import Recorder
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.lava.spike_ports import SpikePortTypes


@implements(proc=Core, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class CoreVectorised(PyLoihiProcessModel, metaclass=SpikePortTypes):
    """Every neuron of every lane in one child process."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        part = proc_params["subnetwork"]
        self._neurons = DelayLine(part, proc_params["lanes"])
        self._own = np.arange(part.n_inputs, part.n_signals, dtype=np.int64)
        self._sources = proc_params["sources"]
        self._axons = np.zeros((proc_params["lanes"], part.n_inputs), np.int8)
        self._trains = proc_params["trains"]

    def run_spk(self) -> None:
        """One time step; sends before it receives, because cores are connected in loops."""
        self._neurons.advance()
        fired = self._neurons.read(self._own)
        self.v0_out.send(fired)
        for source, (_, channels, axons) in self._sources.items():
            self._axons[:, axons] = getattr(self, f"v{source}_in").recv()[:, channels]
        self._neurons.feed(self._axons)
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1] = fired


@implements(proc=Core, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class CoreLif(AbstractSubProcessModel):
    """One LIF; one DelaySparse from each source, and one from its own neurons."""

    def __init__(self, proc: Core) -> None:
        part, lanes = proc.subnetwork, proc.lanes
        population = LifPopulation.of(part, lanes, [])
        self.neurons, self.synapses = population.neurons, population.synapses
        for source, (channels, picked, axons) in proc.sources.items():
            synapses = synapses_between(part, axons, picked, channels, lanes)
            setattr(self, f"synapses_of_{source}", synapses)
            getattr(proc.in_ports, f"v{source}_in").flatten().connect(synapses.s_in)
            synapses.a_out.connect(self.neurons.a_in)
        spikes = self.neurons.s_out.reshape((lanes, part.neurons))
        spikes.connect(proc.out_ports.v0_out)
        self.recorder = Recorder(shared_array((part.neurons,), np.int64), proc.trains, 0)
        self.neurons.s_out.reshape((lanes, part.neurons)).connect(self.recorder.neurons)
