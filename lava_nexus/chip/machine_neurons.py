"""Neurons of a machine as they are made: gates whose synapses still grow, whole networks and projections as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.placement import Placement
from lava_nexus.populations.programmed import GATE, Programmed

Terms: TypeAlias = list[tuple[int, int]]
"""Signal and weight of each synapse, delay 0; an input is -1 - its number until all are known."""


@dataclass(frozen=True)
class Instance:
    """One placed circuit: its strobe, the neurons of its operands' bits, the signals of each of its outputs."""

    strobe: int
    operands: list[list[int]]
    outputs: list[list[int]]

    @property
    def result(self) -> list[int]:
        """Signals of the first output."""
        return self.outputs[0]


@dataclass
class Neurons:
    """Neurons as they are made: gates with lists that still grow, whole networks and projections as arrays."""

    terms: list[Terms] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    thresholds: list[int] = field(default_factory=list)
    piece: list[int] = field(default_factory=list)
    pieces: list[tuple[str, str]] = field(default_factory=list)
    copies: list[tuple[int, Placement, NDArray[np.int64]]] = field(default_factory=list)
    joined: list[NDArray[np.int64]] = field(default_factory=list)
    program: list[int] = field(default_factory=list)
    programs: list[Programmed] = field(default_factory=list)
    lines: int = 0

    def line(self, width: int = 1) -> list[int]:
        """New inputs."""
        self.lines += width
        return [-1 - i for i in range(self.lines - width, self.lines)]

    def new_piece(self, name: str, kind: str) -> int:
        """Number of one more piece."""
        self.pieces.append((name, kind))
        return len(self.pieces) - 1

    def number_of(self, program: Programmed) -> int:
        """Number of what neurons run, each listed once."""
        if program not in self.programs:
            self.programs.append(program)
        return self.programs.index(program)

    def join(
        self, targets: NDArray[np.int64], sources: NDArray[np.int64], weights: NDArray[np.int64], delay: int
    ) -> None:
        """Synapses with a delay, between neurons that are there."""
        self.joined.append(np.stack([targets, sources, weights, np.full(len(targets), delay)]))

    def gate(self, terms: Terms, threshold: int, piece: int, rate: float = 0.0, program: int = GATE) -> int:
        """A neuron [sum of weights >= threshold], or of a program, with `rate` spikes a step; more terms may follow."""
        self.program.append(program)
        self.terms.append(terms)
        self.rates.append(rate)
        self.thresholds.append(threshold)
        self.piece.append(piece)
        return len(self.terms) - 1

    def network(self, placed: Placement, inputs: list[int], pieces: NDArray[np.int64]) -> NDArray[np.int64]:
        """A copy of a placed network fed by `inputs`; signals [signals] of it."""
        network, first = placed.network, len(self.terms)
        signals: NDArray[np.int64] = np.concatenate([np.array(inputs, np.int64), first + np.arange(network.neurons)])
        self.copies.append((first, placed, signals))
        self.terms += [[] for _ in range(network.neurons)]
        self.program += [GATE] * network.neurons
        self.thresholds += network.thresholds.tolist()
        self.rates += (placed.spikes[network.n_inputs :] / max(1, placed.sets)).tolist()
        self.piece += pieces[placed.assignment].tolist()
        return signals


def arrays(made: Neurons) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Offsets, sources, weights and delays of all, inputs numbered first."""
    sizes = np.array([len(terms) for terms in made.terms], np.int64)
    for first, placed, _ in made.copies:
        sizes[first : first + placed.network.neurons] = np.diff(placed.network.offsets)
    joined = np.concatenate([np.zeros((4, 0), np.int64), *made.joined], axis=1)
    joined = joined[:, np.argsort(joined[0], kind="stable")]
    own = sizes.copy()  # synapses of lists and copies come first
    sizes += np.bincount(joined[0], minlength=len(sizes))
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    sources, weights = np.zeros(offsets[-1], np.int64), np.ones(offsets[-1], np.int64)
    delays = np.zeros(offsets[-1], np.int64)
    for number, terms in enumerate(made.terms):
        if terms:
            part = slice(offsets[number], offsets[number] + len(terms))
            sources[part], weights[part] = np.array(terms).T
    for first, placed, signals in made.copies:
        network = placed.network
        part = slice(offsets[first], offsets[first] + network.synapses)
        sources[part], weights[part], delays[part] = signals[network.sources], network.weights, network.delays
    before = np.concatenate([[0], np.cumsum(np.bincount(joined[0], minlength=len(sizes)))])[:-1]
    at = (offsets[:-1] + own)[joined[0]] + np.arange(joined.shape[1]) - before[joined[0]]
    sources[at], weights[at], delays[at] = joined[1:]
    sources = np.where(sources < 0, -1 - sources, sources + made.lines)
    return offsets, sources.astype(np.int32), weights.astype(np.int32), delays.astype(np.int32)
