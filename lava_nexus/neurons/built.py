"""What is built of one network: a circuit of threshold neurons, or an operator of populations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from lava_nexus.neurons.network import ThresholdNetwork
from lava_nexus.neurons.populations import PopulationNetwork


class Built(ABC):
    """A network with a name.

    Attributes:
        name: what it computes.
        basis: what it is built of.
        network: the neurons.
        options: arguments that differ from their defaults.
    """

    name: str
    basis: str
    network: ThresholdNetwork | PopulationNetwork
    options: tuple[tuple[str, Any], ...]

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
    @abstractmethod
    def title(self) -> str:
        """What it computes on which operands, for example `add float32`."""

    @property
    def label(self) -> str:
        """For tables: title and options; for example `convert float32 to int8, rounding zero`."""
        return ", ".join([self.title, *(f"{key} {value}" for key, value in self.options)])

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.label}, {self.basis} basis: {self.neurons} neurons, "
            f"{self.synapses} synapses, depth {self.depth}>"
        )
