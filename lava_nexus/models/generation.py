"""What ends a generation, which token comes next, and what was generated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.models.forward import Counts

LENGTH = "as many tokens as were asked for"
"""Where nothing else ended it."""


@dataclass(frozen=True)
class Generated:
    """What was generated.

    Attributes:
        tokens: [tokens], those given and those generated, one that ends the sequence among them.
        counts: of all passes.
        stop: why it ended.
    """

    tokens: NDArray[np.int64]
    counts: Counts
    stop: str = LENGTH


@dataclass(frozen=True)
class Sampling:
    """How the host takes a token from logits: divided by the temperature, the likeliest kept, then one by chance.

    Attributes:
        temperature: 0 for the largest logit, the first of equals.
        top_k: tokens kept, 0 for all.
        top_p: the likeliest tokens are kept until their probabilities reach this sum.
        seed: of chance; a token depends on seed and its number alone (Philox).

    Raises:
        NexusError: a value that is out of range.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0 or self.temperature == np.inf:
            raise NexusError(f"temperature is {self.temperature}, must be a number of at least 0")
        if self.top_k < 0:
            raise NexusError(f"top_k is {self.top_k}, must be at least 0")
        if not 0 < self.top_p <= 1:
            raise NexusError(f"top_p is {self.top_p}, must be above 0 and at most 1")

    def probabilities(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Of every token [vocabulary], in float64 on the host; a temperature of 0 leaves one."""
        x = logits.astype(np.float64)
        if self.temperature == 0:
            return np.asarray(np.arange(len(x)) == np.argmax(x), np.float64)
        x = x / self.temperature
        if 0 < self.top_k < len(x):
            x = np.where(x < np.sort(x)[-self.top_k], -np.inf, x)
        chances = np.exp(x - x.max())
        chances /= chances.sum()
        order = np.argsort(chances, kind="stable")[::-1]
        before = np.cumsum(chances[order]) - chances[order]
        chances[order[before >= self.top_p]] = 0
        return np.asarray(chances / chances.sum())

    def choose(self, logits: NDArray[Any], number: int) -> int:
        """The token that is generated as the `number`th."""
        if self.temperature == 0:
            return int(np.argmax(logits))
        drawn = np.random.Generator(np.random.Philox(key=[self.seed, number])).random()
        found = int(np.searchsorted(np.cumsum(self.probabilities(logits)), drawn, "right"))
        return min(found, len(logits) - 1)


GREEDY = Sampling()
"""The largest logit."""


def why_stop(token: int, logits: NDArray[Any], counts: Counts, ends: Collection[int]) -> str | None:
    """Why nothing is generated behind a token that was taken from these logits; None where more may follow."""
    if counts.alarms:
        return f"a run out of range: {counts.alarms[0]}"
    if np.isnan(logits).any():
        return f"{int(np.isnan(logits).sum())} of {logits.size} logits are NaN"
    return f"the end of the sequence (token {token})" if token in ends else None


def end_tokens(config: Mapping[str, Any], source: str) -> tuple[int, ...]:
    """Tokens that end a sequence by `eos_token_id` of a config, one or a list.

    Raises:
        NexusError: it is neither.
    """
    given = config.get("eos_token_id")
    found = [] if given is None else given if isinstance(given, list) else [given]
    if not all(type(token) is int for token in found):
        raise NexusError(f"{source}: 'eos_token_id' is {given!r}, must be a token id or a list of them")
    return tuple(found)
