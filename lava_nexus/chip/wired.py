"""Neurons of a whole machine in flat arrays, recurrent edges among them, with the pieces that lie on one core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import Port
from lava_nexus.neurons.network import SynapseLists
from lava_nexus.populations.programmed import Programmed


@dataclass(frozen=True, eq=False, kw_only=True)
class Wired(SynapseLists):
    """Neurons numbered as in a network, the host's lines first.

    Attributes:
        n_lines: inputs; line 0 starts the sequencer.
        offsets, sources, weights, delays, thresholds: as a `Subnetwork` has them.
        rates: float64 [signals]; spikes a step to expect, half of the bits taken as set and every instance busy.
        expected: float64 [signals]; spikes of a token to expect.
        piece: int64 [neurons]; which piece a neuron belongs to.
        pieces: (name, kind) of what must lie on one core.
        outputs: ports that leave.
        program: int64 [neurons]; number in `programs` of what a neuron runs, `GATE` for [sum >= threshold].
        programs: of the neurons of native layers.
    """

    n_lines: int
    offsets: NDArray[np.int64]
    sources: NDArray[np.int32]
    weights: NDArray[np.int32]
    delays: NDArray[np.int32]
    thresholds: NDArray[np.int32]
    rates: NDArray[np.float64]
    expected: NDArray[np.float64]
    piece: NDArray[np.int64]
    pieces: tuple[tuple[str, str], ...]
    outputs: tuple[Port, ...]
    program: NDArray[np.int64]
    programs: tuple[Programmed, ...]

    @property
    def n_inputs(self) -> int:
        """Lines from the host."""
        return self.n_lines

    @property
    def synapses(self) -> int:
        """Synapses, those of the host's lines included."""
        return len(self.sources)
