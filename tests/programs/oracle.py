"""Layers in plain loops over numpy scalars of the format: what the programs must equal in every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]


def matmul(x: Values, weight: Values) -> Values:
    """x [t, k] times weight [n, k], added in the order of k, every step rounded to the dtype of x."""
    total = x[:, None, 0] * weight[None, :, 0]
    for k in range(1, x.shape[1]):
        total = total + x[:, None, k] * weight[None, :, k]
    return total


def fold(x: Values) -> Values:
    """The sum over the last axis, from the first element on."""
    total = x[..., 0]
    for k in range(1, x.shape[-1]):
        total = total + x[..., k]
    return total


def exp(x: Values) -> Values:
    """Correctly rounded: through FP64, which is enough for formats of 16 bits."""
    return np.exp(x.astype(np.float64)).astype(x.dtype)


def softmax(x: Values) -> Values:
    """exp(x - max) / sum, each step rounded."""
    terms = exp(x - x.max(axis=-1, keepdims=True))
    return terms / fold(terms)[..., None]


def rms_norm(x: Values, weight: Values, eps: float) -> Values:
    """x / sqrt(mean + eps) * weight, each step rounded."""
    mean = fold(x * x) / x.dtype.type(x.shape[-1])
    return x / np.sqrt(mean + x.dtype.type(eps))[..., None] * weight


def silu(x: Values) -> Values:
    """x / (1 + exp(-x)), each step rounded."""
    return x / (x.dtype.type(1) + exp(-x))
