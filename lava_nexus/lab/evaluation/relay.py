"""A model over workers by layers: a prompt goes from worker to worker, others are in other layers meanwhile.

Keys and values of a context stay at the worker of their layers; the hidden state alone is handed on. The passes are
those of `GateScorer`, with the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.lab.evaluation.scoring import GateScorer, finite
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stages import Stage, forward_stages
from lava_nexus.models.stream import Stream, cache_of

Parts = Sequence[tuple[list[int], list[int]]]
_HANDED_ON = ("hidden", "cos", "sin")


@dataclass(frozen=True)
class Passing:
    """A piece on its way.

    Attributes:
        parts: (context, continuation) as token ids.
        wholes: token ids of sequences without earlier ones: contexts that differ from the one before.
        of: the sequence of each part.
        streams: of these sequences, behind the layers so far.
        after: of each continuation without its last token, behind its context; empty where there is none.
    """

    parts: Parts
    wholes: list[list[int]]
    of: list[int]
    streams: list[Stream]
    after: list[Stream]


def steps_of(spec: ModelSpec, steps: int) -> list[range]:
    """Layers of each step, none empty, with about as many weights in each; the head is in the last one."""
    steps = max(1, min(steps, spec.layers))
    sizes = [sum(prod(shape) for _, shape in spec.layer_tensors(layer).values()) for layer in range(spec.layers)]
    ends = np.cumsum(sizes)
    whole = ends[-1] + sum(prod(shape) for _, shape in spec.head_tensors.values())
    edges = [0]
    for step in range(1, steps):
        nearest = int(np.abs(ends - whole * step / steps).argmin()) + 1
        edges.append(min(max(nearest, edges[-1] + 1), spec.layers - (steps - step)))
    return [range(first, behind) for first, behind in pairwise([*edges, spec.layers])]


class Relay:
    """Scores pieces in steps.

    Args:
        scorer: of gates.
        steps: how many are wanted; at most one a layer.

    Raises:
        NexusError: results depend on the neurons that give them, and a step would be other neurons.
    """

    def __init__(self, scorer: GateScorer, steps: int) -> None:
        if scorer.executor.name in ("lava", "loihi2") or not scorer.executor.ideal:
            raise NexusError(f"executor '{scorer.executor.name}' runs on one machine here: no layers are given away")
        self._scorer, self._spec = scorer, scorer.model.spec
        self._layers = steps_of(self._spec, steps)

    def step(self, number: int, value: Any) -> Any:
        """One step of a piece: from its parts, through what `Passing` holds, to log-likelihoods of each."""
        passing = value if isinstance(value, Passing) else self._begun(value)
        held = [self._ran(number, len(ids), 0, at) for ids, at in zip(passing.wholes, passing.streams, strict=True)]
        after = [self._behind(number, passing, part, held[of]) for part, of in enumerate(passing.of)]
        if number < len(self._layers) - 1:
            handed = ([_handed_on(one) for one in streams] for streams in (held, after))
            return Passing(passing.parts, passing.wholes, passing.of, *handed)
        return [self._scored(*passing.parts[part], held[of], after[part]) for part, of in enumerate(passing.of)]

    def _begun(self, parts: Parts) -> Passing:
        wholes: list[list[int]] = []
        of = []
        for context, continuation in parts:
            ids = list(context) if self._scorer.keeps else [*context, *continuation[:-1]]
            if not wholes or wholes[-1] != ids:
                wholes.append(ids)
            of.append(len(wholes) - 1)
        entered = [self._scorer.forward.enter(np.asarray([ids], np.int64)) for ids in wholes]
        return Passing(parts, wholes, of, entered, [{} for _ in parts])

    def _behind(self, number: int, passing: Passing, part: int, held: Stream) -> Stream:
        """A continuation's tokens through the layers of a step, with keys and values of its context."""
        context, continuation = passing.parts[part]
        tokens = continuation[:-1]
        if not (self._scorer.keeps and tokens):
            return {}
        cache = cache_of(held)
        stream = passing.after[part] or self._scorer.forward.enter(np.asarray([tokens], np.int64), held=cache)
        return self._ran(number, len(tokens), len(context), {**stream, **cache})

    def _ran(self, number: int, tokens: int, past: int, stream: Stream) -> Stream:
        stages = [s for s in forward_stages(self._spec, tokens, past, keep=True) if self._is_in(number, s)]
        return self._scorer.through(stages, stream)

    def _is_in(self, number: int, stage: Stage) -> bool:
        if stage.step == "embedding":
            return number == 0
        if stage.step.startswith("layer "):
            return int(stage.step.removeprefix("layer ")) in self._layers[number]
        return stage.step != "head" and number == len(self._layers) - 1

    def _scored(self, context: list[int], continuation: list[int], held: Stream, after: Stream) -> float | None:
        features = held["features"][:, len(context) - 1 :]
        if after:
            features = np.concatenate([features, after["features"]], axis=1)
        return finite(self._scorer.likely(self._scorer.heads(features), continuation).sum())


def _handed_on(stream: Stream) -> Stream:
    """What the next step reads; keys and values stay."""
    return {name: patterns for name, patterns in stream.items() if name.startswith(_HANDED_ON)}
