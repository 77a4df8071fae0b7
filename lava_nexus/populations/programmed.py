"""Programmable neurons in flat arrays: what each of them runs, and when its states begin anew."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lava_nexus.errors import NexusError
from lava_nexus.populations.network import Population
from lava_nexus.populations.stateful import StatefulNeuron

GATE = -1
"""Number of the program of a threshold gate, which needs none."""

_SENDS = {"signed": "a", "graded": "max(a, 0)", "bit": "a > 0"}


@dataclass(frozen=True)
class Programmed:
    """A neuron's equation on its core.

    Attributes:
        neuron: the equation.
        window: steps after which all its states are 0 again.
        phase: a step in which they are, before anything arrives.
    """

    neuron: StatefulNeuron
    window: int = 1
    phase: int = 0

    @classmethod
    def of(cls, population: Population, window: int, phase: int) -> Programmed:
        """What the neurons of a population run; without states it is the same in every window.

        Raises:
            NexusError: neurons that keep a potential, have a threshold above 1, or a largest payload.
        """
        if population.neuron is not None:
            found = cls(population.neuron, window, phase % window)
            return found if population.neuron.states else replace(found, window=1, phase=0)
        if not population.memoryless or population.threshold != 1 or population.most is not None:
            raise NexusError(f"population '{population.name}' keeps a potential, which no equation of it says")
        equation = _SENDS[population.payload]
        return cls(StatefulNeuron(population.payload, (), (("sent", equation),), "sent"))
