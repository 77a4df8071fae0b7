"""RMSNorm, LayerNorm and softmax."""

from __future__ import annotations

from math import frexp

from lava_nexus.layers.excerpt import Excerpt, Span
from lava_nexus.layers.program import Value
from lava_nexus.layers.spiking import replaced
from lava_nexus.layers.writer import Writer


def mean(w: Writer, total: Value, count: int) -> Value:
    """total / count; times 1 / count where count is a power of two, which gives the same bits for fewer neurons."""
    if frexp(count)[0] == 0.5:
        return w.apply("mul", total, w.constant(1.0 / count))
    return w.apply("div", total, w.constant(float(count)))


def root_mean_square(w: Writer, x: Value, eps: float) -> Value:
    """sqrt(mean(x * x) + eps) over the last axis, which stays as an axis of length 1."""
    square_sum = w.reduce("add", w.apply("mul", x, x))
    root = w.apply("sqrt", w.apply("add", mean(w, square_sum, x.shape[-1]), w.constant(eps)))
    return w.reshape(root, *root.shape, 1)


def rms_norm(w: Writer, x: Value, weight: Value, eps: float) -> Value:
    """x / sqrt(mean(x * x) + eps) * weight over the last axis.

    Shapes: x [..., width], weight [width]. Source: Zhang and Sennrich, 2019, arXiv 1910.07467.
    """
    scaled = replaced(w.of_kind("norm"), "rms_norm", x, eps)
    return w.apply("mul", scaled or _scaled(w, x, eps), weight)


def _scaled(w: Writer, x: Value, eps: float) -> Value:
    """x / sqrt(mean(x * x) + eps)."""
    return w.apply("div", x, root_mean_square(w, x, eps))


def layer_norm(w: Writer, x: Value, weight: Value, bias: Value, eps: float) -> Value:
    """d / sqrt(mean(d * d) + eps) * weight + bias with d = x - mean(x), means over the last axis.

    Shapes: x [..., width], weight and bias [width]. Source: Ba, Kiros and Hinton, 2016, arXiv 1607.06450.
    """
    scaled = replaced(w.of_kind("norm"), "layer_norm", x, eps)
    if scaled is None:
        centre = mean(w, w.reduce("add", x), x.shape[-1])
        scaled = _scaled(w, w.apply("sub", x, w.reshape(centre, *centre.shape, 1)), eps)
    return w.apply("add", w.apply("mul", scaled, weight), bias)


def softmax(w: Writer, x: Value, part: Excerpt | None = None) -> Value:
    """exp(x - max x) / sum of exp(x - max x) over the last axis, each term divided by the sum.

    `part` says of which larger matrix of scores x is a part; what is left out of it adds nothing.
    """
    weights = replaced(w.of_kind("softmax"), "softmax", x)
    if weights is not None:
        return weights
    largest = w.reduce("max", x)
    terms = w.apply("exp", w.apply("sub", x, w.reshape(largest, *largest.shape, 1)))
    whole = None if part is None else Excerpt(part.rows, Span.all(1), part.columns)
    total = w.reduce("add", terms, whole)
    return w.apply("div", terms, w.reshape(total, *total.shape, 1))
