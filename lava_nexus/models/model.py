"""A transformer as integrate-and-fire logic: loaded from a checkpoint, called with tokens, generating text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.programs import ProgramRunner
from lava_nexus.formats import FLOAT32, FloatFormat, format_named
from lava_nexus.models.forward import Cache, Counts, Forward, Tokens
from lava_nexus.models.programs import Arithmetic
from lava_nexus.models.spec import ModelSpec, read_spec
from lava_nexus.models.tensors import FolderTensors, HeldTensors, RandomTensors, TensorSource, Weights, read_json
from lava_nexus.programs import Nonlinear, SpikingLinear
from lava_nexus.programs.order import Accumulate, Orders
from lava_nexus.torch.orders import accumulation

_HELD_WEIGHTS = 1 << 28
"""Weights up to which all that was read stays in memory while tokens are generated: 1 GiB of FP32."""


@dataclass(frozen=True)
class ModelOutput:
    """What a forward pass gave.

    Attributes:
        hidden_states: [batch, tokens, width]: what entered the first layer, then what left each layer.
        logits: [batch, tokens, outputs], of the last token alone where asked for, or [batch, outputs] of a head that
            reads the pooler's answer; None without a head.
        pooled: [batch, width], None without a pooler.
        counts: of the whole pass.
    """

    hidden_states: tuple[NDArray[Any], ...]
    logits: NDArray[Any] | None
    pooled: NDArray[Any] | None
    counts: Counts


@dataclass(frozen=True)
class Generated:
    """Tokens [tokens] with those generated at the end, and the counts of all passes."""

    tokens: NDArray[np.int64]
    counts: Counts


class Model:
    """A transformer whose every operation is a circuit of neurons.

    Attributes:
        spec: sizes and architecture.
        source: where its weights come from.
        arithmetic: format, basis and order of sums.
    """

    def __init__(self, spec: ModelSpec, source: TensorSource, arithmetic: Arithmetic) -> None:
        self.spec = spec
        self.source = source
        self.arithmetic = arithmetic
        total = sum(prod(shape) for shape in spec.tensors.values())
        self._held = HeldTensors(source) if total <= _HELD_WEIGHTS else None

    def __call__(
        self,
        tokens: ArrayLike,
        executor: str | Executor = "bitsliced",
        *,
        token_types: ArrayLike | None = None,
        layers: tuple[int, int] | None = None,
        logits: Literal["all", "last", "none"] = "all",
        **options: Any,
    ) -> ModelOutput:
        """A forward pass.

        Args:
            tokens: ids [tokens] or [batch, tokens]; sequences of a batch have one length, nothing is padded.
            executor: "bitsliced", "membrane", "lava", "reference", or an executor.
            token_types: of each token, where the model has types; 0 where left out.
            layers: (first, behind the last) of the layers to run; the first takes the embeddings, and nothing that
                follows the layers runs unless the last layer is among them. None for the whole model.
            logits: of all tokens, of the last one, or none.
            options: of the executor.

        Raises:
            NexusError: tokens, types or layers that the model does not have, or a checkpoint that turns out to be bad.
        """
        ids, types = token_array(tokens), None if token_types is None else token_array(token_types)
        first, behind = self.checked_layers(layers)
        forward = self.forward(ProgramRunner(executor, options))
        stream = forward.begin(ids, types)
        hidden = [stream.hidden]
        for layer in range(first, behind):
            forward.layer(stream, layer)
            hidden.append(stream.hidden)
        found, pooled = None, None
        if behind == self.spec.layers and self.spec.pooler:
            pooled = forward.pooled(stream)
        if behind == self.spec.layers and self.spec.head and logits != "none":
            stream.hidden = stream.hidden[:, -1:] if logits == "last" else stream.hidden
            read = forward.normed(stream) if pooled is None else pooled
            found = np.concatenate(list(forward.logits(read, stream.counts)), axis=-1)
            found = found if pooled is None else found[:, 0]
        values = self.arithmetic.format.from_patterns
        return ModelOutput(
            hidden_states=tuple(values(h) for h in hidden),
            logits=None if found is None else values(found),
            pooled=None if pooled is None else values(pooled[:, 0]),
            counts=stream.counts,
        )

    def generate(
        self, tokens: ArrayLike, max_new_tokens: int, executor: str | Executor = "bitsliced", **options: Any
    ) -> Generated:
        """Greedy continuation of one sequence of ids [tokens], the first of equal largest logits taken.

        Keys and values of earlier tokens come from a cache, which changes no bit: a token's arithmetic is that of the
        whole sequence. (PyTorch's orders of sums are those of its own kernels at the shapes of a cached step, which may
        differ from those of the whole sequence.) The host takes the largest logit.

        Raises:
            NexusError: no tokens, a model that has no head or is no decoder, or more tokens than it has positions for.
        """
        ids = self.checked_generation(tokens, max_new_tokens)
        forward, cache, counts, fresh = (
            self.forward(ProgramRunner(executor, options), hold=True),
            Cache(),
            Counts(),
            ids,
        )
        for _ in range(max_new_tokens):
            stream = forward.begin(fresh, past=cache.tokens)
            for layer in range(self.spec.layers):
                forward.layer(stream, layer, cache)
            stream.hidden = stream.hidden[:, -1:]
            logits = np.concatenate(list(forward.logits(forward.normed(stream), stream.counts)), axis=-1)
            fresh = np.argmax(self.arithmetic.format.from_patterns(logits)[:, -1], axis=-1)[None]
            ids = np.concatenate([ids, fresh], axis=1)
            counts.add(stream.counts)
        return Generated(ids[0], counts)

    def checked_generation(self, tokens: ArrayLike, max_new_tokens: int) -> Tokens:
        """One sequence of ids [1, tokens] that can be continued by so many tokens.

        Raises:
            NexusError: it cannot be.
        """
        ids = token_array(tokens)
        if len(ids) != 1 or max_new_tokens < 0:
            raise NexusError(f"generation of {max_new_tokens} tokens after {len(ids)} sequences, must be after one")
        if not (self.spec.shape.causal and self.spec.head):
            raise NexusError(f"model '{self.source.name}' has no language-model head, so it generates nothing")
        if ids.shape[1] + max_new_tokens > self.spec.positions + 1:
            raise NexusError(
                f"{ids.shape[1]} tokens and {max_new_tokens} new ones are more than the model's "
                f"{self.spec.positions} positions"
            )
        return ids

    def forward(self, runner: ProgramRunner, hold: bool = False) -> Forward:
        """The model's programs on an executor; with `hold` the weights of small models stay in memory."""
        if not hold or self._held is None:
            return Forward(self.spec, self.source, self.arithmetic, runner, self.layer_tensors)
        held, spec = self._held, self.spec
        return Forward(spec, held, self.arithmetic, runner, lambda layer: held.tensors(spec.layer_tensors(layer)))

    def by_populations(self, nonlinear: Nonlinear, spikes: SpikingLinear | None = None) -> Model:
        """The same model with these operators as LIF populations, no weight changed."""
        return Model(self.spec, self.source, replace(self.arithmetic, nonlinear=nonlinear, spikes=spikes))

    def layer_tensors(self, layer: int) -> dict[str, Weights]:
        """Weights of a layer by role, read anew."""
        return self.source.tensors(self.spec.layer_tensors(layer))

    def checked_layers(self, layers: tuple[int, int] | None) -> tuple[int, int]:
        """(first, behind the last); all where None.

        Raises:
            NexusError: the range is empty or not in the model.
        """
        first, behind = (0, self.spec.layers) if layers is None else layers
        if not 0 <= first < behind <= self.spec.layers:
            raise NexusError(f"layers {first} to {behind} are not a range in the model's 0 to {self.spec.layers}")
        return first, behind


def load(
    path: str | os.PathLike[str],
    *,
    format: str | FloatFormat = FLOAT32,
    basis: str = "threshold",
    accumulate: Accumulate | Orders = "sequential",
    silu: Literal["steps", "fused"] = "steps",
) -> Model:
    """A model from a Hugging Face folder: config.json and safetensors, whole or in shards, FP32, FP16 or BF16.

    Headers are read and checked now, weights when their layer runs.

    Args:
        path: the folder.
        format: of all arithmetic; weights are rounded to it.
        basis: cells of the circuits, "threshold" or "nexus".
        accumulate: order of every sum.
        silu: x / (1 + exp(-x)) in four rounded steps, or the one circuit, which is within 1 ULP.

    Raises:
        NexusError: the folder, its config or its tensors are not those of a supported model.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise NexusError(f"checkpoint '{folder}' is not a folder")
    config = read_json(folder / "config.json")
    spec = spec_of(config, f"config '{folder / 'config.json'}'", silu)
    source = FolderTensors(folder)
    spec = spec.held_by(source.names)
    source.check(spec.tensors, spec.ignored)
    return Model(spec, source, _arithmetic(format, basis, accumulate))


def random_model(
    config: dict[str, Any],
    seed: int = 0,
    *,
    format: str | FloatFormat = FLOAT32,
    basis: str = "threshold",
    accumulate: Accumulate | Orders = "sequential",
    silu: Literal["steps", "fused"] = "steps",
) -> Model:
    """A model of seeded random weights, with the shapes that keys and values of a config.json describe.

    Raises:
        NexusError: the config is not that of a supported model.
    """
    spec = spec_of(config, "config of the random model", silu)
    return Model(spec, RandomTensors(seed), _arithmetic(format, basis, accumulate))


def spec_of(config: Any, source: str, silu: str) -> ModelSpec:
    """The model of a config.json's values.

    Raises:
        NexusError: they are not those of a supported model.
    """
    if not isinstance(config, dict):
        raise NexusError(f"{source} must hold keys and values")
    return read_spec(config, source, {"steps": "silu", "fused": "silu_fused"}[silu])


def _arithmetic(format: str | FloatFormat, basis: str, accumulate: Accumulate | Orders) -> Arithmetic:
    return Arithmetic(format_named(format) if isinstance(format, str) else format, basis, accumulation(accumulate))


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
