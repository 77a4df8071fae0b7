"""The network of a decoder that runs by itself: neurons in flat arrays, what they are for, how long a token takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.autonomous.neurons import PARTS
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.wired import Wired
from lava_nexus.neurons import Port

STARTING, STOPPING, ANSWERING = 5, 5, 2
"""Steps from the host's start spike to the first step of a token's, of what follows the last token until `done`, and of
them until it has left."""

NEXT = 7
"""Steps from the largest logit to the next token's first step."""


@dataclass(frozen=True)
class Phase:
    """Steps of the sequencer with one purpose.

    Attributes:
        name: what for.
        position: first position of the cache that it is about, -1 for none.
        first: signal that fires in its first step.
        skipped: signal that fires in place of all its steps where the token stands before `position`; None for what
            every token passes through.
        steps: how long it lasts.
    """

    name: str
    position: int
    first: int
    skipped: int | None
    steps: int

    def shifted(self, by: int) -> Phase:
        """With signals behind so many inputs."""
        return replace(self, first=self.first + by, skipped=None if self.skipped is None else self.skipped + by)

    def taken(self, position: int) -> int:
        """Steps for a token at a position."""
        return 1 if self.skipped is not None and position < self.position else self.steps


@dataclass(frozen=True, eq=False)
class AutonomousNetwork(Wired):
    """Neurons of all.

    Attributes:
        hosts: input ports: `go` starts a sequence, `put` marks a token of the prompt and of `bits` and `zeros`, its two
            rails, one fires for each bit.
        part: int8 [neurons]; index in `PARTS`.
        phases: of a token, in order.
        chain: signals of the sequencer, of which one fires in every step of a run.
        units: (name, strobe's signal, depth) of every instance of a circuit.
        cached: signals [..., positions, channels, bits] of the cells of each cache, MSB first.
        length: positions.
        prompt: most tokens of a prompt.
        vocabulary: tokens.
        ends: those that end a sequence.
        pages: of the sequencer.
        copies: (first signal, placed circuit) of every instance.
    """

    name: str
    hosts: tuple[Port, ...]
    part: NDArray[np.int8]
    phases: tuple[Phase, ...]
    chain: NDArray[np.int64]
    units: tuple[tuple[str, int, int], ...]
    cached: Mapping[str, NDArray[np.int64]]
    length: int
    prompt: int
    vocabulary: int
    ends: tuple[int, ...]
    pages: int
    copies: tuple[tuple[int, Placement], ...]

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The host's lines."""
        return self.hosts

    def parts(self) -> dict[str, int]:
        """Neurons by part."""
        return {name: int((self.part == number).sum()) for number, name in enumerate(PARTS)}

    def period(self, position: int) -> int:
        """Steps from the first step of a token at a position to that of the next one."""
        return sum(phase.taken(position) for phase in self.phases)

    def predicted(self, tokens: int) -> int:
        """Steps from the start spike to `done` where so many tokens pass through."""
        return sum(self.period(p) for p in range(tokens)) + STARTING + STOPPING - self.phases[-1].steps

    def answered(self, tokens: int) -> int:
        """Steps from the start spike to the answer to the last of so many tokens."""
        return self.predicted(tokens) - STOPPING + ANSWERING
