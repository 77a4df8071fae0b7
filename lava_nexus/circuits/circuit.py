"""A circuit: a threshold network with ports of a number format, and the golden function that it must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lava_nexus.neurons import Port, ThresholdNetwork

Golden = Callable[..., NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Circuit:
    """One operation on bit patterns, as neurons and as the reference they are held against.

    Attributes:
        name: the operation, for example "add".
        basis: the cells it is built of, "threshold" or "nexus".
        network: the neurons.
        golden: patterns of each input port to the patterns of the output port, element by element (the reference).
        options: arguments of the operation that differ from their defaults.
    """

    name: str
    basis: str
    network: ThresholdNetwork
    golden: Golden
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Input ports, one an operand."""
        return self.network.inputs

    @property
    def output(self) -> Port:
        """The output port."""
        return self.network.outputs[0]

    @property
    def neurons(self) -> int:
        """Neurons, relays included."""
        return self.network.neurons

    @property
    def synapses(self) -> int:
        """Synapses, those of inputs and strobe included."""
        return self.network.synapses

    @property
    def depth(self) -> int:
        """Time steps from operands to result."""
        return self.network.depth

    @property
    def digest(self) -> str:
        """Name of the content: SHA-256 of the network."""
        return self.network.digest

    @property
    def label(self) -> str:
        """For tables: operation, formats, options; for example `convert float32 to int8, rounding zero`."""
        source = next((port.format for port in self.inputs if port.format is not None), self.output.format)
        target = self.output.format
        formats = f"{source}" if target in (None, source) else f"{source} to {target}"
        return ", ".join([f"{self.name} {formats}", *(f"{key} {value}" for key, value in self.options)])

    def __repr__(self) -> str:
        return (
            f"<Circuit {self.label}, {self.basis} basis: {self.neurons} neurons, {self.synapses} synapses, "
            f"depth {self.depth}>"
        )
