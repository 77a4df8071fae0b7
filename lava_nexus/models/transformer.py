"""A transformer as integrate-and-fire logic: loaded from a checkpoint, called with tokens, generating text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.operands import whole_number
from lava_nexus.execute.run import DEFAULT_EXECUTOR, executor_named
from lava_nexus.models.forward import Counts, Forward, Tokens, tell
from lava_nexus.models.generation import (
    GREEDY,
    LENGTH,
    Generated,
    ModelOutput,
    Pooling,
    Sampling,
    masked,
    pooled,
    why_stop,
)
from lava_nexus.models.generation import token_array as token_array
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.stage import Arithmetic, check_eps
from lava_nexus.models.stages import Logits, forward_stages
from lava_nexus.models.stream import Stream, cached_tokens
from lava_nexus.models.tensors import HeldTensors, TensorSource, Weights
from lava_nexus.populations.catalogue import Nonlinear, SpikingLinear
from lava_nexus.shown import Shown

_HELD_WEIGHTS = 1 << 28
"""Weights up to which all that was read stays in memory while tokens are generated: 1 GiB of FP32."""


class Model(Shown):
    """A transformer whose every operation is a circuit of neurons.

    Attributes:
        spec: sizes and architecture.
        source: where its weights come from.
        arithmetic: format, basis and order of sums.
    """

    def _facts(self) -> tuple[str, dict[str, Any]]:
        spec, made = self.spec, self.arithmetic
        weights = sum(prod(shape) for shape in spec.tensors.values())
        sizes = {"layers": spec.layers, "width": spec.width, "vocabulary": spec.vocabulary, "weights": weights}
        return spec.kind, {**sizes, "format": str(made.format), "basis": made.basis, "computes": "by gates"}

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
        attention_mask: ArrayLike | None = None,
        **options: Any,
    ) -> ModelOutput:
        """A forward pass.

        >>> found = model([[9707, 1879]], "bitsliced", layers=(0, 2))
        >>> found.hidden_states[-1].shape, sum(tally.spikes for tally in found.counts.tallies)

        Args:
            tokens: ids [tokens] or [batch, tokens]; sequences of a batch have one length unless a mask says otherwise.
                Of a model of images its pixels, normalised already: [batch, channels, height, width] or one image.
            executor: its name, one of `lava_nexus.executors()`, or an executor.
            token_types: of each token, where the model has types; 0 where left out.
            layers: (first, behind the last) of the layers to run; the first takes the embeddings, and nothing that
                follows the layers runs unless the last layer is among them. None for the whole model.
            logits: of all tokens, of the last one, or none.
            attention_mask: 1 for each real token [batch, tokens], 0 for those in front of or behind them that only fill
                a sequence up. These are not computed: what is told of them is 0, a sequence's first real token has
                position 0, and its bits are those of the sequence alone.
            options: of the executor that is named.

        Raises:
            NexusError: tokens, types or layers that the model does not have, or a checkpoint that turns out to be bad.
        """
        if self.spec.images is not None:
            if token_types is not None or attention_mask is not None:
                raise NexusError(f"model '{self.source.name}' takes images, which have no token types and no mask")
            forward = self.forward(executor_named(executor, **options))
            return self._passed(forward, forward.see(tokens), self.spec.positions, layers, logits)
        ids, types = token_array(tokens), None if token_types is None else token_array(token_types)
        if attention_mask is not None:
            run = partial(self, executor=executor_named(executor, **options), layers=layers, logits=logits)
            ending = "last" if "final_norm.weight" in self.spec.ending_tensors else "logits"
            return masked(
                ids, np.asarray(attention_mask), types, run, {"logits", ending} if logits == "last" else set()
            )
        self.check_padding(ids)
        forward = self.forward(executor_named(executor, **options))
        return self._passed(forward, forward.enter(ids, types), ids.shape[1], layers, logits)

    def _passed(
        self, forward: Forward, stream: Stream, tokens: int, layers: tuple[int, int] | None, logits: Logits
    ) -> ModelOutput:
        """What a pass over so many tokens gives."""
        stages = forward_stages(self.spec, tokens, layers=self.checked_layers(layers), logits=logits)
        counts, hidden = Counts(), []
        for done in forward.run(stages, stream):
            counts.add(done.counts)
            hidden += [done.left["hidden"]] if "hidden" in done.left else []
            stream = done.stream
        values = self.arithmetic.format.from_patterns
        found, pooled = (None if name not in stream else values(stream[name]) for name in ("logits", "pooled"))
        alone = pooled is not None or (self.spec.head is not None and self.spec.head.first)
        last = stream.get("features" if "final_norm.weight" in self.spec.ending_tensors else "hidden")
        if self.checked_layers(layers)[1] < self.spec.layers:
            last = None
        tell(counts.alarms)
        return ModelOutput(
            hidden_states=tuple(values(h) for h in hidden),
            logits=found[:, 0] if found is not None and alone else found,
            pooled=None if pooled is None else pooled[:, 0],
            counts=counts,
            last_hidden_state=None if last is None else values(last),
        )

    def embed(
        self,
        tokens: ArrayLike,
        executor: str | Executor = DEFAULT_EXECUTOR,
        *,
        attention_mask: ArrayLike | None = None,
        pooling: Pooling = "mean",
        normalised: bool = True,
        **options: Any,
    ) -> NDArray[Any]:
        """Sentence embeddings [batch, width]: the last hidden states pooled by circuits, over real tokens.

        >>> model.embed([[101, 1996, 4937, 102]])

        Args:
            tokens, executor, attention_mask, options: as of a call.
            pooling: "mean" of the tokens, or the first one's ("cls").
            normalised: whether each is divided by its Euclidean norm.

        Raises:
            NexusError: as a call.
        """
        ids, made = token_array(tokens), executor_named(executor, **options)
        mask = np.ones_like(ids) if attention_mask is None else np.asarray(attention_mask)
        found = self(ids, made, attention_mask=mask, logits="none").last_hidden_state
        if found is None:
            raise NexusError(f"model '{self.source.name}' has a head, whose body ends without its norm")
        real = [row[kept.astype(bool)] for row, kept in zip(found, mask, strict=True)]
        return np.stack([pooled(self.arithmetic, row, pooling, normalised, made) for row in real])

    def generate(
        self,
        tokens: ArrayLike,
        max_new_tokens: int,
        executor: str | Executor = DEFAULT_EXECUTOR,
        *,
        sampling: Sampling = GREEDY,
        ends: Collection[int] | None = None,
        **options: Any,
    ) -> Generated:
        """Continuation of one sequence of ids [tokens], greedy unless `sampling` says otherwise.

        >>> model.generate([9707, 1879], max_new_tokens=5).tokens
        >>> model.generate([9707, 1879], 5, nexus.executor("membrane", noise=0.2)).counts.depth

        Keys and values of earlier tokens come from a cache, which changes no bit: a token's arithmetic is that of the
        whole sequence. (PyTorch's orders of sums are those of its own kernels at the shapes of a cached step, which may
        differ from those of the whole sequence.) The host takes the token.

        Args:
            tokens: given.
            max_new_tokens: most tokens to generate; fewer where the sequence ends, or where a logit is NaN or a run in
                a narrow format meets infinities that FP32 does not have.
            executor: its name or an executor.
            sampling: how a token is taken from logits.
            ends: tokens that end the sequence; None for those of the checkpoint's configs.
            options: of the executor that is named.

        Raises:
            NexusError: as a call, or a model that has no causal layers or no head.
        """
        ids = self.checked_generation(tokens, max_new_tokens)
        if not isinstance(sampling, Sampling):
            raise NexusError(f"sampling {sampling!r} is not a Sampling, as lava_nexus.models.generation has it")
        forward, counts = self.forward(executor_named(executor, **options), hold=True), Counts()
        last, stop = self.spec.ends if ends is None else ends, None
        stream: Stream = {}
        for number in range(max_new_tokens):
            past = cached_tokens(stream)
            if any(rope.restarts(past, ids.shape[1]) for rope in self.spec.ropes):
                past, stream = 0, {}
            fresh = ids[:, past:]
            stages = forward_stages(self.spec, fresh.shape[1], past, logits="last", keep=True)
            stream, passed = forward.through(stages, forward.enter(fresh, held=stream))
            logits = self.arithmetic.format.from_patterns(stream["logits"])[0, -1]
            counts.add(passed)
            token = sampling.choose(logits, number)
            stop = why_stop(token, logits, counts, last)
            if stop is None or token in last:
                ids = np.concatenate([ids, [[token]]], axis=1)
            if stop is not None:
                break
        tell(counts.alarms)
        return Generated(ids[0], counts, stop or LENGTH)

    def checked_generation(self, tokens: ArrayLike, max_new_tokens: int) -> Tokens:
        """One sequence of ids [1, tokens] that can be continued by so many tokens.

        Raises:
            NexusError: it cannot be.
        """
        ids = token_array(tokens)
        self.check_padding(ids)
        whole_number("max_new_tokens", max_new_tokens, 0)
        if len(ids) != 1:
            raise NexusError(f"generation of {max_new_tokens} tokens after {len(ids)} sequences, must be after one")
        if not (self.spec.shape.causal and self.spec.head):
            raise NexusError(f"model '{self.source.name}' has no language-model head, so it generates nothing")
        if ids.shape[1] + max_new_tokens > self.spec.positions + 1:
            raise NexusError(
                f"{ids.shape[1]} tokens and {max_new_tokens} new ones are more than the model's "
                f"{self.spec.positions} positions"
            )
        return ids

    def check_padding(self, ids: Tokens) -> None:
        """Raises NexusError where sequences seem to be filled up: nothing says which of their tokens are real."""
        padding = self.spec.padding
        if padding is not None and (ids[:, [0, -1]] == padding).any():
            raise NexusError(
                f"a sequence begins or ends with the padding token {padding}; give its real tokens alone, or an "
                "attention_mask"
            )

    def forward(self, executor: Executor, hold: bool = False) -> Forward:
        """What runs the model's stages by an executor; with `hold` the weights of small models stay in memory.

        Raises:
            NexusError: the eps of norms is 0 in the format that they are computed in.
        """
        check_eps(self.spec.shape.eps, self.arithmetic)
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
        pair = (0, self.spec.layers) if layers is None else layers
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise NexusError(f"layers {layers!r} are not (first, behind the last)")
        first, behind = (whole_number("number of a layer", one, None) for one in pair)
        if not 0 <= first < behind <= self.spec.layers:
            raise NexusError(f"layers {first} to {behind} are not a range in the model's 0 to {self.spec.layers}")
        return first, behind
