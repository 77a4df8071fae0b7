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

from lava_nexus.documents import read_json
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.run import DEFAULT_EXECUTOR, executor_named
from lava_nexus.formats import FLOAT32, FloatFormat, FormatLike, as_format
from lava_nexus.models.config_json import read_spec
from lava_nexus.models.forward import Counts, Forward, Stream, Tokens, cached_tokens
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stages import Arithmetic, Logits, forward_stages
from lava_nexus.models.tensors import FolderTensors, HeldTensors, RandomTensors, TensorSource, Weights
from lava_nexus.programs import Native, Nonlinear, SpikingLinear
from lava_nexus.programs.order import Accumulate, Orders, named_order
from lava_nexus.programs.product import kind_of
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
        executor: str | Executor = DEFAULT_EXECUTOR,
        *,
        token_types: ArrayLike | None = None,
        layers: tuple[int, int] | None = None,
        logits: Logits = "all",
        **options: Any,
    ) -> ModelOutput:
        """A forward pass.

        >>> found = model([[9707, 1879]], "bitsliced", layers=(0, 2))
        >>> found.hidden_states[-1].shape, sum(tally.spikes for tally in found.counts.tallies)

        Args:
            tokens: ids [tokens] or [batch, tokens]; sequences of a batch have one length, nothing is padded.
            executor: its name, one of `lava_nexus.executors()`, or an executor.
            token_types: of each token, where the model has types; 0 where left out.
            layers: (first, behind the last) of the layers to run; the first takes the embeddings, and nothing that
                follows the layers runs unless the last layer is among them. None for the whole model.
            logits: of all tokens, of the last one, or none.
            options: of the executor that is named.

        Raises:
            NexusError: tokens, types or layers that the model does not have, or a checkpoint that turns out to be bad.
        """
        ids, types = token_array(tokens), None if token_types is None else token_array(token_types)
        stages = forward_stages(self.spec, ids.shape[1], layers=self.checked_layers(layers), logits=logits)
        forward, counts, hidden = self.forward(executor_named(executor, **options)), Counts(), []
        stream = forward.enter(ids, types)
        for done in forward.run(stages, stream):
            counts.add(done.counts)
            hidden += [done.left["hidden"]] if "hidden" in done.left else []
            stream = done.stream
        values = self.arithmetic.format.from_patterns
        found, pooled = (None if name not in stream else values(stream[name]) for name in ("logits", "pooled"))
        return ModelOutput(
            hidden_states=tuple(values(h) for h in hidden),
            logits=found[:, 0] if found is not None and pooled is not None else found,
            pooled=None if pooled is None else pooled[:, 0],
            counts=counts,
        )

    def generate(
        self, tokens: ArrayLike, max_new_tokens: int, executor: str | Executor = DEFAULT_EXECUTOR, **options: Any
    ) -> Generated:
        """Greedy continuation of one sequence of ids [tokens], the first of equal largest logits taken.

        >>> model.generate([9707, 1879], max_new_tokens=5).tokens
        >>> model.generate([9707, 1879], 5, nexus.executor("membrane", noise=0.2)).counts.depth

        Keys and values of earlier tokens come from a cache, which changes no bit: a token's arithmetic is that of the
        whole sequence. (PyTorch's orders of sums are those of its own kernels at the shapes of a cached step, which may
        differ from those of the whole sequence.) The host takes the largest logit.

        Raises:
            NexusError: no tokens, a model that has no head or is no decoder, or more tokens than it has positions for.
        """
        ids = fresh = self.checked_generation(tokens, max_new_tokens)
        forward, counts = self.forward(executor_named(executor, **options), hold=True), Counts()
        stream: Stream = {}
        for _ in range(max_new_tokens):
            past = cached_tokens(stream)
            stages = forward_stages(self.spec, fresh.shape[1], past, logits="last", keep=True)
            stream, passed = forward.through(stages, forward.enter(fresh, held=stream))
            fresh = np.argmax(self.arithmetic.format.from_patterns(stream["logits"])[:, -1], axis=-1)[None]
            ids = np.concatenate([ids, fresh], axis=1)
            counts.add(passed)
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

    def forward(self, executor: Executor, hold: bool = False) -> Forward:
        """What runs the model's stages by an executor; with `hold` the weights of small models stay in memory."""
        held = self._held if hold else None
        return Forward(self.spec, self.source if held is None else held, self.arithmetic, executor)

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
    format: FormatLike = FLOAT32,
    basis: str = "threshold",
    accumulate: Accumulate | Orders | None = None,
    silu: Literal["steps", "fused"] = "steps",
    product: str | None = None,
) -> Model:
    """A model from a Hugging Face folder: config.json and safetensors, whole or in shards, FP32, FP16 or BF16.

    Headers are read and checked now, weights when their layer runs.

    >>> model = nexus.load("Qwen3-0.6B", format="float16")
    >>> model([9707, 1879], logits="last").logits.argmax()

    Args:
        path: the folder.
        format: of all arithmetic and weights: a FloatFormat, or "float16", `np.float16`, `torch.float16`.
        basis: cells of the circuits, "threshold" or "nexus".
        accumulate: order of every sum; None for "sequential", or "exact" of native products.
        silu: x / (1 + exp(-x)) in four rounded steps, or the one circuit, which is within 1 ULP.
        product: of linear layers, one of `programs.KINDS`; "native" is by synapses, None by gates as the order asks.

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
    return Model(spec, source, _arithmetic(format, basis, accumulate, product))


def random_model(
    config: dict[str, Any],
    seed: int = 0,
    *,
    format: FormatLike = FLOAT32,
    basis: str = "threshold",
    accumulate: Accumulate | Orders | None = None,
    silu: Literal["steps", "fused"] = "steps",
    product: str | None = None,
) -> Model:
    """A model of seeded random weights, with the shapes that keys and values of a config.json describe.

    Weights are made when their layer runs, 0.02 N(0, 1) and norms 1 + 0.02 N(0, 1), so that a model of any size is
    there at once; `nexus.place` takes its shapes alone.

    >>> tiny = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 1}
    >>> more = {"vocab_size": 32, "max_position_embeddings": 16, "rms_norm_eps": 1e-6}
    >>> nexus.random_model({"model_type": "llama", **tiny, **more})([1, 2, 3]).logits.shape
    (1, 3, 32)

    Args:
        config: keys and values of a config.json.
        seed: of the weights.
        format, basis, accumulate, silu, product: as of `load`.

    Raises:
        NexusError: the config is not that of a supported model.
    """
    spec = spec_of(config, "config of the random model", silu)
    return Model(spec, RandomTensors(seed), _arithmetic(format, basis, accumulate, product))


def spec_of(config: Any, source: str, silu: str) -> ModelSpec:
    """The model of a config.json's values.

    Raises:
        NexusError: they are not those of a supported model.
    """
    if not isinstance(config, dict):
        raise NexusError(f"{source} must hold keys and values")
    return read_spec(config, source, {"steps": "silu", "fused": "silu_fused"}[silu])


def _arithmetic(
    format: FormatLike, basis: str, accumulate: Accumulate | Orders | None, product: str | None
) -> Arithmetic:
    found = as_format(format)
    if not isinstance(found, FloatFormat):
        raise NexusError(f"a model's format is {found}, must be a floating-point format")
    if accumulate is None:
        accumulate = "exact" if product == Native.name else "sequential"
    orders = accumulation(accumulate)
    if isinstance(orders, str):
        kind_of(product, named_order(orders, 1), True)  # refuses
    return Arithmetic(found, basis, orders, product=product)


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
