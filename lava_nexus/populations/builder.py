"""Builds population networks: levels, delays and relays follow from who reads whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons.model import MEMORYLESS, NeuronModel
from lava_nexus.neurons.network import ThresholdNetwork
from lava_nexus.neurons.rules import LOIHI2
from lava_nexus.populations.network import (
    Payload,
    Population,
    PopulationNetwork,
    Projection,
    Readout,
    check_populations,
)


@dataclass(frozen=True)
class Cells:
    """A population under construction.

    Attributes:
        number: of the population.
        size: neurons.
        level: step at which a wave meets it.
    """

    number: int
    size: int
    level: int


@dataclass(frozen=True, eq=False)
class Term:
    """What one population gives to another: sum of weights * spikes, shifted right.

    Attributes:
        cells: the source.
        rows, columns, weights: the synapses.
        shift: bits.
    """

    cells: Cells
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    weights: NDArray[np.int64]
    shift: int = 0


def each(cells: Cells, weight: int = 1, shift: int = 0) -> Term:
    """Neuron i gets weight times source i."""
    index = np.arange(cells.size)
    return Term(cells, index, index, np.full(cells.size, weight, np.int64), shift)


def matrix(cells: Cells, rows: ArrayLike, columns: ArrayLike, weights: ArrayLike, shift: int = 0) -> Term:
    """Synapses one by one; those of weight 0 are left out, `weights` may be one number."""
    r, c, w = np.broadcast_arrays(*(np.asarray(a, np.int64) for a in (rows, columns, weights)))
    keep = w.ravel() != 0
    return Term(cells, r.ravel()[keep], c.ravel()[keep], w.ravel()[keep], shift)


def spread(cells: Cells, weights: ArrayLike, shift: int = 0) -> Term:
    """Neuron i gets weights[i] times the one source."""
    w = np.asarray(weights, np.int64)
    return matrix(cells, np.arange(len(w)), 0, w, shift)


def total(cells: Cells, weights: ArrayLike = 1, shift: int = 0) -> Term:
    """One neuron gets the sum of all sources."""
    return matrix(cells, 0, np.arange(cells.size), weights, shift)


class PopulationBuilder:
    """A network under construction; `strobe` is 1 in the step in which operands arrive."""

    def __init__(self) -> None:
        self._populations: list[Population] = []
        self._projections: list[Projection] = []
        self._relays: dict[tuple[int, int], Cells] = {}
        self.strobe = self.input("strobe")

    def input(self, name: str, size: int = 1) -> Cells:
        """An input; all come before the first neuron.

        Raises:
            NexusError: there are neurons already.
        """
        if any(p.level for p in self._populations):
            raise NexusError(f"input '{name}' comes after the first neuron")
        self._populations.append(Population(name, size, "signed"))
        return Cells(len(self._populations) - 1, size, 0)

    def bits(self, name: str, size: int, *terms: Term, model: NeuronModel = MEMORYLESS) -> Cells:
        """Neurons that send 1 where their sum is at least 1."""
        return self._add(name, size, "bit", terms, model)

    def graded(self, name: str, size: int, *terms: Term, level: int = 0) -> Cells:
        """Neurons that send their sum where it is at least 1, at `level` at the earliest."""
        return self._add(name, size, "graded", terms, MEMORYLESS, level)

    def signed(self, name: str, size: int, *terms: Term) -> Cells:
        """Neurons that send their sum where it is not 0."""
        return self._add(name, size, "signed", terms, MEMORYLESS)

    def finish(self, outputs: Sequence[tuple[str, Cells, Cells | None]], window: int = 1) -> PopulationNetwork:
        """The network; outputs are (name, population, population to subtract), brought to the last level."""
        depth = max(p.level for p in self._populations)
        readouts = tuple(
            Readout(name, self._at(plus, depth).number, None if minus is None else self._at(minus, depth).number)
            for name, plus, minus in outputs
        )
        sources = sum(p.level == 0 for p in self._populations)
        network = PopulationNetwork(tuple(self._populations), sources, tuple(self._projections), readouts, window)
        check_populations(network)
        return network

    def _add(
        self, name: str, size: int, payload: Payload, terms: Sequence[Term], model: NeuronModel, level: int = 0
    ) -> Cells:
        level = max(level, 1 + max(term.cells.level for term in terms))
        reached = [self._reach(term.cells, level) for term in terms]
        number = len(self._populations)
        self._populations.append(Population(f"{name}.{number}", size, payload, level, 1, model))
        for term, source in zip(terms, reached, strict=True):
            if len(term.weights):
                delay = level - source.level - 1
                self._projections.append(
                    Projection(source.number, number, term.rows, term.columns, term.weights, term.shift, delay)
                )
        return Cells(number, size, level)

    def _reach(self, cells: Cells, level: int) -> Cells:
        """The cells, or a relay of theirs from which a synapse of the largest delay reaches `level`."""
        while level - cells.level - 1 > LOIHI2.max_delay:
            cells = self._relay(cells, cells.level + LOIHI2.max_delay + 1)
        return cells

    def _relay(self, cells: Cells, level: int) -> Cells:
        key = (cells.number, level)
        if key not in self._relays:
            kind = self._populations[cells.number]
            number = len(self._populations)
            self._populations.append(Population(f"{kind.name}.relay.{number}", cells.size, kind.payload, level))
            index = np.arange(cells.size)
            delay = level - cells.level - 1
            self._projections.append(
                Projection(cells.number, number, index, index, np.ones(cells.size, np.int64), 0, delay)
            )
            self._relays[key] = Cells(number, cells.size, level)
        return self._relays[key]

    def _at(self, cells: Cells, level: int) -> Cells:
        """The cells, or a relay of theirs at `level`."""
        if cells.level == level:
            return cells
        return self._relay(self._reach(cells, level), level)


def from_threshold_network(network: ThresholdNetwork) -> PopulationNetwork:
    """A memoryless binary network as populations of bits, one a level; thresholds T become strobe weights 1 - T."""
    level = network.signal_levels
    builder = PopulationBuilder()
    cells = [builder.strobe]
    place = np.zeros(network.n_signals, np.int64)
    owner = np.zeros(network.n_signals, np.int64)
    for port in network.inputs:
        place[list(port.signals)] = np.arange(port.width)
        owner[list(port.signals)] = len(cells)
        cells.append(builder.input(port.name, port.width))
    for at in range(1, network.depth + 1):
        here = np.flatnonzero(level == at)
        place[here] = np.arange(len(here))
        owner[here] = len(cells)
        mine = level[network.n_inputs + network.targets] == at
        rows = place[network.n_inputs + network.targets[mine]]
        sources, weights = network.sources[mine], network.weights[mine]
        terms = [spread(builder.strobe, 1 - network.thresholds[here - network.n_inputs])]
        for number, source in enumerate(cells):
            from_it = owner[sources] == number
            if from_it.any():
                terms.append(matrix(source, rows[from_it], place[sources[from_it]], weights[from_it]))
        cells.append(builder.bits(f"level{at}", len(here), *terms))
    last = cells[-1]
    outputs = []
    for port in network.outputs:
        chosen = matrix(last, np.arange(port.width), place[list(port.signals)], 1)
        outputs.append((port.name, builder.bits(port.name, port.width, chosen), None))
    return builder.finish(outputs)
