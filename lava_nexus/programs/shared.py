"""Operators that share a root, a division or a rounding: the orders of `operators: shared`, with exact sums alone.

`wide` is the writer in the format of norms.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lava_nexus.programs.program import Value
from lava_nexus.programs.writer import Writer


def reciprocal_norm(wide: Writer, x: Value, eps: float) -> Value:
    """1 / sqrt(x . x + n eps) over the last axis, of length n, which stays as an axis of length 1.

    The sum is exact and rounded once, n eps one of its products. RMSNorm is then (x * (weight * sqrt(n))) times it.
    """
    row, more = wide.reshape(x, *x.shape[:-1], 1, x.shape[-1]), (*x.shape[:-1], 1, 1)
    last = [wide.constant(np.full(more, value)) for value in (float(x.shape[-1]), eps)]
    squares = wide.exact(wide.concatenate([row, last[0]], -1), wide.concatenate([row, last[1]], -1))
    return wide.apply("rsqrt", wide.reshape(squares, *x.shape[:-1], 1))


def weighted_values(w: Writer, wide: Writer, scores: Value, value: Value) -> Value:
    """softmax(scores) value, normalised behind the product: (e value) * (1 / sum of e), e = exp(scores - max scores).

    e is rounded to the writer's format; both sums of it are exact, each rounded once, in the format of norms. The
    reciprocal, one a row, is the square of the reciprocal root, a circuit of a quarter of the depth.
    Shapes: scores [..., tokens, keys], value [..., width, keys].
    """
    x = wide.converted(scores)
    largest = wide.reduce("max", x)
    lowered = wide.apply("neg", wide.reshape(largest, *largest.shape, 1))  # the adders of residuals do for differences
    terms = w.converted(wide.apply("exp", wide.apply("add", x, lowered)))
    total = replace(w, layer=wide.layer).exact(terms, to=wide.format)
    root = wide.apply("rsqrt", wide.reshape(total, *total.shape, 1))
    one = wide.apply("mul", root, root)
    return w.converted(replace(wide, layer=w.layer).apply("mul", w.exact(terms, value, to=wide.format), one))


def turned(wide: Writer, low: Value, high: Value, cos: Value, sin: Value) -> list[Value]:
    """RoPE's components, each an exact sum of two products, rounded once: [low, high] by [[cos, -sin], [sin, cos]]."""
    left = wide.concatenate([wide.reshape(x, *x.shape, 1, 1) for x in (low, high)], -1)
    rows = ((cos, wide.apply("neg", sin)), (sin, cos))
    matrix = [wide.concatenate([wide.reshape(x, *x.shape, 1, 1) for x in row], -1) for row in rows]
    both = wide.exact(left, wide.concatenate(matrix, -2))
    return [wide.reshape(wide.take(both, -1, k, k + 1), *low.shape) for k in range(2)]


def times_constant(w: Writer, x: Value, factor: float) -> Value:
    """x times a constant, rounded; of a constant a constant; x itself where the factor is 1."""
    if factor == 1.0:
        return x
    other = w.constant(factor)
    if x.number not in w.program.constants:
        return w.apply("mul", x, other)
    patterns = [w.program.constants[value.number] for value in (x, other)]
    return w.program.constant(w.circuit("mul").golden(*np.broadcast_arrays(*patterns)), w.format)
