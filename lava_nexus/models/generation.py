"""Tokens in, tokens out: sequences of several lengths, pooled states, which token comes next, what ends a text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.operands import real_number, whole_number
from lava_nexus.models.forward import Counts, Tokens
from lava_nexus.models.stage import Arithmetic
from lava_nexus.programs.layers import mean
from lava_nexus.shown import Shown

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, repr=False)
class ModelOutput(Shown):
    """What a forward pass gave.

    Attributes:
        hidden_states: [batch, tokens, width]: what entered the first layer, then what left each layer.
        logits: [batch, tokens, outputs], of the last token alone where asked for, or [batch, outputs] of a head that
            reads the pooler's answer; None without a head.
        pooled: [batch, width], None without a pooler.
        counts: of the whole pass.
        last_hidden_state: [batch, tokens, width]: behind the final norm where there is one, of the tokens that the head
            reads; None where what follows the layers was not run.
    """

    hidden_states: tuple[NDArray[Any], ...]
    logits: NDArray[Any] | None
    pooled: NDArray[Any] | None
    counts: Counts
    last_hidden_state: NDArray[Any] | None = None

    def _facts(self) -> tuple[str, dict[str, Any]]:
        arrays = {"logits": self.logits, "pooled": self.pooled, "last_hidden_state": self.last_hidden_state}
        shapes = {name: list(array.shape) for name, array in arrays.items() if array is not None}
        return f"{len(self.hidden_states)} hidden states", {**shapes, **self.counts._facts()[1]}


def masked(
    ids: Tokens, mask: NDArray[Any], types: Tokens | None, run: Callable[..., ModelOutput], single: set[str]
) -> ModelOutput:
    """Passes over the real tokens of sequences of several lengths, those of one length together; the rest is 0.

    Args:
        ids, types: [batch, tokens].
        mask: 1 for each real token.
        run: a pass over sequences of one length.
        single: names of what it tells of one token of each sequence, "logits" or "last".

    Raises:
        NexusError: a mask of another shape or other values, or real tokens that do not follow each other.
    """
    if mask.shape != ids.shape or not np.isin(mask, (0, 1)).all():
        raise NexusError(f"attention_mask of shape {mask.shape} is not 0 or 1 for each of the tokens {ids.shape}")
    kept = mask.astype(bool)
    counts, alike = Counts(), dict[int, list[int]]()
    for row, real in enumerate(kept):
        places = np.flatnonzero(real)
        if not places.size or places[-1] - places[0] + 1 != places.size:
            raise NexusError(f"attention_mask of sequence {row} has no token, or other ones between its real tokens")
        alike.setdefault(int(places.size), []).append(row)
    found: dict[str, Any] = {}
    for length, rows in alike.items():
        real = kept[rows]
        chosen = None if types is None else types[rows][real].reshape(len(rows), length)
        part = run(ids[rows][real].reshape(len(rows), length), token_types=chosen)
        counts.add(part.counts)
        for name, value in _parts(part).items():
            whole = value.ndim == 3 and name not in single
            size = (len(ids), ids.shape[1], value.shape[2]) if whole else (len(ids), *value.shape[1:])
            target = found.setdefault(name, np.zeros(size, value.dtype))
            for number, row in enumerate(rows):
                target[row, kept[row] if whole else slice(None)] = value[number]
    hidden = tuple(found[name] for name in found if name.startswith("hidden"))
    return ModelOutput(hidden, found.get("logits"), found.get("pooled"), counts, found.get("last"))


def _parts(output: ModelOutput) -> dict[str, NDArray[Any]]:
    """Its arrays by name."""
    found = {f"hidden {number}": state for number, state in enumerate(output.hidden_states)}
    more = {"logits": output.logits, "pooled": output.pooled, "last": output.last_hidden_state}
    return found | {name: value for name, value in more.items() if value is not None}


def pooled(
    arithmetic: Arithmetic, states: NDArray[Any], pooling: Pooling, normalised: bool, executor: Executor
) -> NDArray[Any]:
    """One vector of a sequence's states [tokens, width]: their mean or the first, divided by its Euclidean norm.

    Raises:
        NexusError: a pooling that does not exist.
    """
    if pooling not in get_args(Pooling):
        raise NexusError(f"pooling is {pooling!r}, must be one of {', '.join(get_args(Pooling))}")
    w = arithmetic.writer("pooling").inside("pooling")
    x = w.program.input("states", states.shape, w.format)
    if pooling == "mean":
        x = mean(w, w.reduce("add", w.swapped(x)), states.shape[0])
    else:
        x = w.reshape(w.take(x, -2, 0, 1), states.shape[1])
    if normalised:
        root = w.apply("sqrt", w.reduce("add", w.apply("mul", x, x)))
        x = w.apply("div", x, w.reshape(root, 1))
    w.program.outputs["vector"] = x
    result = run_program(w.program, {"states": w.format.to_patterns(states)[None]}, executor)
    return np.asarray(w.format.from_patterns(result.outputs["vector"])[0])


def token_array(tokens: ArrayLike | Sequence[Sequence[int]]) -> Tokens:
    """Ids as int64 [batch, tokens].

    Raises:
        NexusError: no ids, or ids that are no integers of one or two axes.
    """
    try:
        array = np.asarray(tokens)
    except ValueError:
        raise NexusError("tokens are sequences of several lengths; a batch holds sequences of one length") from None
    if array.size == 0:
        raise NexusError("a sequence of 0 tokens has nothing to run; at least 1 is needed")
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
        raise NexusError(
            f"tokens of dtype {array.dtype} and shape {array.shape} are not integers [tokens] or [batch, tokens]"
        )
    return array.astype(np.int64).reshape(-1, array.shape[-1])


LENGTH = "as many tokens as were asked for"
"""Where nothing else ended it."""


@dataclass(frozen=True, repr=False)
class Generated(Shown):
    """What was generated.

    Attributes:
        tokens: [tokens], those given and those generated, one that ends the sequence among them.
        counts: of all passes.
        stop: why it ended.
    """

    tokens: NDArray[np.int64]
    counts: Counts
    stop: str = LENGTH

    def _facts(self) -> tuple[str, dict[str, Any]]:
        tokens = " ".join(map(str, self.tokens.tolist()))
        return f"{len(self.tokens)} tokens", {"tokens": tokens, "ended": self.stop, **self.counts._facts()[1]}


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
        whole_number("top_k", self.top_k, 0)
        whole_number("seed of a sampling", self.seed, 0)
        real_number("top_p", self.top_p)
        if isinstance(self.temperature, str) or not self.temperature >= 0 or self.temperature == np.inf:
            raise NexusError(f"temperature is {self.temperature}, must be a number of at least 0")
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
