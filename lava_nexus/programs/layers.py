"""Layers written into a program: linear and feed-forward layers, norms, softmax, rotary position embedding (RoPE).

Nonlinear operators and linear layers are circuits, or LIF populations between circuits that lead to fixed point and
back, as the writer says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import frexp, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lava_nexus.circuits import circuit
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32, FLOAT64, FloatFormat, NumberFormat
from lava_nexus.populations import Operator, operator
from lava_nexus.populations.catalogue import WEIGHT_MAX, spiking_linear
from lava_nexus.programs import shared
from lava_nexus.programs.excerpt import Excerpt, Span
from lava_nexus.programs.program import Value
from lava_nexus.programs.writer import Writer

Weights: TypeAlias = Mapping[str, Value]
"""Tensors of a layer by role: `query.weight`, `query.bias`, ... A bias that is absent is not added."""

_ELEMENTWISE = ("silu", "gelu")


def linear(w: Writer, x: Value, weight: Value, bias: Value | None = None, *, part: Excerpt | None = None) -> Value:
    """y[t, n] = sum over k of x[t, k] * weight[n, k], then + bias[n]; `part` says of which larger layer it is a part.

    Shapes: x [..., tokens, inputs], weight [outputs, inputs], bias [outputs], y [..., tokens, outputs].
    """
    w = w.of_kind("linear")
    if w.spikes is None or not w.spikes.takes(w.layer) or weight.number not in w.program.constants:
        return w.contract(x, weight, bias, excerpt=part)
    y = _linear_by_spikes(w, x, weight)
    return y if bias is None else w.apply("add", y, bias)


@dataclass(frozen=True)
class Normed:
    """value * factor, of which linear layers take the value, and are multiplied by the factor, one a row, behind.

    Shapes: value [..., tokens, width], factor [..., tokens, 1].
    """

    value: Value
    factor: Value

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the product."""
        return self.value.shape

    def times(self, w: Writer, constant: float) -> Normed:
        """With each value times a constant, rounded."""
        return Normed(shared.times_constant(w.of_kind("norm"), self.value, constant), self.factor)


def projection(w: Writer, x: Value | Normed, weights: Weights, role: str) -> Value:
    """x weight^T + bias of a role, in a layer of that name."""
    w, weight, bias = w.inside(role), weights[f"{role}.weight"], weights.get(f"{role}.bias")
    if isinstance(x, Value):
        return linear(w, x, weight, bias)
    wide = widened(w.inside("factor").of_kind("norm"))
    y = w.converted(wide.apply("mul", wide.converted(linear(w, x.value, weight)), x.factor))
    return y if bias is None else w.of_kind("linear").apply("add", y, bias)


def split_heads(w: Writer, x: Value, heads: int) -> Value:
    """[tokens, heads * width] to [heads, tokens, width]."""
    tokens, width = x.shape
    return w.transpose(w.reshape(x, tokens, heads, width // heads), -2, -3, -1)


def merge_heads(w: Writer, x: Value) -> Value:
    """[heads, tokens, width] to [tokens, heads * width]."""
    heads, tokens, width = x.shape
    return w.reshape(w.transpose(x, -2, -3, -1), tokens, heads * width)


def residual(w: Writer, x: Value, change: Value) -> Value:
    """x + change, of one shape."""
    return w.of_kind("residual").apply("add", x, change)


def silu(w: Writer, x: Value) -> Value:
    """x / (1 + exp(-x)), each of the four operations rounded, or by LIF populations."""
    y = _replaced(w, "silu", x)
    if y is not None:
        return y
    wide = widened(w)
    x = wide.converted(x)
    return w.converted(
        wide.apply("div", x, wide.apply("add", wide.constant(1.0), wide.apply("exp", wide.apply("neg", x))))
    )


def capped(w: Writer, x: Value, cap: float) -> Value:
    """cap tanh(x / cap). Source: Gemma Team, 2024, arXiv 2408.00118."""
    return w.apply("mul", w.apply("tanh", w.apply("div", x, w.constant(cap))), w.constant(cap))


ACTIVATIONS: dict[str, Callable[[Writer, Value], Value]] = {
    "silu": silu,
    "silu_fused": lambda w, x: _replaced(w, "silu", x) or w.apply("silu", x),
    "gelu": lambda w, x: _replaced(w, "gelu", x) or w.apply("gelu", x),
    "gelu_tanh": lambda w, x: _replaced(w, "gelu", x) or w.apply("gelu_tanh", x),
    "relu": lambda w, x: w.apply("max", x, w.constant(0.0)),
    "tanh": lambda w, x: w.apply("tanh", x),
}
"""Activations by name: `silu` of its four operations, the others one circuit each (`relu` is maximum(x, 0))."""


def feed_forward(w: Writer, x: Value | Normed, weights: Weights, activation: str = "silu", gated: bool = True) -> Value:
    """down(activation(gate(x)) * up(x)), or down(activation(up(x))) where it is not gated.

    With a gate and SiLU it is SwiGLU. Source: Shazeer, 2020, arXiv 2002.05202.
    """
    inner = w.inside("activation").of_kind("activation")
    if gated:
        gate = projection(w, x, weights, "gate")
        up = projection(w, x, weights, "up")
        return projection(w, inner.apply("mul", ACTIVATIONS[activation](inner, gate), up), weights, "down")
    return projection(w, ACTIVATIONS[activation](inner, projection(w, x, weights, "up")), weights, "down")


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
    scaled = _replaced(w.of_kind("norm"), "rms_norm", x, eps)
    if scaled is not None:
        return w.apply("mul", scaled, weight)
    wide = widened(w)
    x, weight = wide.converted(x), wide.converted(weight)
    if w.operators != "steps":
        scaled = wide.apply("mul", x, shared.times_constant(wide, weight, sqrt(x.shape[-1])))
        return w.converted(wide.apply("mul", scaled, shared.reciprocal_norm(wide, x, eps)))
    return w.converted(wide.apply("mul", _scaled(wide, x, eps), weight))


def deferred_norm(w: Writer, x: Value, weight: Value, eps: float) -> Normed:
    """As `rms_norm` with shared operators: (x * (weight * sqrt(n))), and 1 / sqrt(x . x + n eps) for behind."""
    wide = widened(w.of_kind("norm"))
    x, weight = wide.converted(x), wide.converted(weight)
    scaled = wide.apply("mul", x, shared.times_constant(wide, weight, sqrt(x.shape[-1])))
    return Normed(w.converted(scaled), shared.reciprocal_norm(wide, x, eps))


def _scaled(w: Writer, x: Value, eps: float) -> Value:
    """x / sqrt(mean(x * x) + eps)."""
    return w.apply("div", x, root_mean_square(w, x, eps))


def layer_norm(w: Writer, x: Value, weight: Value, bias: Value, eps: float) -> Value:
    """d / sqrt(mean(d * d) + eps) * weight + bias with d = x - mean(x), means over the last axis.

    Shapes: x [..., width], weight and bias [width]. Source: Ba, Kiros and Hinton, 2016, arXiv 1607.06450.
    """
    scaled = _replaced(w.of_kind("norm"), "layer_norm", x, eps)
    if scaled is not None:
        return w.apply("add", w.apply("mul", scaled, weight), bias)
    wide = widened(w)
    x = wide.converted(x)
    centre = mean(wide, wide.reduce("add", x), x.shape[-1])
    scaled = _scaled(wide, wide.apply("sub", x, wide.reshape(centre, *centre.shape, 1)), eps)
    y = wide.apply("add", wide.apply("mul", scaled, wide.converted(weight)), wide.converted(bias))
    return w.converted(y)


def softmax(w: Writer, x: Value, part: Excerpt | None = None) -> Value:
    """exp(x - max x) / sum of exp(x - max x) over the last axis, each term divided by the sum.

    `part` says of which larger matrix of scores x is a part; what is left out of it adds nothing.
    """
    weights = _replaced(w.of_kind("softmax"), "softmax", x)
    if weights is not None:
        return weights
    wide = widened(w)
    x = wide.converted(x)
    largest = wide.reduce("max", x)
    terms = wide.apply("exp", wide.apply("sub", x, wide.reshape(largest, *largest.shape, 1)))
    whole = None if part is None else Excerpt(part.rows, Span.all(1), part.columns)
    total = wide.reduce("add", terms, whole)
    return w.converted(wide.apply("div", terms, wide.reshape(total, *total.shape, 1)))


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
    w = w.of_kind("rotary")
    inner, pairs, width = widened(w), cos.shape[-1], x.shape[-1]
    low, high = (inner.converted(w.take(x, -1, start, start + pairs)) for start in (0, pairs))
    cos, sin = inner.converted(cos), inner.converted(sin)
    if w.operators != "steps":
        parts = [w.converted(part) for part in shared.turned(inner, low, high, cos, sin)]
    else:
        parts = [
            w.converted(inner.apply("sub", inner.apply("mul", low, cos), inner.apply("mul", high, sin))),
            w.converted(inner.apply("add", inner.apply("mul", high, cos), inner.apply("mul", low, sin))),
        ]
    if width > 2 * pairs:
        parts.append(w.take(x, -1, 2 * pairs, width))
    return w.concatenate(parts, -1)


def widened(w: Writer) -> Writer:
    """The writer in the format of norms, softmax and RoPE's sums."""
    if w.norm_format is None or w.norm_format == w.format:
        return w
    return replace(w, format=w.norm_format, accumulate_format=None)


def _replaced(w: Writer, name: str, x: Value, eps: float = 1e-5) -> Value | None:
    """The operator over the last axis by LIF populations, where the writer says so."""
    options = w.nonlinear.options(name, w.layer)
    if options is None:
        return None
    op = operator(name, 1 if name in _ELEMENTWISE else x.shape[-1], options, eps)
    y = _through(w, op, x, 2.0**op.in_fraction, 2.0**-op.out_fraction)
    return _convert(w, y, w.format)


def _linear_by_spikes(w: Writer, x: Value, weight: Value) -> Value:
    """y[t, n] = sum over k of x[t, k] * weight[n, k], operand and weights quantised.

    Raises:
        NexusError: the layer has no calibrated range, or its operator does not exist.
    """
    how = w.spikes
    assert how is not None
    if w.layer not in how.ranges:
        raise NexusError(f"layer '{w.layer}' has no calibrated range for its spike counts")
    matrix = weight.format.from_patterns(w.program.constants[weight.number]).astype(np.float64)
    scale = np.abs(matrix).max(axis=1) / WEIGHT_MAX
    scale[scale == 0] = 1.0
    op = spiking_linear(np.round(matrix / scale[:, None]).astype(np.int64), how.steps, how.bits)
    step = (how.ranges[w.layer] or 1.0) / ((1 << how.bits) - 1)
    return _convert(w, _through(w, op, x, 1 / step, scale * step), w.format)


def _through(w: Writer, op: Operator, x: Value, before: float, after: ArrayLike) -> Value:
    """The operator on convert(x * before), its results times `after`; in FP32, or FP64 where the values are."""
    wide = FLOAT64 if x.format == FLOAT64 else FLOAT32
    whole = _convert(w, _times(w, _convert(w, x, wide), before, wide), op.in_format)
    y = w.program.populate(op, whole, w.layer)
    return _times(w, _convert(w, y, wide), after, wide)


def _times(w: Writer, x: Value, factor: ArrayLike, fmt: FloatFormat) -> Value:
    constant = w.program.constant(fmt.to_patterns(np.asarray(factor).astype(fmt.dtype)), fmt)
    return w.program.apply(circuit("mul", fmt, basis=w.basis), x, constant, layer=w.layer)


def _convert(w: Writer, x: Value, to: NumberFormat) -> Value:
    if x.format == to:
        return x
    return w.program.apply(circuit("convert", x.format, to=to, basis=w.basis), x, layer=w.layer)
