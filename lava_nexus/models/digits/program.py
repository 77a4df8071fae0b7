"""The digits transformer as a program. `witness.py` is the same model in PyTorch, written apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat
from lava_nexus.layers import (
    GATES,
    Accumulate,
    AttentionWeights,
    BlockWeights,
    FeedForwardWeights,
    Nonlinear,
    Orders,
    Program,
    SpikingLinear,
    Value,
    Writer,
    linear,
    mean,
    pre_norm_block,
    residual,
    rms_norm,
)
from lava_nexus.models.digits.spec import TransformerSpec


def digits_program(
    tensors: Mapping[str, NDArray[Any]],
    spec: TransformerSpec,
    fmt: FloatFormat,
    basis: str = "threshold",
    accumulate: Accumulate | Orders = "sequential",
    nonlinear: Nonlinear = GATES,
    spikes: SpikingLinear | None = None,
) -> Program:
    """tokens [tokens, token_width] to logits [1, classes], in one format throughout.

    Weights are rounded to the format before anything runs. `nonlinear` and `spikes` say what LIF populations do.
    """
    w = Writer(Program("digits"), fmt, basis, accumulate, nonlinear=nonlinear, spikes=spikes)
    weights = {name: w.constant(tensor) for name, tensor in tensors.items()}
    tokens = w.program.input("tokens", (spec.tokens, spec.token_width), fmt)
    h = linear(w.inside("embedding"), tokens, weights["embedding.weight"], weights["embedding.bias"])
    h = residual(w.inside("positions"), h, weights["positions"])
    for i in range(spec.blocks):
        h = pre_norm_block(
            w.inside(f"block{i}"), h, _block_weights(weights, i), spec.heads, float(np.float32(spec.scale)), spec.eps
        )
    h = rms_norm(w.inside("final_norm"), h, weights["final_norm.weight"], spec.eps)
    pooled = _pool(w.inside("pooling").of_kind("pooling"), h)
    logits = linear(w.inside("classifier"), pooled, weights["classifier.weight"], weights["classifier.bias"])
    w.program.outputs["logits"] = logits
    return w.program


def _pool(w: Writer, h: Value) -> Value:
    """Mean over tokens: [tokens, width] to [1, width]."""
    return mean(w, w.reshape(w.reduce("add", w.transpose(h, -1, -2)), 1, h.shape[-1]), h.shape[-2])


def _block_weights(weights: Mapping[str, Value], i: int) -> BlockWeights:
    def tensor(name: str) -> Value:
        return weights[f"blocks.{i}.{name}.weight"]

    return BlockWeights(
        attention_norm=tensor("attention_norm"),
        attention=AttentionWeights(*(tensor(f"attention.{n}") for n in ("query", "key", "value", "output"))),
        feed_forward_norm=tensor("feed_forward_norm"),
        feed_forward=FeedForwardWeights(*(tensor(f"feed_forward.{n}") for n in ("gate", "up", "down"))),
    )
