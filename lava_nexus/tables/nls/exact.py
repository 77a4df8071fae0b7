"""The exact functions in float64, and random operands: the reference that errors are measured against."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.nlspike import DEFAULT, Operator, Options, operator

Floats = NDArray[np.float64]

EPS = 1e-5


def silu(x: Floats) -> Floats:
    """x / (1 + exp(-x))."""
    return np.asarray(x / (1 + np.exp(-x)))


def gelu(x: Floats) -> Floats:
    """x P(X < x)."""
    return np.asarray(x * np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.ravel()]).reshape(x.shape))


def softmax(x: Floats) -> Floats:
    """exp(x) / sum of exp(x), along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def rms_norm(x: Floats) -> Floats:
    """x / sqrt(mean(x^2) + eps)."""
    return np.asarray(x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPS))


def layer_norm(x: Floats) -> Floats:
    """(x - mean) / sqrt(variance + eps)."""
    d = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(d / np.sqrt((d * d).mean(axis=-1, keepdims=True) + EPS))


EXACT: dict[str, Callable[[Floats], Floats]] = {
    "silu": silu,
    "gelu": gelu,
    "softmax": softmax,
    "rms_norm": rms_norm,
    "layer_norm": layer_norm,
}


def operands(name: str, size: int, rows: int, seed: int, reach: float = 5.0) -> Floats:
    """[rows, size]: evenly spaced on [-reach, reach] for SiLU and GELU; N(0, 1), times 7 for softmax."""
    if name in ("silu", "gelu"):
        return np.linspace(-reach, reach, rows)[:, None]
    scale = 7.0 if name == "softmax" else 1.0
    return np.asarray(np.random.default_rng((seed, size)).normal(size=(rows, size)) * scale)


def fixed(op: Operator, x: Floats) -> NDArray[np.int64]:
    """Operands rounded to the operator's format, saturated."""
    whole = np.rint(x * 2.0**op.in_fraction)
    return np.asarray(np.clip(whole, op.in_format.min, op.in_format.max), np.int64)


@dataclass(frozen=True)
class Error:
    """Errors of an operator.

    Attributes:
        grid_max, grid_mean: against the exact value rounded down to the grid of the results, as published.
        max, mean: against the exact value.
        relative: largest relative error of each row's largest element.
    """

    grid_max: float
    grid_mean: float
    max: float
    mean: float
    relative: float


def error_of(name: str, size: int, x: Floats, options: Options = DEFAULT) -> Error:
    """Errors of the operator's integer program, which its neurons equal bit for bit, on rows of x."""
    op = operator(name, size, options, EPS)
    return measured(op, x, op.golden(fixed(op, x)))


def measured(op: Operator, x: Floats, y: NDArray[np.int64]) -> Error:
    """Errors of results y, integers, for operands x."""
    exact = EXACT[op.name](x)
    step = 2.0**-op.out_fraction
    away, floored = np.abs(y * step - exact), np.abs(y * step - np.floor(exact / step) * step)
    top = np.abs(exact).argmax(axis=-1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.take_along_axis(away / np.abs(exact), top, -1)
    return Error(
        float(floored.max()),
        float(floored.mean()),
        float(away.max()),
        float(away.mean()),
        float(relative[np.isfinite(relative)].max(initial=0.0)),
    )
