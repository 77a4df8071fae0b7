"""The vectorised CPU executor of population networks: every neuron's potential, all sets at once or step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons.rules import POTENTIALS
from lava_nexus.populations.network import Population, PopulationNetwork, Projection

Integers = NDArray[np.int64]

_CHUNK_VALUES = 1 << 21


@dataclass
class PopulationResult:
    """What a run of a population network gave.

    Attributes:
        outputs: int64 [sets, size] by name.
        signal_spikes: int64 [signals], spikes of each signal.
        active: neuron updates in which a neuron received a spike or fired.
        trains: int64 [sets, signals], what each signal sent for each set, or None where not kept.
    """

    outputs: dict[str, Integers]
    signal_spikes: Integers
    active: int
    trains: Integers | None = None


class Synapses:
    """A network's projections as sparse matrices, made once."""

    def __init__(self, network: PopulationNetwork) -> None:
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

        self.network = network
        self._matrices: list[Any] = []
        self._reached: list[Any] = []
        for p in network.projections:
            shape = (network.populations[p.target].size, network.populations[p.source].size)
            self._matrices.append(csr_matrix((p.weights, (p.rows, p.columns)), shape=shape))
            self._reached.append(csr_matrix((np.ones(len(p.rows), np.int32), (p.rows, p.columns)), shape=shape))
        self.into: list[list[int]] = [[] for _ in network.populations]
        for i, p in enumerate(network.projections):
            self.into[p.target].append(i)

    def drive(self, projection: int, spikes: Integers) -> Integers:
        """What a projection gives to its target, [target size, sets], for spikes [source size, sets]."""
        p = self.network.projections[projection]
        summed: Integers = self._matrices[projection] @ spikes
        if not p.shift:
            return summed
        _check(self.network.populations[p.target], summed, POTENTIALS.potential, "sum before its shift")
        return summed >> p.shift

    def reaches(self, projection: int, fired: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which targets received a spike."""
        found: NDArray[np.bool_] = (self._reached[projection] @ fired.astype(np.int32)) > 0
        return found


def run_populations(network: PopulationNetwork, feeds: Mapping[str, Integers], keep: bool = False) -> PopulationResult:
    """Runs a network on int64 [sets, size] a named input (the strobe is added), all sets side by side.

    A network that is no wave runs in windows, one a set: load, integrate, read at `depth`, reset.

    Raises:
        NexusError: an input is missing or has another size, a potential leaves its range, or windows of a network that
            is no wave are too short to read.
    """
    if not network.wave and (keep or network.window <= network.depth):
        raise NexusError("spikes of a network with memory or recurrent edges are of steps, not sets: step it instead")
    sets = check_feeds(network, feeds)
    synapses = synapses_of(network)
    step = max(1, _CHUNK_VALUES // network.n_signals)
    chunks = [{name: feed[i : i + step] for name, feed in feeds.items()} for i in range(0, max(sets, 1), step)]
    parts = [_wave(synapses, chunk, keep) if network.wave else _window(synapses, chunk) for chunk in chunks]
    return PopulationResult(
        {name: np.concatenate([p.outputs[name] for p in parts]) for name in parts[0].outputs},
        np.sum([p.signal_spikes for p in parts], axis=0),
        sum(p.active for p in parts),
        np.concatenate([p.trains for p in parts if p.trains is not None]) if keep else None,
    )


@lru_cache(maxsize=64)
def synapses_of(network: PopulationNetwork) -> Synapses:
    """The matrices of a network, kept for the networks used last."""
    return Synapses(network)


def check_feeds(network: PopulationNetwork, feeds: Mapping[str, Integers]) -> int:
    """Number of sets; raises NexusError where an input is missing or has another size."""
    sets = {len(feed) for feed in feeds.values()}
    if len(sets) != 1:
        raise NexusError(f"inputs of a population network hold {sorted(sets)} sets, which differ or are none")
    for port in network.inputs[1:]:
        if port.name not in feeds:
            raise NexusError(f"population network misses its input '{port.name}'")
        if feeds[port.name].shape[1:] != (port.size,):
            raise NexusError(
                f"input '{port.name}' of a population network has {feeds[port.name].shape[1:]} values a set, "
                f"not {(port.size,)}"
            )
        _check(port, feeds[port.name], POTENTIALS.potential, "value")
    return sets.pop()


def _window(synapses: Synapses, feeds: Mapping[str, Integers]) -> PopulationResult:
    network = synapses.network
    sets = len(next(iter(feeds.values())))
    load = np.concatenate([np.ones((sets, 1), np.int64), *(feeds[p.name] for p in network.inputs[1:])], axis=1)
    stepper = PopulationStepper(network, sets, count_active=True)
    stepper.step(load)
    for _ in range(network.depth):
        sent = stepper.step(np.zeros_like(load))
    values = [sent.T[network.signals(i)] for i in range(len(network.populations))]
    return PopulationResult(read_out(network, values), stepper.counts, stepper.active)


def _wave(synapses: Synapses, feeds: Mapping[str, Integers], keep: bool) -> PopulationResult:
    network = synapses.network
    sets = len(next(iter(feeds.values())))
    values = [np.ones((1, sets), np.int64)]
    values += [np.ascontiguousarray(feeds[port.name].T, np.int64) for port in network.inputs[1:]]
    active = 0
    for number in range(network.n_sources, len(network.populations)):
        population = network.populations[number]
        potential = np.zeros((population.size, sets), np.int64)
        received = np.zeros((population.size, sets), np.bool_)
        for i in synapses.into[number]:
            source = values[network.projections[i].source]
            potential += synapses.drive(i, source)
            received |= synapses.reaches(i, source != 0)
        if population.neuron is None:
            _check(population, potential, POTENTIALS.of(population.payload))
            sent = _sent(population, potential)
        else:
            _check(population, potential, POTENTIALS.potential, "sum of what arrives")
            sent = population.neuron.step({}, potential)
        active += int((received | (sent != 0)).sum())
        values.append(sent)
    spikes = np.concatenate([np.count_nonzero(v, axis=1) for v in values]).astype(np.int64)
    trains = np.concatenate(values).T if keep else None
    return PopulationResult(read_out(network, values), spikes, active, trains)


def read_out(network: PopulationNetwork, values: list[Integers]) -> dict[str, Integers]:
    """The outputs [sets, size] of what every population sent, [size, sets]."""
    return {
        o.name: (values[o.population] - (0 if o.negative is None else values[o.negative])).T for o in network.outputs
    }


def _sent(population: Population, potential: Integers) -> Integers:
    size = np.abs(potential) if population.payload == "signed" else potential
    fired = size >= population.threshold
    if population.payload == "bit":
        return fired.astype(np.int64)
    sent = np.where(fired, potential, 0)
    return sent if population.most is None else np.clip(sent, -population.most, population.most)


def _check(population: Population, values: Integers, limit: int, what: str = "potential") -> None:
    if not values.size:
        return
    for worst in (int(values.max()), int(values.min())):
        if abs(worst) > limit:
            raise NexusError(f"population '{population.name}': {what} {worst} is beyond {limit} in size")


class PopulationStepper:
    """Any population network, step by step, `lanes` sets side by side.

    Attributes:
        counts: int64 [signals], spikes of each signal so far.
        active: neuron updates in which a neuron received a spike or fired, if they are counted.
    """

    def __init__(self, network: PopulationNetwork, lanes: int = 1, count_active: bool = False) -> None:
        self.network = network
        self.counts = np.zeros(network.n_signals, np.int64)
        self._synapses = synapses_of(network)
        self._count_active = count_active
        self.active = 0
        reach = 1 + max((p.delay for p in network.projections), default=0)
        self._past = [[np.zeros((p.size, lanes), np.int64)] * (reach + 1) for p in network.populations]
        self._now: list[Integers] = []
        self._v = [np.zeros((p.size, lanes), np.int64) for p in network.populations]
        self._lanes = lanes
        self._states = self._started()

    def step(self, inputs: Integers) -> Integers:
        """One time step: what every signal sends, [lanes, signals]; inputs are [lanes, input signals], strobe first."""
        self.advance()
        return self.feed(inputs)

    def advance(self) -> list[Integers]:
        """Begins a time step: what every population sends, [size, lanes], from spikes of earlier steps alone."""
        network = self.network
        numbers = range(network.n_sources, len(network.populations))
        self._now = [self._advance(number) for number in numbers]
        return self._now

    def feed(self, inputs: Integers) -> Integers:
        """Ends a time step with the inputs' values; what every signal sends, [lanes, signals]."""
        now = [inputs.T[self.network.signals(i)] for i in range(self.network.n_sources)] + self._now
        for past, values in zip(self._past, now, strict=True):
            past.insert(0, values)
            past.pop()
        sent = np.concatenate(now)
        self.counts += np.count_nonzero(sent, axis=1)
        return np.asarray(sent.T)

    def clear(self, kept: str = "") -> None:
        """The end of a window: every membrane is cleared but those of the population `kept`; no spike is on its way."""
        for v, past in zip(self._v, self._past, strict=True):
            v[:] = 0
            past[:] = [np.zeros_like(v)] * len(past)
        numbers = {i: self._states[i] for i, p in enumerate(self.network.populations) if kept and p.name == kept}
        self._states = self._started() | numbers

    def _started(self) -> dict[int, dict[str, Integers]]:
        """The states of programmable neurons when a window begins, by population."""
        numbered = enumerate(self.network.populations)
        return {i: p.neuron.start((p.size, self._lanes)) for i, p in numbered if p.neuron is not None}

    def _advance(self, number: int) -> Integers:
        population, model = self.network.populations[number], self.network.populations[number].model
        v = self._v[number]
        if model.memoryless or population.neuron is not None:
            v[:] = 0
        elif model.beta != 1.0:
            v[:] = np.trunc(model.beta * v).astype(np.int64)
        received = np.zeros(v.shape, np.bool_)
        for i in self._synapses.into[number]:
            projection: Projection = self.network.projections[i]
            spikes = self._past[projection.source][projection.delay]
            v += self._synapses.drive(i, spikes)
            if self._count_active:
                received |= self._synapses.reaches(i, spikes != 0)
        if population.neuron is None:
            _check(population, v, POTENTIALS.of(population.payload))
            sent = _sent(population, v)
        else:
            _check(population, v, POTENTIALS.potential, "sum of what arrives")
            sent = population.neuron.step(self._states[number], v)
        self.active += int((received | (sent != 0)).sum()) if self._count_active else 0
        if model.reset == "full" or population.neuron is not None:
            v[:] = 0
        elif model.reset == "hard":
            v[sent != 0] = 0
        else:
            v -= sent * population.threshold if population.payload == "bit" else sent
        return sent
