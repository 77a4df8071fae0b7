"""Feed-forward layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lava_nexus.layers.linear import linear
from lava_nexus.layers.program import Value
from lava_nexus.layers.spiking import replaced
from lava_nexus.layers.writer import Writer


@dataclass(frozen=True)
class FeedForwardWeights:
    """Weights [outputs, inputs] of a gated feed-forward layer."""

    gate: Value
    up: Value
    down: Value


def silu(w: Writer, x: Value) -> Value:
    """x / (1 + exp(-x)), each of the four operations rounded, or by LIF populations."""
    y = replaced(w, "silu", x)
    if y is not None:
        return y
    return w.apply("div", x, w.apply("add", w.constant(1.0), w.apply("exp", w.apply("neg", x))))


ACTIVATIONS: dict[str, Callable[[Writer, Value], Value]] = {
    "silu": silu,
    "silu_fused": lambda w, x: replaced(w, "silu", x) or w.apply("silu", x),
    "gelu": lambda w, x: replaced(w, "gelu", x) or w.apply("gelu", x),
    "gelu_tanh": lambda w, x: replaced(w, "gelu", x) or w.apply("gelu_tanh", x),
    "relu": lambda w, x: w.apply("max", x, w.constant(0.0)),
    "tanh": lambda w, x: w.apply("tanh", x),
}
"""Activations by name: `silu` of its four operations, the others one circuit each (`relu` is maximum(x, 0))."""


def swiglu(w: Writer, x: Value, weights: FeedForwardWeights) -> Value:
    """(silu(x gate^T) * (x up^T)) down^T. Source: Shazeer, 2020, arXiv 2002.05202."""
    gate = linear(w.inside("gate"), x, weights.gate)
    up = linear(w.inside("up"), x, weights.up)
    inner = w.inside("activation").of_kind("activation")
    gated = inner.apply("mul", silu(inner, gate), up)
    return linear(w.inside("down"), gated, weights.down)
