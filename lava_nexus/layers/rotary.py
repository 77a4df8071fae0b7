"""Rotary position embedding (RoPE)."""

from __future__ import annotations

from lava_nexus.layers.program import Value
from lava_nexus.layers.writer import Writer


def rotary_angles(w: Writer, positions: Value, frequencies: Value) -> tuple[Value, Value]:
    """(cos, sin) of positions[t] * frequencies[i], the product rounded, each function a circuit.

    Shapes: positions [tokens, 1], frequencies [pairs], results [tokens, pairs].
    """
    inner = w.of_kind("rotary")
    angles = inner.apply("mul", positions, frequencies)
    return inner.apply("cos", angles), inner.apply("sin", angles)


def rotate(w: Writer, x: Value, cos: Value, sin: Value) -> Value:
    """Turns the pairs (x[i], x[i + pairs]) by their angles; what lies beyond 2 * pairs passes unchanged.

    y[i]         = x[i] * cos[i] - x[i + pairs] * sin[i]
    y[i + pairs] = x[i + pairs] * cos[i] + x[i] * sin[i]

    Each product, sum and difference is rounded. Shapes: x [..., tokens, width], cos and sin [tokens, pairs] with
    2 * pairs <= width. Source: Su et al., 2021, arXiv 2104.09864, in the half-split form of GPT-NeoX.
    """
    inner = w.of_kind("rotary")
    pairs, width = cos.shape[-1], x.shape[-1]
    low, high = inner.take(x, -1, 0, pairs), inner.take(x, -1, pairs, 2 * pairs)
    parts = [
        inner.apply("sub", inner.apply("mul", low, cos), inner.apply("mul", high, sin)),
        inner.apply("add", inner.apply("mul", high, cos), inner.apply("mul", low, sin)),
    ]
    if width > 2 * pairs:
        parts.append(inner.take(x, -1, 2 * pairs, width))
    return inner.concatenate(parts, -1)
