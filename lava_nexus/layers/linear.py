"""Linear layers and what is added around them."""

from __future__ import annotations

from lava_nexus.layers.program import Value
from lava_nexus.layers.spiking import linear_by_spikes
from lava_nexus.layers.writer import Writer


def linear(w: Writer, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """y[t, n] = sum over k of x[t, k] * weight[n, k], then + bias[n].

    Shapes: x [..., tokens, inputs], weight [outputs, inputs], bias [outputs], y [..., tokens, outputs].
    """
    w = w.of_kind("linear")
    if w.spikes is None or not w.spikes.takes(w.layer) or weight.number not in w.program.constants:
        return w.contract(x, weight, bias)
    y = linear_by_spikes(w, x, weight)
    return y if bias is None else w.apply("add", y, bias)


def residual(w: Writer, x: Value, change: Value) -> Value:
    """x + change, of one shape."""
    return w.of_kind("residual").apply("add", x, change)
