"""A circuit: a threshold network with ports of a number format, and the golden function that it must equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lava_nexus.neurons import Port, ThresholdNetwork
from lava_nexus.neurons.built import Built, Golden


@dataclass(frozen=True, eq=False, repr=False)
class Circuit(Built):
    """One operation on bit patterns, as neurons and as the reference they are held against.

    Attributes:
        name: the operation, for example "add".
        basis: the cells it is built of, "threshold" or "nexus".
        network: the neurons.
        golden: patterns of each input port to those of the output port, element by element.
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
    def title(self) -> str:
        """Operation and formats, where it has any."""
        source = next((port.format for port in self.inputs if port.format is not None), self.output.format)
        target = self.output.format
        if source is None:
            return self.name
        return f"{self.name} {source}" if target in (None, source) else f"{self.name} {source} to {target}"
