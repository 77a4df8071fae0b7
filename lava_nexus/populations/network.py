"""Populations of integrate-and-fire neurons: the wider class, of which `ThresholdNetwork` is the checked subclass.

population p, step t:  v(t) = decay(v_after(t - 1)) + sum over projections of shift(W s_source(t - 1 - delay))
                       spike where v(t) >= threshold;  what is sent: 1 (`bit`), v (`graded`), or v of either sign
                       (`signed`: spike where |v| >= threshold);  v_after by the reset of the neuron model.

shift(a) = floor(a / 2^shift), taken of the accumulated sum of one projection: a weight exponent below zero. Time runs
in windows of `window` steps: operands are loaded in the first one, integrated on the way, and read `depth` steps later,
where depth is the highest level; membranes are cleared at a window's end. Edges may be recurrent; a network whose
projections all go up by one level plus their delay, and whose neurons are memoryless, is a `wave`: every population is
met by one set in one step alone. Signals are numbered: the inputs (0 is the strobe) in order, then the neurons.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons.model import MEMORYLESS, NeuronModel
from lava_nexus.neurons.rules import LOIHI2, POTENTIALS, HardwareRules
from lava_nexus.populations.stateful import Range, StatefulNeuron, ranges
from lava_nexus.shown import Shown

Payload = Literal["bit", "graded", "signed"]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Population:
    """Neurons of one model, or inputs.

    Attributes:
        name: unique in the network.
        size: neurons.
        payload: what a spike carries.
        level: steps after the inputs at which a wave meets it; 0 for inputs.
        threshold: least potential that spikes, at least 1, so that a silent wave stays silent.
        model: decay and reset; a potential keeps trunc(beta * v), a soft reset takes off what was sent (`bit`: the
            threshold).
        most: largest payload of a spike; the rest stays with a soft reset. Of an input: its largest value.
        neuron: the equation of a programmable neuron, in place of threshold, model and reset.
    """

    name: str
    size: int
    payload: Payload
    level: int = 0
    threshold: int = 1
    model: NeuronModel = MEMORYLESS
    most: int | None = None
    neuron: StatefulNeuron | None = field(default=None, repr=False)

    @property
    def memoryless(self) -> bool:
        """Whether nothing of one step can reach the next."""
        return self.model.memoryless if self.neuron is None else not self.neuron.states


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population to another.

    Attributes:
        source, target: numbers of populations.
        rows, columns: int64 [synapses]; neuron of the target, of the source.
        weights: int64 [synapses], none zero.
        shift: bits by which the accumulated sum is shifted right.
        delay: extra steps that a spike waits.
    """

    source: int
    target: int
    rows: Integers
    columns: Integers
    weights: Integers
    shift: int = 0
    delay: int = 0

    @cached_property
    def digits(self) -> list[tuple[int, NDArray[np.bool_], Integers]]:
        """(exponent, which synapses, magnitudes up to 255): how weights beyond 8 bits become several synapses."""
        found: dict[int, tuple[NDArray[np.bool_], Integers]] = {}
        for value in np.unique(np.abs(self.weights)):
            here = np.abs(self.weights) == value
            for exponent, digit in weight_digits(int(value)):
                mask, sizes = found.setdefault(
                    exponent, (np.zeros(len(self.weights), np.bool_), np.zeros(len(self.weights), np.int64))
                )
                mask[here] = True
                sizes[here] = digit
        return [(exponent, mask, sizes) for exponent, (mask, sizes) in sorted(found.items())]


def weight_digits(magnitude: int) -> list[tuple[int, int]]:
    """(exponent, digit of 8 bits) whose sum of digit * 2^exponent is the magnitude, one where that is enough."""
    found: list[tuple[int, int]] = []
    while magnitude:
        zeros = (magnitude & -magnitude).bit_length() - 1
        length = magnitude.bit_length()
        if length - zeros <= 8:
            lowest = max(0, length - 8)
            exponent = next((e for step in (8, 4) for e in range(0, zeros + 1, step) if e >= lowest), zeros)
            return [*found, (exponent, magnitude >> exponent)]
        exponent = zeros // 8 * 8
        digit = (magnitude >> exponent) & 255
        found.append((exponent, digit))
        magnitude -= digit << exponent
    return found


@dataclass(frozen=True)
class Readout:
    """A named result: the signals of a population, less those of another where values have a sign.

    Attributes:
        name: unique among the outputs.
        population: number of the population.
        negative: number of the population to be subtracted, or None.
    """

    name: str
    population: int
    negative: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class PopulationNetwork(Shown):
    """Inputs, populations and projections; see the module.

    Attributes:
        populations: the inputs, strobe first, then the neurons.
        n_sources: how many of them are inputs.
        projections: synapses.
        outputs: what is read at level `depth`.
        window: steps between two operand sets.
    """

    populations: tuple[Population, ...]
    n_sources: int
    projections: tuple[Projection, ...]
    outputs: tuple[Readout, ...]
    window: int = 1

    def _facts(self) -> tuple[str, dict[str, Any]]:
        sizes = {"populations": len(self.populations) - self.n_sources, "neurons": self.neurons}
        return f"of {len(self.inputs)} inputs", {**sizes, "synapses": self.synapses, "depth": self.depth}

    @property
    def inputs(self) -> tuple[Population, ...]:
        """Inputs, the strobe first."""
        return self.populations[: self.n_sources]

    @cached_property
    def offsets(self) -> Integers:
        """int64 [populations + 1]: first signal of each population."""
        return np.concatenate([[0], np.cumsum([p.size for p in self.populations])]).astype(np.int64)

    def signals(self, population: int) -> slice:
        """Signals of a population."""
        return slice(int(self.offsets[population]), int(self.offsets[population + 1]))

    @property
    def n_inputs(self) -> int:
        """Input signals, the strobe included."""
        return int(self.offsets[self.n_sources])

    @property
    def n_signals(self) -> int:
        """Inputs and neurons."""
        return int(self.offsets[-1])

    @property
    def neurons(self) -> int:
        """Neurons, those that only pass a value on included."""
        return self.n_signals - self.n_inputs

    @cached_property
    def depth(self) -> int:
        """Time steps from inputs to outputs."""
        return max((p.level for p in self.populations), default=0)

    @cached_property
    def fan_out(self) -> Integers:
        """int64 [signals]: synapses of 8 bits that a spike of the signal reaches."""
        found = np.zeros(self.n_signals, np.int64)
        for p in self.projections:
            for _, mask, _ in p.digits:
                np.add.at(found, self.offsets[p.source] + p.columns[mask], 1)
        return found

    @property
    def synapses(self) -> int:
        """Synapses of 8 bits, those of inputs and strobe included."""
        return int(self.fan_out.sum())

    @cached_property
    def wave(self) -> bool:
        """Whether each set meets every population in one step alone, so that sets cannot mix."""
        level = [p.level for p in self.populations]
        balanced = all(level[p.target] == level[p.source] + 1 + p.delay for p in self.projections)
        return balanced and all(p.memoryless for p in self.populations[self.n_sources :])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything: equal digests mean the same network."""
        state = hashlib.sha256(repr((self.populations, self.n_sources, self.outputs, self.window)).encode())
        programmable = [(i, p.neuron) for i, p in enumerate(self.populations) if p.neuron is not None]
        state.update(repr(programmable).encode() if programmable else b"")
        for p in self.projections:
            state.update(repr((p.source, p.target, p.shift, p.delay)).encode())
            for array in (p.rows, p.columns, p.weights):
                state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()


def check_populations(network: PopulationNetwork, rules: HardwareRules = LOIHI2) -> None:
    """Raises NexusError with the first broken rule; potentials are checked when they occur."""
    if network.window < 1:
        raise NexusError(f"window of {network.window} steps is below 1")
    for p in network.populations[network.n_sources :]:
        if p.threshold < 1:
            raise NexusError(f"population '{p.name}': threshold {p.threshold} is below 1")
    for q in network.projections:
        where = f"projection '{network.populations[q.source].name}' to '{network.populations[q.target].name}'"
        if not 0 <= q.delay <= rules.max_delay:
            raise NexusError(f"{where}: delay {q.delay} is outside 0..{rules.max_delay}")
        if q.target < network.n_sources:
            raise NexusError(f"{where}: an input has no synapses")
        if q.shift and ((q.weights > 0).any() == (q.weights < 0).any() or np.abs(q.weights).max() > 255):
            raise NexusError(f"{where}: weights of a shifted sum must have one sign and 8 bits")
        fan_in = int(np.bincount(q.rows).max(initial=0))
        if fan_in > rules.max_fan_in:
            raise NexusError(f"{where}: fan-in {fan_in} is above {rules.max_fan_in}")
    if any(p.neuron is not None for p in network.populations):
        payload_ranges(network)


def payload_ranges(network: PopulationNetwork) -> list[Range]:
    """Between which numbers the payloads of each population lie, whatever the inputs.

    Of a neuron without an equation of its own what arrives in one step at most; recurrent edges may bring anything.

    Raises:
        NexusError: what arrives can leave 24 bits, or a programmable neuron's state or payload its own.
    """
    found: list[Range] = []
    into: dict[int, list[Projection]] = {}
    for q in network.projections:
        into.setdefault(q.target, []).append(q)
    anything = (-POTENTIALS.potential, POTENTIALS.potential)
    for number, p in enumerate(network.populations):
        if number < network.n_sources:
            most = POTENTIALS.potential if p.most is None else p.most
            found.append((0, 1) if p.payload == "bit" else (-most if p.payload == "signed" else 0, most))
            continue
        sources = [found[q.source] if q.source < number else anything for q in into.get(number, [])]
        arrives = _arrives(p, into.get(number, []), sources)
        if p.neuron is None:
            found.append((0, 1) if p.payload == "bit" else arrives)
            continue
        if max(map(abs, arrives)) > POTENTIALS.potential:
            raise NexusError(
                f"population '{p.name}': {max(arrives, key=abs)} can arrive in a step, "
                f"beyond {POTENTIALS.potential} in size"
            )
        try:
            found.append(ranges(p.neuron, arrives)[p.neuron.sends])
        except NexusError as error:
            raise NexusError(f"population '{p.name}': {error}") from None
    return found


def _arrives(population: Population, projections: list[Projection], sources: list[Range]) -> Range:
    """The least and the most that one step can bring to a neuron of a population, all delays together."""
    low, high = np.zeros(population.size), np.zeros(population.size)
    for q, (least, most) in zip(projections, sources, strict=True):
        up, down = np.maximum(q.weights, 0).astype(np.float64), np.minimum(q.weights, 0).astype(np.float64)
        high += np.bincount(q.rows, up * most + down * least, population.size) / (1 << q.shift)
        low += np.bincount(q.rows, up * least + down * most, population.size) / (1 << q.shift)
    return int(np.floor(low.min(initial=0))), int(np.ceil(high.max(initial=0)))
