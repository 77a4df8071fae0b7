"""The named gates as Processes, each a population of one or two IF neurons for each element, with its synapses.

Every port has the gate's `shape`, an independent spike an element, so that gates connect one to one:

    carry, total = Majority(shape=(8,)), Xor(shape=(8,))
    source.s_out.connect(carry.a) ...

A gate answers `latency(level)` steps after its operands, which must arrive together: where one comes earlier, delay it
(`DelaySparse`, or `Or` with one operand as a relay). All neurons are memoryless, so operands may come every step.
Cells: facts of threshold logic, one neuron [sum w * s >= T] each; XOR, MUX and the full adder take two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np
from lava.magma.core.decorator import requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU

from lava_nexus.execute.delay_line import DelayLine
from lava_nexus.execute.lava.fixed.process import FixedSparse
from lava_nexus.execute.lava.lif import Level, LifPopulation, latency, selection
from lava_nexus.execute.lava.process import (
    LAVA_TAGS,
    SPIKES_IN,
    SPIKES_OUT,
    VAR,
    Process,
    Readable,
    Reading,
    lanes_of,
    models_of,
)
from lava_nexus.neurons import STROBE, Builder, ThresholdNetwork

Cells: TypeAlias = Mapping[str, tuple[Mapping[str, int], int]]


class Gate(Process):
    """A gate for each element of `shape`; subclasses name its ports and its neurons.

    Attributes:
        operands: names of the in ports.
        results: names of the out ports.
        cells: the neurons in order, by name: weight of each operand or neuron that feeds it, and threshold.
        strobed: whether there is also an in port `strobe`, which must spike with every operand set.
        network: the neurons.
    """

    operands: ClassVar[tuple[str, ...]] = ()
    results: ClassVar[tuple[str, ...]] = ("out",)
    cells: ClassVar[Cells] = {}
    strobed: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        """The ports and Vars of the gate, for its docstring."""
        ports = {"strobe": "in, `shape`; a spike with every operand set, silent or not."} if cls.strobed else {}
        ports |= {name: "in, `shape`; an operand's spikes, int8 0 or 1." for name in cls.operands}
        ports |= {name: "out, `shape`; `latency(level)` steps after the operands." for name in cls.results}
        neurons = ", ".join(cls.cells)
        ports["v"] = f"Var, [*shape, {len(cls.cells)}]; potentials of {neurons} before the reset, in unit weights."
        ports["s"] = f"Var, [*shape, {len(cls.cells)}]; their spikes in this step, 0 or 1."
        cls.members = ports
        super().__init_subclass__(**options)

    def __init__(
        self, shape: tuple[int, ...] = (1,), name: str | None = None, log_config: LogConfig | None = None
    ) -> None:
        """Makes as many gates as `shape` has elements; `name` and `log_config` as Lava's Processes take them."""
        lanes = lanes_of(shape, "gate")
        builder = Builder()
        signals = {operand: builder.input(operand, width=1)[0] for operand in self.operands}
        for neuron, (weights, threshold) in self.cells.items():
            signals[neuron] = builder.gate([(signals[s], weight) for s, weight in weights.items()], threshold)
        network = builder.finish([(result, [signals[result]], None) for result in self.results])
        own = np.array([signals[neuron] - network.n_inputs for neuron in self.cells], np.int64)
        super().__init__(network=network, own=own, shape=shape, lanes=lanes, name=name, log_config=log_config)
        self.network: ThresholdNetwork = network
        self.shape = shape
        self.lanes = lanes
        for port in self.in_names():
            setattr(self, port, InPort(shape=shape))
        for port in self.results:
            setattr(self, port, OutPort(shape=shape))
        self.v = Var(shape=(*shape, len(own)), init=0)
        self.s = Var(shape=(*shape, len(own)), init=0)

    @classmethod
    def in_names(cls) -> tuple[str, ...]:
        """Names of the in ports, the strobe included, in the order of the network's input signals."""
        return (*(("strobe",) if cls.strobed else ()), *cls.operands)

    def in_signals(self) -> tuple[int, ...]:
        """Signal of the network that each in port feeds."""
        operands = (port.signals[0] for port in self.network.inputs)
        return (*((STROBE,) if self.strobed else ()), *operands)

    def latency(self, level: Level = "vectorised") -> int:
        """Time steps from operands to results."""
        return latency(self.network, level)


class And(Gate):
    """out = [a + b >= 2]."""

    operands = ("a", "b")
    cells: ClassVar[Cells] = {"out": ({"a": 1, "b": 1}, 2)}


class Or(Gate):
    """out = [a + b >= 1]."""

    operands = ("a", "b")
    cells: ClassVar[Cells] = {"out": ({"a": 1, "b": 1}, 1)}


class Not(Gate):
    """out = [strobe - a >= 1]: fires on silence, hence only where a strobe says that the wave is valid."""

    operands = ("a",)
    cells: ClassVar[Cells] = {"out": ({"a": -1}, 0)}
    strobed = True


class Xor(Gate):
    """m = [a + b >= 2]; out = [a + b - 2m >= 1]."""

    operands = ("a", "b")
    cells: ClassVar[Cells] = {"m": ({"a": 1, "b": 1}, 2), "out": ({"a": 1, "b": 1, "m": -2}, 1)}


class Mux(Gate):
    """out = a where c, else b:  m = [c + a >= 2]; out = [b - c + 2m >= 1]."""

    operands = ("c", "a", "b")
    cells: ClassVar[Cells] = {"m": ({"c": 1, "a": 1}, 2), "out": ({"b": 1, "c": -1, "m": 2}, 1)}


class Majority(Gate):
    """out = [a + b + c >= 2]."""

    operands = ("a", "b", "c")
    cells: ClassVar[Cells] = {"out": ({"a": 1, "b": 1, "c": 1}, 2)}


class FullAdder(Gate):
    """carry = [a + b + c >= 2]; sum = [a + b + c - 2 carry >= 1]; both leave in the same step."""

    operands = ("a", "b", "c")
    results = ("sum", "carry")
    cells: ClassVar[Cells] = {"carry": ({"a": 1, "b": 1, "c": 1}, 2), "sum": ({"a": 1, "b": 1, "c": 1, "carry": -2}, 1)}


GATES: tuple[type[Gate], ...] = (And, Or, Not, Xor, Mux, Majority, FullAdder)


@requires(CPU)
@tag("vectorised", *LAVA_TAGS)
class Vectorised(Readable, PyLoihiProcessModel):
    """The gate's neurons on a delay line, in one child process."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._network, self._own = proc_params["network"], proc_params["own"]
        self._neurons = DelayLine(self._network, proc_params["lanes"])
        self._shape = proc_params["shape"]
        self._inputs = np.zeros((proc_params["lanes"], self._network.n_inputs), np.int8)

    def run_spk(self) -> None:
        """One time step; sends before it receives, so that gates may be connected in a loop."""
        self._neurons.advance()
        for port in self._network.outputs:
            getattr(self, port.name).send(self._neurons.read(np.array(port.signals)).reshape(self._shape))
        for port in self._network.inputs:
            self._inputs[:, port.signals[0]] = getattr(self, port.name).recv().ravel()
        if hasattr(self, "strobe"):
            self._inputs[:, 0] = self.strobe.recv().ravel()
        self._neurons.feed(self._inputs)

    def refresh(self) -> None:
        self.v[:] = self._neurons.drive(self._own).reshape(self.v.shape)
        self.s[:] = self._neurons.read(self._network.n_inputs + self._own).reshape(self.s.shape)


@requires(CPU)
@tag("lif", *LAVA_TAGS)
class Lif(AbstractSubProcessModel):
    """One LIF; one DelaySparse an in port and one from neurons to neurons; one Sparse an out port."""

    def __init__(self, proc: Gate) -> None:
        network, lanes = proc.network, proc.lanes
        groups = [range(signal, signal + 1) for signal in proc.in_signals()]
        population = LifPopulation.of(network, lanes, groups, reading=Reading(proc.proc_params["own"], proc.v.shape))
        self.neurons, self.synapses = population.neurons, population.synapses
        for name, synapses in zip(proc.in_names(), population.synapses_of_inputs, strict=True):
            setattr(self, f"synapses_of_{name}", synapses)
            getattr(proc.in_ports, name).flatten().connect(synapses.s_in)
        for port in network.outputs:
            channel = np.array(port.signals) - network.n_inputs
            read_out = FixedSparse(weights=selection(channel, network.neurons, lanes))
            setattr(self, f"read_out_of_{port.name}", read_out)
            self.neurons.s_out.connect(read_out.s_in)
            read_out.a_out.reshape(proc.shape).connect(getattr(proc.out_ports, port.name))
        proc.vars.v.alias(self.neurons.potential)
        proc.vars.s.alias(self.neurons.fired)


for _gate in GATES:
    _in, _out = dict.fromkeys(_gate.in_names(), SPIKES_IN), dict.fromkeys(_gate.results, SPIKES_OUT)
    globals().update(models_of(_gate, Vectorised, **_in, **_out, v=VAR, s=VAR) | models_of(_gate, Lif))
