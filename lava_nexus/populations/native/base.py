"""What the cores of native sums share: their network, sizes and signals follow from ports, layers and synapses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lava_nexus.populations.network import Population, PopulationNetwork, Projection, Readout, check_populations

Integers = NDArray[np.int64]

SENT = ("plus.", "minus.", "code")
"""How the names of populations begin whose spikes leave the core."""


@dataclass(frozen=True)
class Part:
    """Populations of one purpose, for tables.

    Attributes:
        name: what they are for, as "accumulators".
        populations: their names without number.
    """

    name: str
    populations: tuple[str, ...]


class Core(ABC):
    """Stateful neurons that form exact sums: a network whose first population is the strobe."""

    @cached_property
    @abstractmethod
    def ports(self) -> tuple[Population, ...]:
        """The inputs, the strobe first."""

    @cached_property
    @abstractmethod
    def layers(self) -> tuple[Population, ...]:
        """The neurons; level is only how far from the inputs, but for the last, the step of the result."""

    @cached_property
    @abstractmethod
    def fan_out(self) -> Integers:
        """int64 [signals]: synapses that a spike of the signal reaches, as those of `populations` do."""

    @property
    @abstractmethod
    def window(self) -> int:
        """Time steps from one row of activations to the next."""

    @abstractmethod
    def _projections(self, number: dict[str, int]) -> list[Projection]:
        """The synapses, given the number of each population by its name."""

    @cached_property
    def populations(self) -> PopulationNetwork:
        """The network, neuron by neuron and synapse by synapse, checked.

        Raises:
            NexusError: a state, payload, delay or fan-in beyond the chip's.
        """
        everything = (*self.ports, *self.layers)
        number = {p.name: i for i, p in enumerate(everything)}
        outputs = tuple(Readout(name, at) for name, at in number.items() if name.startswith(SENT))
        projections = tuple(self._projections(number))
        network = PopulationNetwork(everything, len(self.ports), projections, outputs, self.window)
        check_populations(network)
        return network

    @property
    def n_inputs(self) -> int:
        """Input signals, the strobe included."""
        return sum(p.size for p in self.ports)

    @property
    def n_signals(self) -> int:
        """Inputs and neurons."""
        return self.n_inputs + self.neurons

    @property
    def neurons(self) -> int:
        """Neurons."""
        return sum(p.size for p in self.layers)

    @property
    def synapses(self) -> int:
        """Synapses, those of inputs and strobe included."""
        return int(self.fan_out.sum())

    @cached_property
    def offsets(self) -> dict[str, slice]:
        """Signals of each population by its name."""
        everything = (*self.ports, *self.layers)
        ends = np.cumsum([p.size for p in everything]).tolist()
        return {p.name: slice(e - p.size, e) for p, e in zip(everything, ends, strict=True)}

    def _fan_out(self, of: dict[str, int | Integers], accumulator: int) -> Integers:
        """int64 [signals] from those that differ from 1; what leaves the core reaches none."""
        found = np.ones(self.n_signals, np.int64)
        for name, signals in self.offsets.items():
            if name.startswith(SENT):
                found[signals] = 0
            elif name.startswith("accumulator"):
                found[signals] = accumulator
            elif name in of:
                found[signals] = of[name]
        return found
