"""Models of the gates: vectorised neurons, or Lava's own LIF, DelaySparse and Sparse."""

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

from lava_nexus.executors.lava.delay_line import DelayLine
from lava_nexus.executors.lava.lif import LifPopulation, selection
from lava_nexus.executors.lava.processes.gates.process import (
    And,
    FullAdder,
    Gate,
    Majority,
    Mux,
    Not,
    Or,
    Xor,
)

_IN = LavaPyType(PyInPort.VEC_DENSE, np.int8)
_OUT = LavaPyType(PyOutPort.VEC_DENSE, np.int8)


class _Vectorised(PyLoihiProcessModel):
    """The gate's neurons on a delay line; in and out ports are declared by each gate's model."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._network = proc_params["network"]
        self._neurons = DelayLine(self._network, proc_params["lanes"])
        self._inputs = np.zeros((proc_params["lanes"], self._network.n_inputs), np.int8)

    def run_spk(self) -> None:
        """One time step; sends before it receives, so that gates may be connected in a loop."""
        self._neurons.advance()
        for port in self._network.outputs:
            getattr(self, port.name).send(self._neurons.read(np.array(port.signals))[:, 0])
        for port in self._network.inputs:
            self._inputs[:, port.signals[0]] = getattr(self, port.name).recv()
        if hasattr(self, "strobe"):
            self._inputs[:, 0] = self.strobe.recv()
        self._neurons.feed(self._inputs)


class _Lif(AbstractSubProcessModel):
    """One LIF; one DelaySparse an in port and one from neurons to neurons; one Sparse an out port."""

    def __init__(self, proc: Gate) -> None:
        network, lanes = proc.network, proc.lanes
        groups = [range(signal, signal + 1) for signal in proc.in_signals()]
        population = LifPopulation.of(network, lanes, groups)
        self.neurons, self.synapses = population.neurons, population.synapses
        for name, synapses in zip(proc.in_names(), population.synapses_of_inputs, strict=True):
            setattr(self, f"synapses_of_{name}", synapses)
            getattr(proc.in_ports, name).connect(synapses.s_in)
        for port in network.outputs:
            channel = np.array(port.signals) - network.n_inputs
            read_out = Sparse(weights=selection(channel, network.neurons, lanes))
            setattr(self, f"read_out_of_{port.name}", read_out)
            self.neurons.s_out.connect(read_out.s_in)
            read_out.a_out.connect(getattr(proc.out_ports, port.name))


@implements(proc=And, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class AndVectorised(_Vectorised):
    """`And` on vectorised neurons."""

    a: PyInPort = _IN
    b: PyInPort = _IN
    out: PyOutPort = _OUT


@implements(proc=Or, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class OrVectorised(_Vectorised):
    """`Or` on vectorised neurons."""

    a: PyInPort = _IN
    b: PyInPort = _IN
    out: PyOutPort = _OUT


@implements(proc=Not, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class NotVectorised(_Vectorised):
    """`Not` on vectorised neurons."""

    strobe: PyInPort = _IN
    a: PyInPort = _IN
    out: PyOutPort = _OUT


@implements(proc=Xor, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class XorVectorised(_Vectorised):
    """`Xor` on vectorised neurons."""

    a: PyInPort = _IN
    b: PyInPort = _IN
    out: PyOutPort = _OUT


@implements(proc=Mux, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class MuxVectorised(_Vectorised):
    """`Mux` on vectorised neurons."""

    c: PyInPort = _IN
    a: PyInPort = _IN
    b: PyInPort = _IN
    out: PyOutPort = _OUT


@implements(proc=Majority, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class MajorityVectorised(_Vectorised):
    """`Majority` on vectorised neurons."""

    a: PyInPort = _IN
    b: PyInPort = _IN
    c: PyInPort = _IN
    out: PyOutPort = _OUT


@implements(proc=FullAdder, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised")
class FullAdderVectorised(_Vectorised):
    """`FullAdder` on vectorised neurons."""

    a: PyInPort = _IN
    b: PyInPort = _IN
    c: PyInPort = _IN
    sum: PyOutPort = _OUT
    carry: PyOutPort = _OUT


@implements(proc=And, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class AndLif(_Lif):
    """`And` as Lava's LIF."""


@implements(proc=Or, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class OrLif(_Lif):
    """`Or` as Lava's LIF."""


@implements(proc=Not, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class NotLif(_Lif):
    """`Not` as Lava's LIF."""


@implements(proc=Xor, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class XorLif(_Lif):
    """`Xor` as Lava's LIF."""


@implements(proc=Mux, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class MuxLif(_Lif):
    """`Mux` as Lava's LIF."""


@implements(proc=Majority, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class MajorityLif(_Lif):
    """`Majority` as Lava's LIF."""


@implements(proc=FullAdder, protocol=LoihiProtocol)
@requires(CPU)
@tag("lif")
class FullAdderLif(_Lif):
    """`FullAdder` as Lava's LIF."""
