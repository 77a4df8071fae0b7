"""What is built of one network: a circuit of threshold neurons, or an operator of populations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Network(Protocol):
    """What can be counted of a network of neurons, whatever its class."""

    @property
    def neurons(self) -> int:
        """Neurons, relays included."""

    @property
    def synapses(self) -> int:
        """Synapses, those of inputs and strobe included."""

    @property
    def depth(self) -> int:
        """Time steps from inputs to outputs."""

    @property
    def window(self) -> int:
        """Time steps between two operand sets."""

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""

    @property
    def n_inputs(self) -> int:
        """Input signals, the strobe included."""

    @property
    def fan_out(self) -> NDArray[np.integer[Any]]:
        """[signals], synapses that a spike of the signal reaches."""


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
    network: Network
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
