"""Linear layers and what is added around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lava_nexus.layers.excerpt import Excerpt
from lava_nexus.layers.program import Value
from lava_nexus.layers.spiking import linear_by_spikes
from lava_nexus.layers.writer import Writer

Weights: TypeAlias = Mapping[str, Value]
"""Tensors of a layer by role: `query.weight`, `query.bias`, ... A bias that is absent is not added."""


def linear(w: Writer, x: Value, weight: Value, bias: Value | None = None, *, part: Excerpt | None = None) -> Value:
    """y[t, n] = sum over k of x[t, k] * weight[n, k], then + bias[n]; `part` says of which larger layer it is a part.

    Shapes: x [..., tokens, inputs], weight [outputs, inputs], bias [outputs], y [..., tokens, outputs].
    """
    w = w.of_kind("linear")
    if w.spikes is None or not w.spikes.takes(w.layer) or weight.number not in w.program.constants:
        return w.contract(x, weight, bias, excerpt=part)
    y = linear_by_spikes(w, x, weight)
    return y if bias is None else w.apply("add", y, bias)


def projection(w: Writer, x: Value, weights: Weights, role: str) -> Value:
    """x weight^T + bias of a role, in a layer of that name."""
    return linear(w.inside(role), x, weights[f"{role}.weight"], weights.get(f"{role}.bias"))


def residual(w: Writer, x: Value, change: Value) -> Value:
    """x + change, of one shape."""
    return w.of_kind("residual").apply("add", x, change)
