"""The backward pass of layers, as programs of the same circuits as the forward pass.

Each function takes dy, the gradient of a loss with respect to the layer's output, and gives the gradients with respect
to its inputs. Every operation is rounded on its own, in the order of the docstring's lines, brackets first, then from
the left; every sum has the writer's order of accumulation. Where PyTorch's kernel has a formula of its own (SiLU,
softmax) it is that formula.
"""

from __future__ import annotations

from dataclasses import dataclass

from lava_nexus.programs.layers import mean, root_mean_square
from lava_nexus.programs.program import Value
from lava_nexus.programs.writer import Writer


@dataclass(frozen=True)
class LinearGradients:
    """Gradients with respect to x [..., tokens, inputs], weight [..., outputs, inputs] and bias [..., outputs]."""

    x: Value
    weight: Value
    bias: Value


@dataclass(frozen=True)
class NormGradients:
    """Gradients with respect to x [..., tokens, width] and weight [..., width]."""

    x: Value
    weight: Value


def linear_grad(w: Writer, dy: Value, x: Value, weight: Value) -> LinearGradients:
    """Gradients of y = x weight^T + bias.

    dx[t, k]      = sum over n of dy[t, n] * weight[n, k]
    dweight[n, k] = sum over t of dy[t, n] * x[t, k]
    dbias[n]      = sum over t of dy[t, n]

    Shapes: dy [..., tokens, outputs], x [..., tokens, inputs], weight [outputs, inputs]. Axes before the tokens are not
    summed over.
    """
    inner = w.of_kind("linear")
    columns = inner.swapped(dy)
    return LinearGradients(
        x=inner.contract(dy, inner.swapped(weight)),
        weight=inner.contract(columns, inner.swapped(x)),
        bias=inner.reduce("add", columns),
    )


def rms_norm_grad(w: Writer, dy: Value, x: Value, weight: Value, eps: float) -> NormGradients:
    """Gradients of y = x / r * weight with r = sqrt(mean(x * x) + eps), the mean over the last axis.

    n       = x / r                     (r and n as the forward pass rounds them)
    g       = dy * weight
    dx      = (g - n * mean(g * n)) / r
    dweight = sum over t of dy[t] * n[t]

    Shapes: dy and x [..., tokens, width], weight [width].
    """
    inner = w.of_kind("norm")
    root = root_mean_square(inner, x, eps)
    normed = inner.apply("div", x, root)
    g = inner.apply("mul", dy, weight)
    along = mean(inner, inner.reduce("add", inner.apply("mul", g, normed)), x.shape[-1])
    across = inner.apply("sub", g, inner.apply("mul", normed, inner.reshape(along, *along.shape, 1)))
    return NormGradients(
        x=inner.apply("div", across, root), weight=inner.reduce("add", inner.swapped(inner.apply("mul", dy, normed)))
    )


def silu_grad(w: Writer, dy: Value, x: Value) -> Value:
    """Gradient of y = x * s with s = 1 / (1 + exp(-x)), in the formula of PyTorch's `silu_backward`.

    dx = dy * s * (1 + x * (1 - s))

    Near x = -1.278 the bracket cancels: there its relative error is large whatever the precision of s.
    """
    inner, one = w.of_kind("activation"), w.constant(1.0)
    s = inner.apply("reciprocal", inner.apply("add", one, inner.apply("exp", inner.apply("neg", x))))
    bracket = inner.apply("add", one, inner.apply("mul", x, inner.apply("sub", one, s)))
    return inner.apply("mul", inner.apply("mul", dy, s), bracket)


def softmax_grad(w: Writer, dy: Value, y: Value) -> Value:
    """Gradient of y = softmax(x) over the last axis, from the output y.

    The formula is that of PyTorch's `_softmax_backward_data`:

    dx = (dy - sum(dy * y)) * y

    Shapes: dy, y and dx [..., width].
    """
    inner = w.of_kind("softmax")
    along = inner.reduce("add", inner.apply("mul", dy, y))
    return inner.apply("mul", inner.apply("sub", dy, inner.reshape(along, *along.shape, 1)), y)
