"""Builds threshold networks: structural hashing, constant folding, dead-neuron removal, balanced levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd
from typing import NewType, TypeAlias

from lava_nexus.errors import NexusError
from lava_nexus.formats import NumberFormat
from lava_nexus.neurons.levels import balance
from lava_nexus.neurons.network import STROBE, Port, ThresholdNetwork
from lava_nexus.neurons.rules import LOIHI2

Signal = NewType("Signal", int)
"""The number of an input bit or a neuron; an int by itself is none."""

Term: TypeAlias = tuple[Signal, int]
Gate: TypeAlias = tuple[tuple[Term, ...], int]

FALSE = Signal(-1)
TRUE = Signal(STROBE)


class Builder:
    """Collects gates [sum w_i * s_i >= T]; signals are plain ints, FALSE and TRUE among them.

    Attributes:
        gates: (terms, threshold) of gate k, whose signal is n_inputs + k; inputs are declared before the first gate.
    """

    def __init__(self) -> None:
        self.gates: list[Gate] = []
        self._inputs: list[Port] = []
        self._n_inputs = 1
        self._known: dict[Gate, Signal] = {}

    def input(self, name: str, fmt: NumberFormat | None = None, width: int = 0) -> list[Signal]:
        """Declares an input port of a format, or of `width` plain bits; returns its signals, LSB first."""
        if self.gates:
            raise NexusError(f"input '{name}' must be declared before the first gate")
        bits = fmt.bits if fmt is not None else width
        signals = tuple(Signal(s) for s in range(self._n_inputs, self._n_inputs + bits))
        self._inputs.append(Port(name, signals, fmt))
        self._n_inputs += bits
        return list(reversed(signals))

    def gate(self, terms: Iterable[Term], threshold: int) -> Signal:
        """The signal [sum weight * signal >= threshold], folded where it is constant, an input of its own or known."""
        merged: dict[Signal, int] = {}
        for signal, weight in terms:
            if signal == TRUE:
                threshold -= weight
            elif signal != FALSE:
                merged[signal] = merged.get(signal, 0) + weight
        merged = {signal: weight for signal, weight in merged.items() if weight}
        most = sum(weight for weight in merged.values() if weight > 0)
        least = sum(weight for weight in merged.values() if weight < 0)
        if most < threshold:
            return FALSE
        if least >= threshold:
            return TRUE
        merged, threshold = _reduced(merged, threshold)
        if threshold == 1 and len(merged) == 1:
            return next(iter(merged))  # one input, weight 1: the signal itself
        if threshold < 1:
            merged |= self._strobe(1 - threshold)
            threshold = 1
        return self._gate((tuple(sorted(merged.items())), threshold))

    def _strobe(self, weight: int) -> dict[Signal, int]:
        """Strobe synapses of a total weight; what one cannot hold comes over neurons that echo the strobe."""
        most = LOIHI2.weight_max
        terms: dict[Signal, int] = {}
        source = TRUE
        while weight > most:
            terms[source] = most
            weight -= most
            source = self._gate((((source, 1),), 1))
        return terms | {source: weight}

    def _gate(self, key: Gate) -> Signal:
        if key not in self._known:
            self._known[key] = Signal(self._n_inputs + len(self.gates))
            self.gates.append(key)
        return self._known[key]

    def finish(
        self, outputs: Sequence[tuple[str, Sequence[Signal], NumberFormat | None]], max_delay: int = LOIHI2.max_delay
    ) -> ThresholdNetwork:
        """The network that computes the outputs, given as (name, signals LSB first, format).

        Gates that no output needs are dropped; levels are balanced with delays up to `max_delay` and relays beyond.
        """
        ports = [(name, tuple(reversed(signals)), fmt) for name, signals, fmt in outputs]
        return balance(tuple(self._inputs), self._n_inputs, self.gates, ports, max_delay)


def _reduced(terms: dict[Signal, int], threshold: int) -> tuple[dict[Signal, int], int]:
    """The same gate in smaller integers: weights divided by their common divisor, then capped at the threshold."""
    common = gcd(*terms.values())
    terms = {signal: weight // common for signal, weight in terms.items()}
    threshold = -(-threshold // common)
    if all(weight > 0 for weight in terms.values()) and threshold > 0:
        capped = {signal: min(weight, threshold) for signal, weight in terms.items()}
        if capped != terms:
            return _reduced(capped, threshold)
    return terms, threshold
