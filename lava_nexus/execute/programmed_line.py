"""Gates and programmable neurons side by side, step by step, with synaptic delays and graded spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.delay_line import DelayLine
from lava_nexus.neurons.network import SynapseLists
from lava_nexus.neurons.rules import POTENTIALS
from lava_nexus.populations.programmed import GATE, Programmed

Integers = NDArray[np.int64]


class ProgrammedLine:
    """a_k(t) = sum_j weight_j * sent_source_j(t - 1 - delay_j); sends [a_k >= threshold_k], or what its program says.

    As `DelayLine`, of which it has the methods, with payloads for spikes.

    Args:
        network: synapses and thresholds.
        lanes: operand sets side by side.
        program: int64 [neurons]; which of the programs a neuron runs, `GATE` for none.
        programs: what can be run.
        counts: as its attribute; made where left out.

    Attributes:
        counts: int64 [signals], spikes of each signal so far, over all lanes.
    """

    def __init__(
        self,
        network: SynapseLists,
        lanes: int,
        program: Integers,
        programs: Sequence[Programmed],
        counts: Integers | None = None,
    ) -> None:
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

        self.n_inputs = network.n_inputs
        self.counts = np.zeros(network.n_signals, np.int64) if counts is None else counts
        wired: Any = network
        self._matrices = []
        for delay in np.unique(wired.delays).tolist():
            mine = wired.delays == delay
            entries = wired.weights[mine].astype(np.int64), (network.targets[mine], wired.sources[mine])
            self._matrices.append((delay, csr_matrix(entries, shape=(network.neurons, network.n_signals))))
        self._thresholds = network.thresholds.astype(np.int64)[:, None]
        self._gates = (program == GATE)[:, None]
        self._members = [np.flatnonzero(program == number) for number in range(len(programs))]
        self._programs = programs
        self._states = [one.neuron.start((len(mine), lanes)) for one, mine in zip(programs, self._members, strict=True)]
        longest = int(wired.delays.max(initial=0))
        self._past = [np.zeros((network.n_signals, lanes), np.int64)] * (longest + 1)
        self._now = np.zeros((network.n_signals, lanes), np.int64)
        self._step = 0

    def advance(self) -> None:
        """Begins the next time step: what every neuron sends, from spikes of earlier steps alone.

        Raises:
            NexusError: what arrives at a neuron leaves 24 bits.
        """
        if self._step:
            self._past = [self._now, *self._past[:-1]]
        arrived = np.zeros((len(self._thresholds), self._now.shape[1]), np.int64)
        for delay, matrix in self._matrices:
            arrived += matrix @ self._past[delay]
        if np.abs(arrived).max(initial=0) > POTENTIALS.potential:
            raise NexusError(f"a neuron is sent more than {POTENTIALS.potential} in size in step {self._step}")
        sent = np.where(self._gates, arrived >= self._thresholds, 0).astype(np.int64)
        for number, (one, mine) in enumerate(zip(self._programs, self._members, strict=True)):
            if not len(mine):
                continue
            if (self._step - one.phase) % one.window == 0:
                self._states[number] = one.neuron.start(self._shape(number))
            sent[mine] = one.neuron.step(self._states[number], arrived[mine])
        self._now = np.concatenate([np.zeros((self.n_inputs, sent.shape[1]), np.int64), sent])
        self.counts[self.n_inputs :] += np.count_nonzero(sent, axis=1)
        self._step += 1

    def feed(self, spikes: NDArray[Any]) -> None:
        """The inputs' payloads of this step, [lanes, n_inputs]."""
        self._now[: self.n_inputs] = spikes.T
        self.counts[: self.n_inputs] += np.count_nonzero(spikes, axis=0)

    def read(self, signals: Integers) -> NDArray[np.int32]:
        """What signals send in this step, int32 [lanes, len(signals)]."""
        return np.ascontiguousarray(self._now[signals].T.astype(np.int32))

    def _shape(self, number: int) -> tuple[int, ...]:
        return (len(self._members[number]), self._now.shape[1])


def line_of(
    network: Any, lanes: int, program: Integers, programs: Sequence[Programmed], counts: Integers | None = None
) -> DelayLine | ProgrammedLine:
    """What steps a network: gates alone, or gates and programs."""
    if not programs:
        return DelayLine(network, lanes, counts)
    return ProgrammedLine(network, lanes, program, programs, counts)
