"""A forward pass, program by program: what the host feeds in, and what passes from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Tallies
from lava_nexus.execute.programs import ProgramRunner
from lava_nexus.formats import FLOAT32
from lava_nexus.models.programs import (
    Arithmetic,
    embedding_program,
    head_program,
    layer_program,
    norm_program,
    pooler_program,
    rotary_program,
    transform_program,
)
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.tensors import TensorSource, Weights
from lava_nexus.programs import Program
from lava_nexus.programs.excerpt import Span

Patterns = NDArray[Any]
Tokens = NDArray[np.int64]

_HEAD_BLOCK = 1 << 24
"""Weights of the head that are in memory at a time."""


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


@dataclass
class Stream:
    """What passes from layer to layer.

    Attributes:
        hidden: patterns [batch, tokens, width].
        angles: `cos` and `sin` [batch, tokens, pairs]; empty without RoPE.
        counts: of all that ran so far.
    """

    hidden: Patterns
    angles: dict[str, Patterns] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


@dataclass
class Cache:
    """Keys, RoPE applied, and values of all layers: `key` and `value` [batch, kv_heads, tokens, head_dim] a layer."""

    layers: dict[int, dict[str, Patterns]] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Tokens held."""
        return next((held["key"].shape[-2] for held in self.layers.values()), 0)


@dataclass(frozen=True)
class Forward:
    """The programs of a model on one executor.

    Attributes:
        spec: the model.
        source: its weights.
        arithmetic: how programs are written.
        runner: what runs them.
        layer_tensors: weights of a layer by role.
    """

    spec: ModelSpec
    source: TensorSource
    arithmetic: Arithmetic
    runner: ProgramRunner
    layer_tensors: Callable[[int], dict[str, Weights]]

    def begin(self, tokens: Tokens, token_types: Tokens | None = None, past: int = 0) -> Stream:
        """Tokens [batch, tokens] to the hidden states that enter the first layer.

        Raises:
            NexusError: tokens or token types that the model does not have, or too many.
        """
        self._check(tokens, token_types, past)
        positions = np.arange(past, past + tokens.shape[1])
        counts = Counts()
        words = self._looked_up("words", tokens)
        if "positions" in self.spec.architecture.embeddings:
            types = np.zeros_like(tokens) if token_types is None else token_types
            feeds = {
                "words": words,
                "token_types": self._looked_up("token_types", types),
                "positions": self._looked_up("positions", np.broadcast_to(positions, tokens.shape)),
            }
            norm = {k: v for k, v in self.spec.embedding_tensors.items() if k.startswith("embedding_norm")}
            program = embedding_program(self._of_batch(tokens), self.spec, tokens.shape[1], self.source.tensors(norm))
            words = self._run(program, feeds, counts)["hidden"]
        return Stream(words, self.angles(positions, len(tokens), counts), counts)

    def angles(self, positions: NDArray[Any], batch: int, counts: Counts) -> dict[str, Patterns]:
        """`cos` and `sin` of positions, computed once for the batch; empty without RoPE."""
        if not self.spec.frequencies.size:
            return {}
        program = rotary_program(self.arithmetic, self.spec, len(positions))
        feeds = {"positions": FLOAT32.to_patterns(positions.astype(np.float32))[None, :, None]}
        found = self._run(program, feeds, counts)
        return {name: np.broadcast_to(angles, (batch, *angles.shape[1:])) for name, angles in found.items()}

    def layer(self, stream: Stream, layer: int, cache: Cache | None = None) -> Counts:
        """Takes the stream through one layer, and the cache if there is one; returns the layer's counts."""
        held = cache.layers.get(layer, {}) if cache is not None else {}
        past = held["key"].shape[-2] if held else 0
        tokens = stream.hidden.shape[1]
        tensors = self.layer_tensors(layer)
        program = layer_program(
            self._of_batch(stream.hidden), self.spec, layer, tokens, past, cache is not None, tensors
        )
        counts = Counts()
        found = self._run(program, {"hidden": stream.hidden, **stream.angles, **held}, counts)
        stream.hidden = found.pop("hidden")
        if cache is not None:
            cache.layers[layer] = found
        stream.counts.add(counts)
        return counts

    def normed(self, stream: Stream) -> Patterns:
        """What the head reads of the hidden states: behind the final norm, or the head's transform."""
        tokens, arithmetic = stream.hidden.shape[1], self._of_batch(stream.hidden)
        wanted = {k: v for k, v in self.spec.ending_tensors.items() if k.startswith("final_norm")}
        if self.spec.transform_tensors:
            tensors = self.source.tensors(self.spec.transform_tensors)
            program = transform_program(arithmetic, self.spec, tokens, tensors)
        elif wanted:
            program = norm_program(arithmetic, self.spec, tokens, self.source.tensors(wanted))
        else:
            return stream.hidden
        return self._run(program, {"hidden": stream.hidden}, stream.counts)["hidden"]

    def logits(self, hidden: Patterns, counts: Counts) -> Iterator[Patterns]:
        """Logits [batch, tokens, outputs] of what the head reads, a block of outputs after the other."""
        tensors = self.spec.head_tensors
        step = max(1, _HEAD_BLOCK // self.spec.width)
        for start in range(0, self.spec.outputs, step):
            rows = slice(start, min(start + step, self.spec.outputs))
            block = {role: self.source.rows(name, shape, rows) for role, (name, shape) in tensors.items()}
            outputs = Span(rows.start, rows.stop, self.spec.outputs)
            program = head_program(self._of_batch(hidden), self.spec, hidden.shape[1], outputs, block)
            yield self._run(program, {"hidden": hidden}, counts, parallel=start > 0)["logits"]

    def pooled(self, stream: Stream) -> Patterns:
        """The pooler's answer [batch, 1, width] to the first token."""
        wanted = {k: v for k, v in self.spec.ending_tensors.items() if k.startswith("pooler")}
        program = pooler_program(
            self._of_batch(stream.hidden), self.spec, stream.hidden.shape[1], self.source.tensors(wanted)
        )
        return self._run(program, {"hidden": stream.hidden}, stream.counts)["pooled"]

    def _run(
        self, program: Program, feeds: Mapping[str, Patterns], counts: Counts, parallel: bool = False
    ) -> dict[str, Patterns]:
        """Runs a program; one that is `parallel` to the one before adds nothing to the depth."""
        result = self.runner.run(program, feeds)
        depth = 0 if parallel else program.depth
        counts.add(Counts(result.layers, program.neurons, program.synapses, depth))
        return result.outputs

    def _of_batch(self, operand: NDArray[Any]) -> Arithmetic:
        return self.arithmetic.of_batch(len(operand))

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
