"""The named gates as Processes, each a population of one or two IF neurons a lane with its synapses.

Every port is a vector of `lanes` independent spikes, so that gates connect one to one:

    carry = Majority(lanes=8); total = Xor(lanes=8)
    source.s_out.connect(carry.a) ...

A gate answers `latency(level)` steps after its operands, which must arrive together: where one comes earlier, delay it
(`DelaySparse`, or `Or` with one operand as a relay). All neurons are memoryless, so operands may come every step.
Cells: facts of threshold logic, one neuron [sum w * s >= T] each; XOR, MUX and the full adder take two.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from lava.magma.core.process.ports.ports import InPort, OutPort

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.run_config import Level
from lava_nexus.execute.lava.timing import latency
from lava_nexus.neurons import STROBE, Builder, Signal, ThresholdNetwork


class Gate(Process):
    """A gate over `lanes` lanes; subclasses name its ports and its neurons.

    Attributes:
        operands: names of the in ports.
        results: names of the out ports.
        strobed: whether there is also an in port `strobe`, which must spike with every operand set.
        network: the neurons.
    """

    operands: ClassVar[tuple[str, ...]]
    results: ClassVar[tuple[str, ...]] = ("out",)
    strobed: ClassVar[bool] = False

    def __init__(self, lanes: int = 1, name: str | None = None) -> None:
        if lanes < 1:
            raise NexusError(f"gate of {lanes} lanes is below 1")
        builder = Builder()
        inputs = [builder.input(operand, width=1)[0] for operand in self.operands]
        outputs = self.neurons(builder, *inputs)
        network = builder.finish([(r, [s], None) for r, s in zip(self.results, outputs, strict=True)])
        super().__init__(network=network, lanes=lanes, name=name)
        self.network: ThresholdNetwork = network
        self.lanes = lanes
        for port in self.in_names():
            setattr(self, port, InPort(shape=(lanes,)))
        for port in self.results:
            setattr(self, port, OutPort(shape=(lanes,)))

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

    @staticmethod
    @abstractmethod
    def neurons(builder: Builder, *inputs: Signal) -> list[Signal]:
        """The gate's neurons, one signal a result."""


class And(Gate):
    """out = [a + b >= 2]."""

    operands = ("a", "b")

    @staticmethod
    def neurons(builder: Builder, *inputs: Signal) -> list[Signal]:
        """One neuron."""
        a, b = inputs
        return [builder.gate([(a, 1), (b, 1)], 2)]


class Or(Gate):
    """out = [a + b >= 1]."""

    operands = ("a", "b")

    @staticmethod
    def neurons(builder: Builder, *inputs: Signal) -> list[Signal]:
        """One neuron."""
        a, b = inputs
        return [builder.gate([(a, 1), (b, 1)], 1)]


class Not(Gate):
    """out = [strobe - a >= 1]: fires on silence, hence only where a strobe says that the wave is valid."""

    operands = ("a",)
    strobed = True

    @staticmethod
    def neurons(builder: Builder, *inputs: Signal) -> list[Signal]:
        """One neuron."""
        (a,) = inputs
        return [builder.gate([(a, -1)], 0)]


class Xor(Gate):
    """m = [a + b >= 2]; out = [a + b - 2m >= 1]."""

    operands = ("a", "b")

    @staticmethod
    def neurons(builder: Builder, *inputs: Signal) -> list[Signal]:
        """Two neurons."""
        a, b = inputs
        both = builder.gate([(a, 1), (b, 1)], 2)
        return [builder.gate([(a, 1), (b, 1), (both, -2)], 1)]


class Mux(Gate):
    """out = a where c, else b:  m = [c + a >= 2]; out = [b - c + 2m >= 1]."""

    operands = ("c", "a", "b")

    @staticmethod
    def neurons(builder: Builder, *inputs: Signal) -> list[Signal]:
        """Two neurons."""
        c, a, b = inputs
        chosen = builder.gate([(c, 1), (a, 1)], 2)
        return [builder.gate([(b, 1), (c, -1), (chosen, 2)], 1)]


class Majority(Gate):
    """out = [a + b + c >= 2]."""

    operands = ("a", "b", "c")

    @staticmethod
    def neurons(builder: Builder, *inputs: Signal) -> list[Signal]:
        """One neuron."""
        a, b, c = inputs
        return [builder.gate([(a, 1), (b, 1), (c, 1)], 2)]


class FullAdder(Gate):
    """carry = [a + b + c >= 2]; sum = [a + b + c - 2 carry >= 1]; both leave in the same step."""

    operands = ("a", "b", "c")
    results = ("sum", "carry")

    @staticmethod
    def neurons(builder: Builder, *inputs: Signal) -> list[Signal]:
        """Two neurons, and one relay for the carry."""
        a, b, c = inputs
        carry = builder.gate([(a, 1), (b, 1), (c, 1)], 2)
        return [builder.gate([(a, 1), (b, 1), (c, 1), (carry, -2)], 1), carry]
