"""Threshold networks in flat arrays: the memoryless, binary, feed-forward subclass of the neuron representation.

neuron k:  spike_k(t) = [ sum_j weight_j * spike_source_j(t - 1 - delay_j) >= threshold_k ],  membrane cleared after.

Signals are numbered: 0 is the strobe, then the bits of the input ports in order, then the neurons in topological order.
Invariants, kept by `Builder.finish` and checked by `rules.check`:
- every threshold is at least 1, so that a silent wave stays silent; a gate that fires on silence hangs on the strobe;
- sources of a neuron come before it; its level is above theirs, and delay_j = level_k - level_source - 1 <= max_delay;
- every output bit is a neuron at level `depth`: a set put in at step t leaves at step t + depth, whole.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import NumberFormat
from lava_nexus.neurons.stored import save_threshold
from lava_nexus.shown import Shown, bars

STROBE = 0


@dataclass(frozen=True)
class Port:
    """A named bundle of signals, one a bit, MSB first.

    Attributes:
        name: unique among the inputs or among the outputs.
        signals: signal numbers.
        format: the number format that the bits spell, or None for plain bits.
    """

    name: str
    signals: tuple[int, ...]
    format: NumberFormat | None = None

    @property
    def width(self) -> int:
        """Number of bits."""
        return len(self.signals)

    @property
    def pattern_dtype(self) -> np.dtype[Any]:
        """The smallest unsigned integer dtype that holds the bits."""
        return np.dtype(f"u{next(size for size in (1, 2, 4, 8) if 8 * size >= self.width)}")


class SynapseLists(ABC):
    """Neurons whose synapses lie one neuron after the other: those of neuron k are offsets[k] .. offsets[k + 1]."""

    offsets: NDArray[np.int64]
    thresholds: NDArray[np.int32]

    @property
    @abstractmethod
    def n_inputs(self) -> int:
        """Signals that come from outside."""

    @property
    def neurons(self) -> int:
        """Neurons, relays included."""
        return len(self.thresholds)

    @property
    def n_signals(self) -> int:
        """Inputs and neurons."""
        return self.n_inputs + self.neurons

    @cached_property
    def targets(self) -> NDArray[np.int32]:
        """int32 [synapses]: the neuron (0-based) that each synapse feeds."""
        return np.repeat(np.arange(self.neurons, dtype=np.int32), np.diff(self.offsets))


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdNetwork(SynapseLists, Shown):
    """A feed-forward network of memoryless threshold neurons (window W = 1).

    Attributes:
        inputs: input ports; their signals are 1, 2, ... in order (0 is the strobe).
        outputs: output ports; every signal is a neuron at level `depth`.
        offsets: int64 [neurons + 1]; the synapses of neuron k are offsets[k] .. offsets[k + 1].
        sources: int32 [synapses]; signal numbers.
        weights: int32 [synapses].
        thresholds: int32 [neurons], all at least 1.
        levels: int32 [neurons], at least 1; inputs are at level 0.
        relay: bool [neurons]; True for a neuron that only passes a spike on, later.
        max_delay: largest synaptic delay that the levels were balanced for.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    offsets: NDArray[np.int64]
    sources: NDArray[np.int32]
    weights: NDArray[np.int32]
    thresholds: NDArray[np.int32]
    levels: NDArray[np.int32]
    relay: NDArray[np.bool_]
    max_delay: int

    def _facts(self) -> tuple[str, dict[str, Any]]:
        ports = [", ".join(f"{p.name} [{p.width}]" for p in side) for side in (self.inputs, self.outputs)]
        counted = {"neurons": self.neurons, "relays": self.relays, "synapses": self.synapses, "depth": self.depth}
        return f"{ports[0]} -> {ports[1]}", counted

    def _picture(self) -> str:
        return bars(np.bincount(self.levels)[1:].tolist(), f"neurons at each of {self.depth} levels, one a time step")

    @property
    def n_inputs(self) -> int:
        """Input signals, the strobe included."""
        return 1 + sum(port.width for port in self.inputs)

    @property
    def window(self) -> int:
        """Steps from one operand set to the next: 1, for nothing is kept."""
        return 1

    @property
    def relays(self) -> int:
        """Neurons that only delay."""
        return int(self.relay.sum())

    @property
    def synapses(self) -> int:
        """Synapses, those of inputs and strobe included."""
        return len(self.sources)

    @cached_property
    def depth(self) -> int:
        """Time steps from inputs to outputs."""
        return int(self.levels.max(initial=0))

    @cached_property
    def signal_levels(self) -> NDArray[np.int32]:
        """int32 [signals]: level of every signal, 0 for inputs."""
        return np.concatenate([np.zeros(self.n_inputs, np.int32), self.levels])

    @cached_property
    def delays(self) -> NDArray[np.int32]:
        """int32 [synapses]: extra steps a spike waits, level difference less one."""
        return np.asarray(self.levels[self.targets] - self.signal_levels[self.sources] - 1)

    @cached_property
    def fan_out(self) -> NDArray[np.int64]:
        """int64 [signals]: synapses that a spike of the signal reaches inside the network."""
        return np.bincount(self.sources, minlength=self.n_signals).astype(np.int64)

    @cached_property
    def strobed(self) -> int:
        """Neurons that hang on the strobe."""
        return int((self.sources == STROBE).sum())

    def save(self, path: str | Path) -> Path:
        """Writes a file that `lava_nexus.load_network` reads, of this version and of those to come."""
        return save_threshold(self, path)

    def synapses_of(self, neuron: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Sources and weights of one neuron (0-based)."""
        part = slice(int(self.offsets[neuron]), int(self.offsets[neuron + 1]))
        return self.sources[part], self.weights[part]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ports and arrays: equal digests mean the same network."""
        state = hashlib.sha256()
        for side, ports in (("in", self.inputs), ("out", self.outputs)):
            for port in ports:
                state.update(f"{side} {port.name}:{port.signals}:{port.format};".encode())
        for array in (self.offsets, self.sources, self.weights, self.thresholds, self.levels, self.relay):
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()
