"""Runs a decoder that runs by itself: the host sends a prompt's tokens and a start spike, then only listens.

Sequences follow one another on the same neurons, which nothing resets. Neurons are stepped where something changes
(`ChangeLine`), or every one in every step (`DelayLine`), or core by core in Lava: the spikes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.autonomous.front import rails
from lava_nexus.chip.autonomous.network import AutonomousNetwork
from lava_nexus.chip.autonomous.neurons import PARTS
from lava_nexus.errors import NexusError
from lava_nexus.execute.changes import ChangeLine
from lava_nexus.execute.delay_line import DelayLine
from lava_nexus.neurons import Port
from lava_nexus.shown import Shown

Stepping = Literal["changes", "steps"]
SPACING = 3
"""Steps between two tokens of a prompt."""

SETTLING = 12
"""Steps behind `done` after which nothing that control lost is still to be told."""

END, FULL, NOT_A_NUMBER = "an end token", "the last position", "a logit that is NaN"
"""Why a sequence ended."""


@dataclass(frozen=True)
class Entered:
    """A phase begins, or is skipped."""

    step: int
    phase: int
    skipped: bool


@dataclass(frozen=True, kw_only=True, repr=False)
class AutonomousRun(Shown):
    """One sequence.

    Attributes:
        prompt, tokens: ids that the host put, and that the network gave.
        stop: why it ended.
        predicted: steps from the start spike to `done` that the network's structure says.
        taken: steps that it took.
        at: step of each token that was given, behind the start spike.
        entered: when which phase began, behind the start spike.
        spikes, synops, active: of the sequence by part; active are updates of neurons that received a spike.
        sent: spikes of each of the host's lines by port; `received` of those that leave.
        caches: patterns [..., positions, channels] of the words taken, by name.
        counts: int64 [signals]; spikes of every signal in the sequence.
    """

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    stop: str
    predicted: int
    taken: int
    at: tuple[int, ...]
    entered: tuple[Entered, ...]
    spikes: Mapping[str, int]
    synops: Mapping[str, int]
    active: Mapping[str, int]
    sent: Mapping[str, int]
    received: Mapping[str, int]
    caches: Mapping[str, NDArray[np.uint64]]
    counts: NDArray[np.int64]

    @property
    def passed(self) -> int:
        """Tokens that went through the layers."""
        return len(self.prompt) + len(self.tokens) - (self.stop != NOT_A_NUMBER)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        told = {"tokens": " ".join(map(str, self.tokens)), "ended": self.stop}
        steps = {"steps predicted": self.predicted, "steps taken": self.taken}
        return f"{len(self.prompt)} and {len(self.tokens)} tokens", {
            **told,
            **steps,
            "spikes": sum(self.spikes.values()),
        }


def prompt_spikes(network: AutonomousNetwork, prompt: Sequence[int], start: int) -> NDArray[np.int64]:
    """int64 [spikes, 2]: (step, line) of all that the host ever sends for one sequence; the last is the start spike.

    Raises:
        NexusError: no token, more than the network holds, or a token that it does not have.
    """
    go, put, bits, zeros = network.hosts
    if not 1 <= len(prompt) <= network.prompt:
        raise NexusError(f"prompt of {len(prompt)} tokens is not of 1 .. {network.prompt}, which the network holds")
    wrong = [token for token in prompt if not 0 <= token < network.vocabulary]
    if wrong:
        raise NexusError(f"prompt holds token {wrong[0]}, which is not in 0 .. {network.vocabulary - 1}")
    rows, step = [], start
    for token in prompt:
        fires = rails(token, bits.width)
        spelled = [s for s, fired in zip((*bits.signals, *zeros.signals), fires, strict=True) if fired]
        rows += [(step, line) for line in (put.signals[0], *spelled)]
        step += SPACING
    return np.array([*rows, (step, go.signals[0])], np.int64)


class AutonomousSession:
    """A network that is switched on: sequences one after the other, nothing reset between them.

    Attributes:
        network: its neurons.
        line: their state.
    """

    def __init__(self, network: AutonomousNetwork) -> None:
        self.network = network
        self._ports = {port.name: np.array(port.signals) for port in network.outputs}
        self._said = {int(self._ports[name][0]): name for name in ("valid", "done", "nan", "fault")}
        self._first = {phase.first: (i, False) for i, phase in enumerate(network.phases)}
        self._first |= {p.skipped: (i, True) for i, p in enumerate(network.phases) if p.skipped is not None}
        self.line = ChangeLine(network, np.array(list(self._first)), np.array(list(self._said)))
        self._fan_out = np.bincount(network.sources, minlength=network.n_signals).astype(np.int64)

    def sequence(self, prompt: Sequence[int], told: Callable[[int], None] | None = None) -> AutonomousRun:
        """Puts a prompt, starts, and listens until the network says that it is done.

        Args:
            prompt: ids.
            told: called with each token as it leaves.

        Raises:
            NexusError: a prompt that the network cannot take; or its control lost a spike, or fired one too many.
        """
        before, network = self._state(), self.network
        fed = prompt_spikes(network, prompt, self.line.step + 1 + SPACING)
        start = int(fed[-1, 0])
        tokens: list[int] = []
        at: list[int] = []
        entered: list[Entered] = []
        passed, stop = len(prompt), ""
        for step in np.unique(fed[:, 0]).tolist():
            self._hear(step - 1, (), start, entered)
            self._hear(step, (), start, entered, fed[fed[:, 0] == step])
        while not stop:
            if self._hear(start + network.answered(passed), ("valid", "nan"), start, entered) == "nan":
                stop = NOT_A_NUMBER
                break
            tokens.append(self._token(start, entered))
            at.append(self.line.step - start)
            if told is not None:
                told(tokens[-1])
            stop = END if tokens[-1] in network.ends else FULL if passed == network.length else ""
            passed += not stop
        self._hear(start + network.predicted(passed), ("done",), start, entered)
        taken = self.line.step - start
        self._hear(self.line.step + SETTLING, (), start, entered)
        return self._told(tuple(prompt), tokens, before, taken, at, entered, stop)

    def _hear(
        self,
        until: int,
        expected: Sequence[str],
        start: int,
        entered: list[Entered],
        fed: NDArray[np.int64] | None = None,
    ) -> str:
        """Listens up to a step in which one of what is expected comes, and nothing before; which it is.

        Raises:
            NexusError: anything else, or nothing.
        """
        events = self.line.run(until, fed)
        entered += [Entered(e.step - start, *self._first[e.signal]) for e in events if e.signal in self._first]
        names = [self._said[e.signal] for e in events if e.signal in self._said]
        if self.line.read(self._ports["fault"]).any():
            raise self._lost(entered, start, "says that its control lost a spike or fired one too many")
        if self.line.step < until or len(names) != bool(expected) or not set(names) <= set(expected):
            said = " and ".join(f"'{name}'" for name in names) or "nothing"
            wanted = " or ".join(f"'{name}'" for name in expected) or "nothing"
            raise self._lost(entered, start, f"lost a spike of its control: it says {said} where {wanted} is due")
        return names[0] if names else ""

    def _token(self, start: int, entered: list[Entered]) -> int:
        ones, zeros = (self.line.read(self._ports[name]) for name in ("token", "token_zeros"))
        if (ones + zeros != 1).any():
            raise self._lost(entered, start, "lost a spike of a token's number")
        return int("".join(map(str, ones.tolist())), 2)

    def _told(
        self,
        prompt: tuple[int, ...],
        tokens: list[int],
        before: tuple[NDArray[np.int64], NDArray[np.int64]],
        taken: int,
        at: list[int],
        entered: list[Entered],
        stop: str,
    ) -> AutonomousRun:
        counts, active = (now - then for now, then in zip(self._state(), before, strict=True))
        network, passed = self.network, len(prompt) + len(tokens) - (stop != NOT_A_NUMBER)
        part, own = network.part, counts[network.n_inputs :]
        reached = np.bincount(part[network.targets], counts[network.sources], len(PARTS))
        return AutonomousRun(
            prompt=prompt,
            tokens=tuple(tokens),
            stop=stop,
            predicted=network.predicted(passed),
            taken=taken,
            at=tuple(at),
            entered=tuple(entered),
            spikes=_by_part(np.bincount(part, own, len(PARTS))),
            synops=_by_part(reached),
            active=_by_part(np.bincount(part, active, len(PARTS))),
            sent=_by_port(network.inputs, counts),
            received=_by_port(network.outputs, counts),
            counts=counts,
            caches={name: _patterns(self.line.read(cells))[..., :passed, :] for name, cells in network.cached.items()},
        )

    def _state(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self.line.counts, self.line.active

    def _lost(self, entered: Sequence[Entered], start: int, how: str) -> NexusError:
        phase = self.network.phases[entered[-1].phase].name if entered else "start"
        behind = self.line.step - start
        when = f"{abs(behind):,} steps {'before' if behind < 0 else 'behind'} the start spike"
        return NexusError(
            f"network '{self.network.name}' {how}, {when}, in phase '{phase}'; "
            "what it gave in this sequence is not to be used"
        )


def _by_part(counts: NDArray[Any]) -> dict[str, int]:
    return {name: int(count) for name, count in zip(PARTS, counts, strict=True)}


def _by_port(ports: Sequence[Port], counts: NDArray[np.int64]) -> dict[str, int]:
    return {port.name: int(counts[list(port.signals)].sum()) for port in ports}


def _patterns(bits: NDArray[np.int8]) -> NDArray[np.uint64]:
    weights = np.uint64(1) << np.arange(bits.shape[-1], dtype=np.uint64)[::-1]
    return np.asarray((bits.astype(np.uint64) * weights).sum(axis=-1, dtype=np.uint64))


def every_step(
    network: AutonomousNetwork, rows: NDArray[np.int8], watched: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Every neuron in every step: counts [signals], and spikes int8 [steps, watched].

    Args:
        network: the neurons.
        rows: what the host sends, int8 [steps, lines].
        watched: signals.
    """
    line = DelayLine(network, 1)
    trains = np.zeros((len(rows), len(watched)), np.int8)
    for step, row in enumerate(rows):
        line.advance()
        line.feed(row[None])
        trains[step] = line.read(watched)[0]
    return line.counts, trains
