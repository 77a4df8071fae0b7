"""What is to run by itself: a token's invocations, its tables and caches, and when a sequence ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat
from lava_nexus.programs.flow import Flow


@dataclass(frozen=True)
class Table:
    """Words by row.

    Attributes:
        addresses: of the words.
        patterns: uint64 [rows, words].
    """

    addresses: list[int]
    patterns: NDArray[np.uint64]


@dataclass(frozen=True)
class Plan:
    """What is to be built.

    Attributes:
        name: for reports.
        flow: invocations of a token.
        tokens, positions: tables by token and by position.
        caches: addresses [..., positions, channels] by name.
        logits: addresses, by token.
        fmt: of the logits.
        ends: tokens that end a sequence.
        prompt: most tokens of a prompt.
        block: positions of one section of attention.
        units: instances of a circuit, by its number; 1 where left out.
    """

    name: str
    flow: Flow
    tokens: Table
    positions: list[Table]
    caches: Mapping[str, NDArray[np.int64]]
    logits: list[int]
    fmt: FloatFormat
    ends: tuple[int, ...]
    prompt: int
    block: int = 8
    units: Mapping[int, int] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Positions."""
        return int(next(iter(self.caches.values())).shape[-2])

    @property
    def vocabulary(self) -> int:
        """Tokens."""
        return len(self.logits)

    @property
    def id_bits(self) -> int:
        """Bits of a token's number."""
        return max(1, (self.vocabulary - 1).bit_length())
