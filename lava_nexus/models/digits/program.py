"""The digits transformer as a program. `witness.py` is the same model in PyTorch, written apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat
from lava_nexus.layers import (
    GATES,
    Accumulate,
    LayerShape,
    Nonlinear,
    Orders,
    Program,
    SpikingLinear,
    Value,
    Writer,
    linear,
    mean,
    residual,
    rms_norm,
    transformer_layer,
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
    weights: Literal["operand", "constant"] = "operand",
    weight_format: FloatFormat | None = None,
    accumulate_format: FloatFormat | None = None,
) -> Program:
    """tokens [tokens, token_width] to logits [1, classes], in one format throughout.

    Weights are rounded to the format, or to one of their own first, before anything runs; products and sums may have
    another. `nonlinear` and `spikes` say what LIF populations do.
    """
    w = Writer(
        Program("digits"),
        fmt,
        basis,
        accumulate,
        nonlinear=nonlinear,
        spikes=spikes,
        weights=weights,
        weight_format=weight_format,
        accumulate_format=accumulate_format,
    )
    values = {name: w.constant(tensor) for name, tensor in tensors.items()}
    tokens = w.program.input("tokens", (spec.tokens, spec.token_width), fmt)
    h = linear(w.inside("embedding"), tokens, values["embedding.weight"], values["embedding.bias"])
    h = residual(w.inside("positions"), h, values["positions"])
    shape = LayerShape(
        heads=spec.heads,
        kv_heads=spec.heads,
        head_dim=spec.head_dim,
        scale=spec.scale,
        arrangement="pre_norm",
        norm="rms",
        eps=spec.eps,
        activation="silu",
        gated=True,
        causal=False,
    )
    for i in range(spec.blocks):
        h, _ = transformer_layer(w.inside(f"block{i}"), h, _block_weights(values, i), shape)
    h = rms_norm(w.inside("final_norm"), h, values["final_norm.weight"], spec.eps)
    pooled = _pool(w.inside("pooling").of_kind("pooling"), h)
    logits = linear(w.inside("classifier"), pooled, values["classifier.weight"], values["classifier.bias"])
    w.program.outputs["logits"] = logits
    return w.program


def _pool(w: Writer, h: Value) -> Value:
    """Mean over tokens: [tokens, width] to [1, width]."""
    return mean(w, w.reshape(w.reduce("add", w.transpose(h, -1, -2)), 1, h.shape[-1]), h.shape[-2])


def _block_weights(weights: Mapping[str, Value], i: int) -> dict[str, Value]:
    """The block's weights by the last words of their names: `query.weight` of `blocks.0.attention.query.weight`."""
    start = f"blocks.{i}."
    return {".".join(name.split(".")[-2:]): value for name, value in weights.items() if name.startswith(start)}
