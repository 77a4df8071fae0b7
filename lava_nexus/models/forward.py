"""A forward pass on an executor: what the host feeds in, stages one after the other, what they leave and cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tallies
from lava_nexus.execute.interpret import run_program
from lava_nexus.formats import FLOAT32
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stages import Arithmetic, Stage
from lava_nexus.models.tensors import TensorSource

Patterns = NDArray[Any]
Tokens = NDArray[np.int64]
Stream = Mapping[str, Patterns]
"""What passes from stage to stage, patterns [batch, ...] by name; `forward_stages` says which there are."""

_CACHED = ("key ", "value ")
_GROWS = {**dict.fromkeys(_CACHED, -2), "logits": -1}
"""Axis along which what a stage leaves is put behind what is there; all else takes its place."""


@dataclass
class Counts:
    """What programs cost.

    Attributes:
        layers: counts of the run by layer.
        neurons, synapses: of every circuit of the programs, an instance for each invocation of one sequence.
        depth: time steps of one sequence through all programs, one after the other.
    """

    layers: dict[str, Tallies] = field(default_factory=dict)
    neurons: int = 0
    synapses: int = 0
    depth: int = 0

    @property
    def tallies(self) -> Tallies:
        """Counts of the whole run."""
        return Tallies().merge(*self.layers.values())

    def add(self, other: Counts) -> None:
        """Adds the counts of programs that run after these."""
        for layer, tallies in other.layers.items():
            self.layers.setdefault(layer, Tallies()).merge(tallies)
        self.neurons += other.neurons
        self.synapses += other.synapses
        self.depth += other.depth


def joined(stream: Stream, left: Stream) -> dict[str, Patterns]:
    """The stream with what a stage left: keys, values and logits behind those there, all else in its place."""
    found = dict(stream)
    for name, patterns in left.items():
        axis = next((axis for start, axis in _GROWS.items() if name.startswith(start)), None)
        append = axis is not None and name in found
        found[name] = np.concatenate([found[name], patterns], axis=axis) if append else patterns
    return found


def cache_of(stream: Stream) -> dict[str, Patterns]:
    """Keys, RoPE applied, and values of a stream: `key 3` and `value 3` [batch, kv_heads, tokens, head_dim]."""
    return {name: patterns for name, patterns in stream.items() if name.startswith(_CACHED)}


def cached_tokens(stream: Stream) -> int:
    """Tokens whose keys and values a stream holds."""
    return next((patterns.shape[-2] for patterns in cache_of(stream).values()), 0)


@dataclass(frozen=True)
class Done:
    """A stage that ran.

    Attributes:
        stage: which.
        left: what it left, by name in the stream.
        counts: of it alone.
        stream: after it.
    """

    stage: Stage
    left: Stream
    counts: Counts
    stream: Stream


@dataclass(frozen=True)
class Forward:
    """Runs stages of a model.

    Attributes:
        spec: the model.
        source: its weights, read when their stage runs.
        arithmetic: how programs are written.
        executor: what runs them.
    """

    spec: ModelSpec
    source: TensorSource
    arithmetic: Arithmetic
    executor: Executor

    def enter(self, tokens: Tokens, token_types: Tokens | None = None, held: Stream | None = None) -> Stream:
        """The stream that the first stage reads: rows of the tables for tokens [batch, tokens], and their positions.

        Args:
            tokens: ids.
            token_types: of each token; 0 where left out.
            held: a stream with keys and values of the tokens before these.

        Raises:
            NexusError: tokens or token types that the model does not have, or too many.
        """
        cache = cache_of(held or {})
        past = cached_tokens(cache)
        self._check(tokens, token_types, past)
        positions = np.arange(past, past + tokens.shape[1])
        stream = cache | {"words": self._looked_up("words", tokens)}
        if self.spec.frequencies.size:
            stream["position numbers"] = FLOAT32.to_patterns(positions.astype(np.float32))[None, :, None]
        if "positions" in self.spec.architecture.embeddings:
            types = np.zeros_like(tokens) if token_types is None else token_types
            stream["token types"] = self._looked_up("token_types", types)
            stream["positions"] = self._looked_up("positions", np.broadcast_to(positions, tokens.shape))
        return stream

    def run(self, stages: Iterable[Stage], stream: Stream) -> Iterator[Done]:
        """Runs stages on a stream, one after the other; what each gave is told before the next one is read."""
        for stage in stages:
            left, counts = self._ran(stage, stream)
            stream = joined(stream, left)
            yield Done(stage, left, counts, stream)

    def through(self, stages: Iterable[Stage], stream: Stream) -> tuple[Stream, Counts]:
        """(stream behind the last of the stages, counts of all)."""
        counts = Counts()
        for done in self.run(stages, stream):
            counts.add(done.counts)
            stream = done.stream
        return stream, counts

    def _ran(self, stage: Stage, stream: Stream) -> tuple[dict[str, Patterns], Counts]:
        newest = {key: stream[read.name][..., -read.shape[-2] :, :] for key, read in stage.reads.items()}
        batch = max(map(len, newest.values()))
        feeds = {k: p if len(p) == batch else np.broadcast_to(p, (batch, *p.shape[1:])) for k, p in newest.items()}
        if stage.write is None:
            return {stage.leaves[key]: patterns for key, patterns in feeds.items()}, Counts()
        program = stage.program(self.arithmetic.of_batch(batch), self.source)
        result = run_program(program, feeds, self.executor)
        depth = 0 if stage.parallel else program.depth
        counts = Counts(result.layers, program.neurons, program.synapses, depth)
        return {stage.leaves[key]: patterns for key, patterns in result.outputs.items()}, counts

    def _looked_up(self, role: str, numbers: NDArray[Any]) -> Patterns:
        """Rows of a table, rounded to the format, as the host feeds them in."""
        name, shape = self.spec.embedding_tensors[f"{role}.weight"]
        rows, places = np.unique(numbers, return_inverse=True)
        fmt = self.arithmetic.format
        table = fmt.to_patterns(self.source.rows(name, shape, rows).astype(fmt.dtype))
        return np.asarray(table[places.reshape(numbers.shape)])

    def _check(self, tokens: Tokens, token_types: Tokens | None, past: int) -> None:
        spec = self.spec
        if past + tokens.shape[1] > spec.positions:
            raise NexusError(
                f"sequence of {past + tokens.shape[1]} tokens is longer than the model's {spec.positions} positions"
            )
        _check_range("token id", tokens, spec.vocabulary)
        if token_types is None:
            return
        if not spec.token_types:
            raise NexusError(f"token types are given to a model of architecture '{spec.kind}', which has none")
        if token_types.shape != tokens.shape:
            raise NexusError(f"token types have shape {token_types.shape}, the tokens have {tokens.shape}")
        _check_range("token type", token_types, spec.token_types)


def _check_range(what: str, numbers: Tokens, count: int) -> None:
    outside = numbers[(numbers < 0) | (numbers >= count)]
    if outside.size:
        raise NexusError(f"{what} {outside.flat[0]} is not in 0 .. {count - 1}")
