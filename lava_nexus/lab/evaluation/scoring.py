"""Log-likelihoods of tokens after others: logits by gates or by PyTorch, the logarithm of softmax by the host."""

from __future__ import annotations

import math
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tallies
from lava_nexus.models.model import Model
from lava_nexus.models.stages import Stage, forward_stages
from lava_nexus.models.stream import Stream, cached_tokens
from lava_nexus.models.text import tokenizer

Logits = NDArray[Any]
_WORDS = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Alphabet:
    """Text to token ids.

    Attributes:
        name: for reports.
        encode: a text's ids, special tokens included.
    """

    name: str
    encode: Callable[[str], list[int]]

    def split(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Ids of the context, and what the continuation adds to them when both are encoded together.

        Raises:
            NexusError: one of them gives no token.
        """
        stripped = context.rstrip()
        continuation = context[len(stripped) :] + continuation
        whole, first = self.encode(stripped + continuation), self.encode(stripped)
        after = whole[len(first) :] or self.encode(continuation)
        if not first or not after:
            raise NexusError(
                f"{stripped!r} and {continuation!r} give {len(first)} and {len(after)} tokens; both need one"
            )
        return first if len(whole) <= len(first) else whole[: len(first)], after


def alphabet(folder: Path | None, vocabulary: int) -> Alphabet:
    """The tokenizer of a checkpoint's folder; without a folder words and marks, numbered by a checksum, after a 0.

    Raises:
        NexusError: no tokenizer in the folder.
    """
    if folder is not None:
        made = tokenizer(folder)
        return Alphabet(f"tokenizer.json of '{folder.name}'", lambda text: list(made.encode(text).ids))

    def numbered(text: str) -> list[int]:
        return [0, *(zlib.crc32(word.encode()) % vocabulary for word in _WORDS.findall(text))]

    return Alphabet("words and marks, numbered by a checksum, as random weights have no tokenizer", numbered)


def finite(value: float) -> float | None:
    """A number as it is; None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None


class Scorer(ABC):
    """What gives logits.

    Attributes:
        item: number of what is scored, see `begin`.
    """

    item = 0

    def begin(self, item: int) -> None:
        """Says that what follows is this item: what is random in it depends on no other one."""
        self.item = item

    @abstractmethod
    def logits(self, context: Sequence[int], continuation: Sequence[int]) -> Logits:
        """Logits [continuation, vocabulary], each those of the token before."""

    def log_likelihoods(self, context: Sequence[int], continuation: Sequence[int]) -> NDArray[np.float64]:
        """Natural logarithm of each continuation token's softmax probability, in float64; NaN where a logit is."""
        return self.likely(self.logits(context, continuation), continuation)

    @staticmethod
    def likely(logits: Logits, continuation: Sequence[int]) -> NDArray[np.float64]:
        """As `log_likelihoods`, of logits [continuation, vocabulary]."""
        x = logits.astype(np.float64)
        shifted = x - x.max(axis=-1, keepdims=True)
        chosen = np.take_along_axis(shifted, np.asarray(continuation)[:, None], axis=-1)[:, 0]
        return np.asarray(chosen - np.log(np.exp(shifted).sum(axis=-1)))


class GateScorer(Scorer):
    """By gates; keys and values of the last context are kept for the next choice, which changes no bit.

    Where orders of sums come from PyTorch they depend on how many tokens are computed together: nothing is kept then,
    and context and continuation are one sequence.

    Attributes:
        executor: what runs its programs.
        keeps: whether keys and values are kept.
        tallies: counts of all that ran.
    """

    def __init__(self, model: Model, executor: Executor) -> None:
        if not (model.spec.shape.causal and model.spec.head):
            raise NexusError(f"model '{model.source.name}' has no language-model head, so it scores no text")
        self.model, self.forward = model, model.forward(executor, hold=True)
        self.executor, self.keeps = executor, isinstance(model.arithmetic.accumulate, str)
        self.tallies = Tallies()
        self._context: tuple[int, ...] = ()
        self._held: Stream = {}

    def begin(self, item: int) -> None:
        """Nothing is kept from one item to the next."""
        super().begin(item)
        self.executor.begin(item)
        self._context = ()

    def logits(self, context: Sequence[int], continuation: Sequence[int]) -> Logits:
        """As the class says."""
        if not self.keeps:
            whole = self._features([*context, *continuation[:-1]], {})
            return self.heads(whole["features"][:, len(context) - 1 :])
        if tuple(context) != self._context:
            self._context = ()
            self._held = self._features(context, {})
            self._context = tuple(context)
        features = self._held["features"][:, -1:]
        if len(continuation) > 1:
            more = self._features(continuation[:-1], self._held)
            features = np.concatenate([features, more["features"]], axis=1)
        return self.heads(features)

    def heads(self, features: Logits) -> Logits:
        """Logits of what the head reads."""
        stages = [s for s in forward_stages(self.model.spec, features.shape[1]) if s.step == "head"]
        logits = self.through(stages, {"features": features})["logits"]
        return np.asarray(self.model.arithmetic.format.from_patterns(logits[0]))

    def _features(self, tokens: Sequence[int], held: Stream) -> Stream:
        """The stream in front of the head, with `features` [1, tokens, width], keys and values."""
        stages = forward_stages(self.model.spec, len(tokens), cached_tokens(held), keep=True)
        entered = self.forward.enter(np.asarray([tokens], np.int64), held=held)
        return self.through([stage for stage in stages if stage.step != "head"], entered)

    def through(self, stages: list[Stage], stream: Stream) -> Stream:
        """The stream behind the last of some stages, counted."""
        found, counts = self.forward.through(stages, stream)
        self.tallies.merge(counts.tallies)
        return found


class TorchScorer(Scorer):
    """By PyTorch on the same weights."""

    def __init__(self, model: Model) -> None:
        from lava_nexus.lab.ulp.decoders import DecoderWitness

        self._witness = DecoderWitness(model)

    def logits(self, context: Sequence[int], continuation: Sequence[int]) -> Logits:
        """As the class says."""
        tokens = np.asarray([*context, *continuation[:-1]], np.int64)
        return np.asarray(self._witness.run(tokens, "all")[1][len(context) - 1 :])
