"""Feed-forward layers."""

from __future__ import annotations

from collections.abc import Callable

from lava_nexus.layers.linear import Weights, projection
from lava_nexus.layers.program import Value
from lava_nexus.layers.spiking import replaced
from lava_nexus.layers.writer import Writer


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


def feed_forward(w: Writer, x: Value, weights: Weights, activation: str = "silu", gated: bool = True) -> Value:
    """down(activation(gate(x)) * up(x)), or down(activation(up(x))) where it is not gated.

    With a gate and SiLU it is SwiGLU. Source: Shazeer, 2020, arXiv 2002.05202.
    """
    inner = w.inside("activation").of_kind("activation")
    if gated:
        gate = projection(w, x, weights, "gate")
        up = projection(w, x, weights, "up")
        return projection(w, inner.apply("mul", ACTIVATIONS[activation](inner, gate), up), weights, "down")
    return projection(w, ACTIVATIONS[activation](inner, projection(w, x, weights, "up")), weights, "down")
