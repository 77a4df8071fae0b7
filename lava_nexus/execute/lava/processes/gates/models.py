"""Models of the gates: vectorised neurons, or Lava's own LIF, DelaySparse and Sparse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

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
from lava_nexus.execute.lava.processes.gates.process import And, FullAdder, Gate, Majority, Mux, Not, Or, Xor
from lava_nexus.execute.lava.run_config import Level

_Model = TypeVar("_Model")
_IN = LavaPyType(PyInPort.VEC_DENSE, np.int8)
_OUT = LavaPyType(PyOutPort.VEC_DENSE, np.int8)


class _Vectorised(PyLoihiProcessModel):
    """The gate's neurons on a delay line; its ports are declared by `_model_of`."""

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


def _model_of(gate: type[Gate], level: Level) -> Callable[[type[_Model]], type[_Model]]:
    """Declares a class to be the CPU model of a gate at a level, with the gate's ports where it runs by itself."""

    def declare(model: type[_Model]) -> type[_Model]:
        if issubclass(model, _Vectorised):
            for name in gate.in_names():
                setattr(model, name, _IN)
            for name in gate.results:
                setattr(model, name, _OUT)
        declared: type[_Model] = implements(proc=gate, protocol=LoihiProtocol)(requires(CPU)(tag(level)(model)))
        return declared

    return declare


@_model_of(And, "vectorised")
class AndVectorised(_Vectorised):
    """`And` on vectorised neurons."""


@_model_of(And, "lif")
class AndLif(_Lif):
    """`And` as Lava's LIF."""


@_model_of(Or, "vectorised")
class OrVectorised(_Vectorised):
    """`Or` on vectorised neurons."""


@_model_of(Or, "lif")
class OrLif(_Lif):
    """`Or` as Lava's LIF."""


@_model_of(Not, "vectorised")
class NotVectorised(_Vectorised):
    """`Not` on vectorised neurons."""


@_model_of(Not, "lif")
class NotLif(_Lif):
    """`Not` as Lava's LIF."""


@_model_of(Xor, "vectorised")
class XorVectorised(_Vectorised):
    """`Xor` on vectorised neurons."""


@_model_of(Xor, "lif")
class XorLif(_Lif):
    """`Xor` as Lava's LIF."""


@_model_of(Mux, "vectorised")
class MuxVectorised(_Vectorised):
    """`Mux` on vectorised neurons."""


@_model_of(Mux, "lif")
class MuxLif(_Lif):
    """`Mux` as Lava's LIF."""


@_model_of(Majority, "vectorised")
class MajorityVectorised(_Vectorised):
    """`Majority` on vectorised neurons."""


@_model_of(Majority, "lif")
class MajorityLif(_Lif):
    """`Majority` as Lava's LIF."""


@_model_of(FullAdder, "vectorised")
class FullAdderVectorised(_Vectorised):
    """`FullAdder` on vectorised neurons."""


@_model_of(FullAdder, "lif")
class FullAdderLif(_Lif):
    """`FullAdder` as Lava's LIF."""
