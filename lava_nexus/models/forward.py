"""A forward pass on an executor: what the host feeds in, stages one after the other, what they leave and cost."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.chip.workload import WEIGHT
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tallies
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.operands import check_rounded
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.watch import Watch, unfinite
from lava_nexus.execute.weights import Rows
from lava_nexus.formats import FLOAT32, FLOAT64, FloatFormat
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stage import Arithmetic, Stage
from lava_nexus.models.stream import Kept, Patterns, Stream, as_kept, cache_of, cached_tokens, joined
from lava_nexus.models.tensors import TensorSource
from lava_nexus.models.written import Written
from lava_nexus.populations.catalogue import GATES
from lava_nexus.progress import doing
from lava_nexus.shown import Shown

Tokens = NDArray[np.int64]


@dataclass(repr=False)
class Counts(Shown):
    """What programs cost.

    Attributes:
        layers: counts of the run by layer.
        neurons, synapses: of every circuit of the programs, an instance for each invocation of one sequence.
        depth: time steps of one sequence through all programs, one after the other.
        alarms: sentences on infinities and NaN that float32 does not have.
    """

    layers: dict[str, Tallies] = field(default_factory=dict)
    neurons: int = 0
    synapses: int = 0
    depth: int = 0
    alarms: list[str] = field(default_factory=list)

    def _facts(self) -> tuple[str, dict[str, Any]]:
        sizes = {"neurons": self.neurons, "synapses": self.synapses, "depth": self.depth}
        return f"of {len(self.layers)} layers", {**sizes, "spikes": self.tallies.spikes, "SynOps": self.tallies.synops}

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
        self.alarms += other.alarms


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
        if self.spec.images is not None:
            raise NexusError(f"model of architecture '{self.spec.kind}' takes images, not tokens")
        cache = as_kept(cache_of(held or {}))
        past = cached_tokens(cache)
        self._check(tokens, token_types, past)
        positions = np.arange(past, past + tokens.shape[1])
        stream = {**cache, "words": self._looked_up("words", tokens)}
        if self.spec.ropes:
            stream["position numbers"] = FLOAT32.to_patterns(positions.astype(np.float32))[None, :, None]
        if "token_types" in self.spec.architecture.embeddings:
            types = np.zeros_like(tokens) if token_types is None else token_types
            stream["token types"] = self._looked_up("token_types", types)
        if "positions" in self.spec.architecture.embeddings:
            rows = np.broadcast_to(positions + self.spec.position_offset, tokens.shape)
            stream["positions"] = self._looked_up("positions", rows)
        return self._kept(stream)

    def see(self, images: ArrayLike) -> Stream:
        """The stream of a model of images: pixels [batch, channels, height, width], class token and positions.

        Raises:
            NexusError: images of another shape, or numbers that are none.
        """
        seen, fmt = self.spec.images, self.arithmetic.format
        pixels = np.asarray(images, np.float32)
        pixels = pixels[None] if pixels.ndim == 3 else pixels
        wanted = () if seen is None else (seen.channels, *seen.size)
        if pixels.ndim != 4 or pixels.shape[1:] != wanted or not np.isfinite(pixels).all():
            raise NexusError(
                f"images have shape {np.shape(images)}, must be finite numbers [batch, channels, height, width] of "
                f"(batch, {', '.join(map(str, wanted))})"
            )
        stream = {"pixels": fmt.to_patterns(pixels.astype(fmt.dtype))}
        stream["class token"] = self._looked_up("class_token", np.zeros((1, 1), np.int64))
        return self._kept(stream | {"positions": self._looked_up("positions", np.arange(self.spec.positions)[None])})

    def _kept(self, stream: Mapping[str, Any]) -> Stream:
        """The stream where the executor keeps it; host memory, unless it keeps weights."""
        if not self.executor.keeps_weights:
            return stream
        return Kept({name: self.executor.place(patterns) for name, patterns in stream.items()}, self.executor.fetch)

    def run(self, stages: Iterable[Stage], stream: Stream) -> Iterator[Done]:
        """Runs stages on a stream, one after the other; what each gave is told before the next one is read."""
        coming = list(stages)
        for i, stage in enumerate(coming):
            self.executor.ahead([rows for one in coming[i : i + 2] for rows in self._matrices(one)], self.source)
            with doing(f"{stage.step} of {self.spec.layers}" if stage.step.startswith("layer") else stage.step):
                left, counts = self._ran(stage, as_kept(stream))
                kept = self._kept(left)
                stream = self._kept(joined(as_kept(stream), as_kept(kept)))
            yield Done(stage, kept, counts, stream)

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
        written, weights = self._written(stage, batch)
        program = written.program
        watch = Watch() if self.arithmetic.format not in (FLOAT32, FLOAT64) else None
        result = run_program(program, feeds | weights, self.executor, watch=watch)
        alarms = [] if watch is None else self._alarms(watch, stage, feeds, batch)
        depth = 0 if stage.parallel else written.depth
        counts = Counts(written.renamed(result.layers, stage), written.neurons, written.synapses, depth, alarms)
        return {stage.leaves[key]: patterns for key, patterns in result.outputs.items()}, counts

    def _written(self, stage: Stage, batch: int) -> tuple[Written, dict[str, Patterns]]:
        """The stage as a program, and its feeds of weights: none, or what stands for those that are kept elsewhere."""
        arithmetic, executor = self.arithmetic.of_batch(batch), self.executor
        if not (executor.keeps_weights and arithmetic.feeds_weights):
            return Written.of(stage, arithmetic, self.source), {}
        written = Written.of(stage, arithmetic)
        return written, executor.feeds(written.program, self._rows(stage), self.source)

    def _rows(self, stage: Stage) -> dict[str, Rows]:
        """Which rows of which tensors a stage reads, by input of its program."""
        of = {role: (name, shape, stage.rows or slice(0, shape[0])) for role, (name, shape) in stage.tensors.items()}
        fmt, rounded = self.arithmetic.format, self.arithmetic.weight_format
        return {WEIGHT + role: Rows(*one, fmt, rounded) for role, one in of.items()}

    def _matrices(self, stage: Stage) -> list[Rows]:
        """Matrices of weights that a stage reads where the executor keeps them."""
        kept = stage.write is not None and self.executor.keeps_weights and self.arithmetic.feeds_weights
        return [rows for rows in self._rows(stage).values() if len(rows.shape) == 2] if kept else []

    def _alarms(self, watch: Watch, stage: Stage, feeds: Mapping[str, Patterns], batch: int) -> list[str]:
        """What the watch met, where the same stage in FP32, fed the same numbers, meets nothing of the kind."""
        fmt = self.arithmetic.format
        if not watch.told:  # the executor ran the program as a whole; its bits are those of the reference
            program = stage.program(self.arithmetic.of_batch(batch), self.source)
            run_program(program, feeds, ReferenceExecutor(), watch=watch)
        if watch.met is None:
            return []
        feeds = {key: self.executor.fetch(patterns) for key, patterns in feeds.items()}
        formats = {key: read.of(self.arithmetic) for key, read in stage.reads.items()}
        narrow = {key for key, read in stage.reads.items() if read.format is None}
        if any(unfinite(formats[key], feeds[key]).any() for key in narrow):
            return []
        wide = replace(self.arithmetic, format=FLOAT32, nonlinear=GATES, spikes=None, norm_format=None)
        wide = replace(wide, weight_format=None, accumulate_format=None)
        of = {key: _widened(formats[key], p) if key in narrow else p for key, p in feeds.items()}
        other = Watch()
        program = stage.program(wide.of_batch(batch), self.source)
        run_program(program, of, ReferenceExecutor(), watch=other)
        return [] if other.met else [f"{stage.step}: {watch.met} in {fmt}, where float32 has none"]

    def _looked_up(self, role: str, numbers: NDArray[Any]) -> Patterns:
        """Rows of a table, rounded to the format, as the host feeds them in."""
        name, shape = self.spec.embedding_tensors[f"{role}.weight"]
        rows, places = np.unique(numbers, return_inverse=True)
        fmt = self.arithmetic.format
        found = self.source.rows(name, shape, rows)
        check_rounded(found, name, fmt)
        table = fmt.to_patterns(found.astype(fmt.dtype))
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


def tell(alarms: Sequence[str]) -> None:
    """Warns of what a run met."""
    for alarm in alarms:
        warnings.warn(alarm, RuntimeWarning, stacklevel=3)


def _widened(fmt: FloatFormat, patterns: Patterns) -> Patterns:
    return FLOAT32.to_patterns(fmt.from_patterns(patterns).astype(np.float32))


def _check_range(what: str, numbers: Tokens, count: int) -> None:
    outside = numbers[(numbers < 0) | (numbers >= count)]
    if outside.size:
        raise NexusError(f"{what} {outside.flat[0]} is not in 0 .. {count - 1}")
