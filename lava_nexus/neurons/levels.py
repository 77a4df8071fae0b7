"""Levels, delays and relays: a wave per time step needs all inputs of a neuron to arrive together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.formats import NumberFormat
from lava_nexus.neurons.network import STROBE, Port, ThresholdNetwork

_Gate = tuple[tuple[tuple[int, int], ...], int]
_Output = tuple[str, tuple[int, ...], NumberFormat | None]


def balance(
    inputs: tuple[Port, ...], n_inputs: int, gates: Sequence[_Gate], outputs: Sequence[_Output], max_delay: int
) -> ThresholdNetwork:
    """Drops dead gates, sets levels, puts every output bit on a neuron at level `depth`, and adds relays.

    A gate stands at its earliest level, an output gate that nothing else reads at the last. A source that is more
    than max_delay + 1 levels above its reader goes through a chain of relays that all such readers share.

    Raises:
        NexusError: max_delay is negative.
    """
    if max_delay < 0:
        raise NexusError(f"largest delay {max_delay} is below 0")
    live = _live(n_inputs, gates, outputs)
    inner = {source for k in live for source, _ in gates[k][0]}
    earliest = [0] * (n_inputs + len(gates))
    for k in live:
        earliest[n_inputs + k] = 1 + max(earliest[source] for source, _ in gates[k][0])
    wanted = [signal for _, signals, _ in outputs for signal in signals]
    exits = {s for s in wanted if s >= n_inputs and s not in inner}
    depth = max([1, *(earliest[s] + (s not in exits) for s in wanted if s >= 0)])
    level = {n_inputs + k: depth if n_inputs + k in exits else earliest[n_inputs + k] for k in live}

    plan = _Plan(n_inputs, max_delay)
    for k in sorted(live, key=lambda k: (level[n_inputs + k], k)):
        terms, threshold = gates[k]
        at = level[n_inputs + k]
        plan.add(n_inputs + k, [(plan.reach(s, at), w) for s, w in terms], threshold, at)
    ports = tuple(Port(name, tuple(plan.exit(s, depth) for s in signals), fmt) for name, signals, fmt in outputs)
    return plan.network(inputs, ports)


def _live(n_inputs: int, gates: Sequence[_Gate], outputs: Sequence[_Output]) -> list[int]:
    """Gates that an output depends on, in order."""
    needed = bytearray(len(gates))
    for _, signals, _ in outputs:
        for signal in signals:
            if signal >= n_inputs:
                needed[signal - n_inputs] = 1
    for k in range(len(gates) - 1, -1, -1):
        if needed[k]:
            for source, _ in gates[k][0]:
                if source >= n_inputs:
                    needed[source - n_inputs] = 1
    return [k for k in range(len(gates)) if needed[k]]


class _Plan:
    """Neurons as they are placed, with the relays that reach from one level to a much later one."""

    def __init__(self, n_inputs: int, max_delay: int) -> None:
        self.n_inputs = n_inputs
        self.reach_levels = max_delay + 1
        self.placed: dict[int, int] = {signal: signal for signal in range(n_inputs)}
        self.level: list[int] = [0] * n_inputs
        self.terms: list[list[tuple[int, int]]] = []
        self.thresholds: list[int] = []
        self.relay: list[bool] = []
        self.chains: dict[int, list[int]] = {}
        self.exits: dict[int, int] = {}

    def _append(self, terms: list[tuple[int, int]], threshold: int, level: int, relay: bool) -> int:
        self.terms.append(terms)
        self.thresholds.append(threshold)
        self.level.append(level)
        self.relay.append(relay)
        return self.n_inputs + len(self.terms) - 1

    def add(self, signal: int, terms: list[tuple[int, int]], threshold: int, level: int) -> None:
        self.placed[signal] = self._append(terms, threshold, level, relay=False)

    def reach(self, signal: int, level: int) -> int:
        """The signal, or the last of its relays that a synapse to a neuron at `level` can start from."""
        source = self.placed[signal]
        chain = self.chains.setdefault(source, [source])
        steps = (level - self.level[source] - 1) // self.reach_levels
        while len(chain) <= steps:
            last = chain[-1]
            chain.append(self._append([(last, 1)], 1, self.level[last] + self.reach_levels, relay=True))
        return chain[steps]

    def exit(self, signal: int, depth: int) -> int:
        """The neuron at the last level that carries the signal; a silent one for a constant 0."""
        if signal not in self.exits:
            self.exits[signal] = self._exit(signal, depth)
        return self.exits[signal]

    def _exit(self, signal: int, depth: int) -> int:
        if signal < 0:
            return self._append([], 1, depth, relay=False)
        source = self.placed[signal]
        if source >= self.n_inputs and self.level[source] == depth:
            return source
        return self._append([(self.reach(signal, depth), 1)], 1, depth, relay=signal != STROBE)

    def network(self, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> ThresholdNetwork:
        sizes = [len(terms) for terms in self.terms]
        flat = [term for terms in self.terms for term in terms]
        return ThresholdNetwork(
            inputs=inputs,
            outputs=outputs,
            offsets=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64),
            sources=np.array([source for source, _ in flat], dtype=np.int32),
            weights=np.array([weight for _, weight in flat], dtype=np.int32),
            thresholds=np.array(self.thresholds, dtype=np.int32),
            levels=np.array(self.level[self.n_inputs :], dtype=np.int32),
            relay=np.array(self.relay, dtype=np.bool_),
            max_delay=self.reach_levels - 1,
        )
