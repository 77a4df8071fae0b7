"""Cuts a run into blocks of streams and steps that fit the cache, and runs them on a few threads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane.physics import Physics
from lava_nexus.neurons import STROBE, NonIdealities, ThresholdNetwork
from lava_nexus.neurons.model import thetas
from lava_nexus.store import processors

if TYPE_CHECKING:
    from lava_nexus.execute.membrane.disturb import Noise
    from lava_nexus.execute.membrane.kernel import Dynamics, Wiring

Regime = Literal["reset", "streaming"]

# Neuron updates that repay the start of a thread.
_WORTH_A_THREAD = 1 << 17
_WORKING_SET_BYTES = 1 << 20
_MAX_WIDTH = 4096
_MIN_WIDTH = 64
# Streams a tile carries potentials for: enough to fill vectors, few enough that they stay in the cache.
_CARRIED_LANES = 64
_MAX_DRIVE = 2**31 - 1


@dataclass(frozen=True)
class Membranes:
    """What every neuron did, set by set.

    Attributes:
        spikes: bool [sets, signals]; the strobe, the inputs, then the neurons.
        potentials: float64 [sets, neurons]; v as it is compared with theta, before the reset.
        thetas: float64 [neurons]; physical thresholds before any spread.
    """

    spikes: NDArray[np.bool_]
    potentials: NDArray[np.float64]
    thetas: NDArray[np.float64]


@dataclass(frozen=True)
class Tile:
    """Streams first .. last (exclusive) of equally many steps; stream l meets set t * streams + l at step t."""

    first: int
    last: int
    steps: int


def tiles(sets: int, streams: int, width: int) -> list[Tile]:
    """Covers `sets` dealt out in turn to `streams`, in tiles of at most `width` streams."""
    steps, longer = divmod(sets, streams)
    parts = ((0, longer, steps + 1), (longer, streams, steps))
    return [Tile(a, min(a + width, stop), n) for start, stop, n in parts if n for a in range(start, stop, width)]


class Simulation:
    """One network under one neuron model, over one sequence of operand sets.

    Attributes:
        ports: patterns of each output port, uint64 [ports, sets].
        counts: int64 [signals], spikes of every signal.
        active: neuron updates in which a neuron received a spike or fired.
        membranes: what was recorded, or None.
    """

    def __init__(
        self,
        network: ThresholdNetwork,
        words: Sequence[NDArray[Any]],
        sets: int,
        physics: Physics,
        streams: int,
        copies: int,
        record: bool = False,
        flips: NDArray[np.int64] | None = None,
    ) -> None:
        """Streams: independent in time; copies: of the network, set i meeting copy i % copies.

        `flips` [sets] names for each set a neuron (0-based) whose spike is inverted, or -1.
        """
        _check_drive(network, physics.nonidealities)
        self.network, self.words, self.sets, self.streams, self.copies = network, words, sets, streams, copies
        self.physics, self.flips = physics, flips
        self.ports = np.zeros((len(network.outputs), sets), np.uint64)
        self.counts = np.zeros(network.n_signals, np.int64)
        self.active = 0
        self.membranes = self._empty_membranes() if record else None

    def run(self, threads: int | None = None) -> Simulation:
        """Runs every tile; `threads` defaults to the processors this process may use."""
        threads = threads or processors()
        threads = min(threads, 1 + self.sets * self.network.n_signals // _WORTH_A_THREAD)
        width = max(_MIN_WIDTH, min(_MAX_WIDTH, _WORKING_SET_BYTES // self.network.n_signals))
        lanes = width if self.streams == self.sets else min(width, _CARRIED_LANES)
        todo = tiles(self.sets, self.streams, min(lanes, -(-self.streams // threads)))
        hands = min(threads, len(todo))
        parts = [todo[i::hands] for i in range(hands)]
        prepared = self.physics.prepared(self.network, explicit=self.membranes is not None)
        if hands == 1:
            results = [self._run_tiles(parts[0], width, prepared)]
        else:
            with ThreadPoolExecutor(hands) as pool:
                results = list(pool.map(lambda part: self._run_tiles(part, width, prepared), parts))
        for counts, active in results:
            self.counts += counts
            self.active += active
        return self

    def _run_tiles(
        self, part: Sequence[Tile], width: int, prepared: tuple[Wiring, Dynamics, Noise]
    ) -> tuple[NDArray[np.int64], int]:
        from lava_nexus.execute.membrane import kernel

        network = self.network
        wiring, how, noise = prepared
        out_signals = [np.array(port.signals, np.int64) for port in network.outputs]
        spikes = np.zeros((network.n_signals, width), np.uint8)
        spikes[STROBE] = 1
        counts = np.zeros(network.n_signals, np.int64)
        active = 0
        for tile in part:
            lanes = tile.last - tile.first
            rested = how._replace(memoryless=how.memoryless or tile.steps == 1)
            v = np.zeros((0 if rested.memoryless else network.neurons, lanes))
            for start in range(0, tile.steps, width // lanes):
                steps = min(width // lanes, tile.steps - start)
                index = np.arange(start, start + steps)[:, None] * self.streams + np.arange(tile.first, tile.last)
                index = index.ravel()
                self._load(index, spikes)
                flips = np.empty(0, np.int64) if self.flips is None else self.flips[index]
                potentials = np.empty((network.neurons if self.membranes else 0, len(index) if self.membranes else 0))
                active += kernel.advance(
                    spikes, wiring, rested, noise, index.astype(np.uint64), (index % self.copies).astype(np.uint64),
                    flips, v, steps, counts, potentials,
                )  # fmt: skip
                words = np.empty(len(index), np.uint64)
                for patterns, signals in zip(self.ports, out_signals, strict=True):
                    kernel.pack(spikes, signals, words)
                    patterns[index] = words
                self._record(index, spikes, potentials)
        return counts, active

    def _load(self, index: NDArray[np.int64], spikes: NDArray[np.uint8]) -> None:
        from lava_nexus.execute.membrane import kernel

        for port, words in zip(self.network.inputs, self.words, strict=True):
            if port.width:
                kernel.unpack(words[index].astype(np.uint64), port.signals[0], port.width, spikes)

    def _record(self, index: NDArray[np.int64], spikes: NDArray[np.uint8], potentials: NDArray[np.float64]) -> None:
        if self.membranes is not None:
            self.membranes.spikes[index] = spikes[:, : len(index)].T
            self.membranes.potentials[index] = potentials.T

    def _empty_membranes(self) -> Membranes:
        return Membranes(
            spikes=np.zeros((self.sets, self.network.n_signals), np.bool_),
            potentials=np.zeros((self.sets, self.network.neurons)),
            thetas=thetas(self.network, self.physics.model),
        )


def _check_drive(network: ThresholdNetwork, non: NonIdealities) -> None:
    if non.flipped and (beyond := network.weights[(network.weights < -128) | (network.weights > 127)]).size:
        raise NexusError(f"weight {beyond[0]} is beyond the 8 bits of which flipped {non.flipped} has one flipped")
    most = np.bincount(network.targets, np.abs(network.weights.astype(np.float64)), network.neurons)
    if most.max(initial=0) > _MAX_DRIVE:
        raise NexusError(f"neuron {int(most.argmax())}: weighted sum {most.max():.0f} is above {_MAX_DRIVE}")
