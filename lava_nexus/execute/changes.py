"""Every neuron of a network, stepped where something changes: the spikes of `DelayLine`, for one lane.

A memoryless neuron answers what its synapses bring in a step, and nothing else. So its answer stands for as long as no
spike train that reaches it changes, and only where one begins or ends is its potential formed anew:

    potential_k(t) = potential_k(t - 1) + sum_j weight_j * (spike_j(t - 1 - delay_j) - spike_j(t - 2 - delay_j))

A cell that holds its bit for ten thousand steps costs two changes; its spikes are counted from the first to the last.
All of it is integers: no step is left out, none is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lava_nexus.chip.wired import Wired
from lava_nexus.errors import NexusError
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.neurons.compiled import kept

_LOG = 4096

Synapses: TypeAlias = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]
]
"""By source and delay: where the groups of a signal begin, synapses of a group, its delay; targets, weights."""
Queue: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int64]]
"""A ring of steps to come: changes of each, as 2 * group + fires, and how many they are."""
Trains: TypeAlias = tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]
"""Of every signal whether it fires, since when, and its spikes before."""
Neurons: TypeAlias = tuple[
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int64],
]
"""Potentials, thresholds, spikes that arrive, since when any does, active steps before; those reached in a step, and
for each the step in which it last was."""
Watch: TypeAlias = tuple[NDArray[np.int8], NDArray[np.int64]]
"""Of every signal whether its first spikes are told (1) and stop a run (2); what is told, (step, signal)."""


@dataclass(frozen=True)
class Event:
    """A watched signal begins to fire."""

    step: int
    signal: int


class ChangeLine:
    """A network whose neurons are stepped by changes.

    Attributes:
        step: the step that was computed last; -1 before the first.
    """

    def __init__(
        self, network: ThresholdNetwork | Wired, watched: NDArray[np.int64], stopping: NDArray[np.int64]
    ) -> None:
        """`watched` are signals whose first spikes are told, `stopping` those of them after whose step a run returns.

        Raises:
            NexusError: the network has no synapses.
        """
        if not len(network.sources):
            raise NexusError("network without synapses has nothing to step")
        self.network = network
        self._synapses: Synapses = _fan_out(network)
        signals, neurons, longest = network.n_signals, network.neurons, self._synapses[2]
        depth = int(longest.max(initial=0)) + 2
        room = len(longest) + 2 * int(np.diff(self._synapses[0]).max())
        self._queue: Queue = (np.zeros((depth, room), np.int32), np.zeros(depth, np.int64))
        self._losses: list[tuple[int, int]] = []
        self._trains: Trains = (np.zeros(signals, np.int8), np.zeros(signals, np.int64), np.zeros(signals, np.int64))
        self._neurons: Neurons = (
            np.zeros(neurons, np.int32),
            network.thresholds.copy(),
            np.zeros(neurons, np.int32),
            np.zeros(neurons, np.int64),
            np.zeros(neurons, np.int64),
            np.zeros(neurons, np.int32),
            np.full(neurons, -1, np.int64),
        )
        self._watch: Watch = (
            np.zeros(signals, np.int8),
            np.zeros((_LOG + len(watched) + len(stopping), 2), np.int64),
        )
        self._watch[0][watched] = 1
        self._watch[0][stopping] = 2
        self.step = -1

    def run(self, until: int, fed: NDArray[np.int64] | None = None) -> list[Event]:
        """Steps up to `until`, or to the end of the first step in which a stopping signal begins to fire.

        Args:
            until: last step.
            fed: int64 [spikes, 2], (step, input) of spikes from outside, all in steps after the last one.

        Raises:
            NexusError: an input spike in a step that is over.
        """
        given = np.zeros((0, 2), np.int64) if fed is None else np.asarray(fed, np.int64)
        given = given[np.lexsort((given[:, 1], given[:, 0]))]
        if len(given) and given[0, 0] <= self.step:
            raise NexusError(f"input spike at step {given[0, 0]} is not after step {self.step}, which is computed")
        found: list[Event] = []
        start = 0
        while self.step < until:
            self._lose()
            ahead = min([until, *(step for step, _ in self._losses)])
            state = np.array([self.step, start, 0, 0], np.int64)
            _run(state, ahead, given, self._synapses, self._queue, self._trains, self._neurons, self._watch)
            self.step, start, told, stopped = state.tolist()
            found += [Event(*row) for row in self._watch[1][:told].tolist()]
            if stopped:
                break
        if start < len(given):
            raise NexusError(f"{len(given) - start} input spikes are left where a run stopped at step {self.step}")
        return found

    @property
    def counts(self) -> NDArray[np.int64]:
        """int64 [signals]: spikes so far."""
        on, since, spikes = self._trains
        return np.asarray(spikes + np.where(on, self.step + 1 - since, 0))

    @property
    def active(self) -> NDArray[np.int64]:
        """int64 [neurons]: steps so far in which a neuron received a spike; none fires without one."""
        _, _, arriving, woken, active, _, _ = self._neurons
        return np.asarray(active + np.where(arriving > 0, self.step + 1 - woken, 0))

    def read(self, signals: NDArray[np.int64]) -> NDArray[np.int8]:
        """Spikes of the last step, in the shape of `signals`."""
        return np.asarray(self._trains[0][signals])

    def lose(self, signal: int, step: int) -> None:
        """A fault: the spike that a signal fires in a step to come, if it does, reaches nobody.

        Raises:
            NexusError: the step is over, or one is lost in it already.
        """
        if step <= self.step or step in {other for other, _ in self._losses}:
            raise NexusError(f"spike of signal {signal} cannot be lost at step {step}, which is over or has a loss")
        self._losses.append((step, signal))

    def _lose(self) -> None:
        """What was fired in the last step and is to be lost: it is told to end, and to begin again a step later."""
        for step, signal in [one for one in self._losses if one[0] == self.step]:
            self._losses.remove((step, signal))
            if self._trains[0][signal]:
                _told(self._synapses, self._queue, signal, step, 0)
                _told(self._synapses, self._queue, signal, step + 1, 1)

    def silence(self, signal: int) -> None:
        """A fault: the neuron is silent from the next step on in which anything about its synapses changes.

        Raises:
            NexusError: the signal is an input.
        """
        if signal < self.network.n_inputs:
            raise NexusError(f"signal {signal} is an input, which is silenced by not feeding it")
        self._neurons[1][signal - self.network.n_inputs] = np.iinfo(np.int32).max


def _fan_out(network: ThresholdNetwork | Wired) -> Synapses:
    sources, delays = network.sources, network.delays
    order = np.lexsort((network.targets, delays, sources))
    keys = sources[order].astype(np.int64) * (int(delays.max(initial=0)) + 1) + delays[order]
    _, first = np.unique(keys, return_index=True)
    of_group = sources[order][first]
    starts = np.searchsorted(of_group, np.arange(network.n_signals + 1)).astype(np.int64)
    synapses = np.concatenate([first, [len(order)]]).astype(np.int64)
    return (
        starts,
        synapses,
        delays[order][first].astype(np.int64),
        network.targets[order].astype(np.int32),
        network.weights[order].astype(np.int32),
    )


@njit(inline="always")
def _told(synapses: Synapses, queue: Queue, signal: int, step: int, fires: int) -> None:
    """A signal's change, for the steps in which its synapses bring it."""
    groups, _, delays, _, _ = synapses
    ring, held = queue
    for group in range(groups[signal], groups[signal + 1]):
        later = (step + 1 + delays[group]) % ring.shape[0]
        ring[later, held[later]] = 2 * group + fires
        held[later] += 1


@njit(inline="always")
def _brought(step: int, synapses: Synapses, queue: Queue, neurons: Neurons) -> int:
    """What changes at synapses in a step; how many neurons it reaches, which are then in `touched`."""
    _, members, _, targets, weights = synapses
    ring, held = queue
    potential, _, arriving, woken, active, touched, marked = neurons
    slot, count = step % ring.shape[0], 0
    for i in range(held[slot]):
        code = ring[slot, i]
        group = code >> 1
        sign = 2 * (code & 1) - 1
        for j in range(members[group], members[group + 1]):
            target = targets[j]
            before = arriving[target]
            arriving[target] = before + sign
            if before == 0:
                woken[target] = step
            elif before + sign == 0:
                active[target] += step - woken[target]
            potential[target] += sign * weights[j]
            if marked[target] != step:
                marked[target] = step
                touched[count] = target
                count += 1
    held[slot] = 0
    return count


@njit(inline="always")
def _from_outside(
    step: int, start: int, given: NDArray[np.int64], synapses: Synapses, queue: Queue, trains: Trains, n_inputs: int
) -> int:
    """Inputs that begin or cease to fire; the number of the first spike that is left."""
    on, since, spikes = trains
    first = start
    while start < given.shape[0] and given[start, 0] == step:
        signal = given[start, 1]
        start += 1
        if not on[signal]:
            on[signal] = 1
            since[signal] = step
            _told(synapses, queue, signal, step, 1)
    for signal in range(n_inputs):
        if on[signal] and since[signal] < step:
            again = 0
            for i in range(first, start):
                if given[i, 1] == signal:
                    again = 1
            if not again:
                on[signal] = 0
                spikes[signal] += step - since[signal]
                _told(synapses, queue, signal, step, 0)
    return start


def _step_changes(
    state: NDArray[np.int64],
    until: int,
    given: NDArray[np.int64],
    synapses: Synapses,
    queue: Queue,
    trains: Trains,
    neurons: Neurons,
    watch: Watch,
) -> None:
    """`state` is (last step, first spike from outside that is left, watched spikes, whether one of them stops)."""
    on, since, spikes = trains
    potential, thresholds, _, _, _, touched, _ = neurons
    watched, log = watch
    n_inputs = on.shape[0] - potential.shape[0]
    step, start, told, stopped = state[0], state[1], 0, 0
    while step < until and not stopped and told < _LOG:
        step += 1
        for i in range(_brought(step, synapses, queue, neurons)):
            k = touched[i]
            signal = n_inputs + k
            fires = 1 if potential[k] >= thresholds[k] else 0
            if fires == on[signal]:
                continue
            on[signal] = fires
            if fires:
                since[signal] = step
                if watched[signal]:
                    log[told, 0], log[told, 1] = step, signal
                    told += 1
                    stopped |= watched[signal] == 2
            else:
                spikes[signal] += step - since[signal]
            _told(synapses, queue, signal, step, fires)
        start = _from_outside(step, start, given, synapses, queue, trains, n_inputs)
    state[0], state[1], state[2], state[3] = step, start, told, int(stopped)


_run = kept(_step_changes)
