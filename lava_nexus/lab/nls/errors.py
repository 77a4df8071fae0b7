"""Errors of operators of LIF populations beside published ones, sweeps of what they are built of, and primitives.

The reference is the exact function in float64, on random operands. Bounds of the primitives (the ladder with and
without shift, the chords, the norm's tree) are those of NLSpike (arXiv 2605.20289), theorem 5.1, second-hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.lab.published import published
from lava_nexus.lab.runs.approximation import softmax_of
from lava_nexus.lab.spread import spread
from lava_nexus.lab.trial import unless_quick
from lava_nexus.populations import DEFAULT, Operator, Options, operator
from lava_nexus.populations.catalogue import exponential_table
from lava_nexus.populations.division import Ladders, quotient
from lava_nexus.populations.vectoring import Tree, golden_norm

DIVISION_HEADER = ("divisor", "largest error, published ladder", "largest error, common shift", "largest error, digits")
_SLOPES = ("without rounding", "8-bit slopes", "16-bit slopes")
CHORD_HEADER = ("K", *(f"largest relative error, {how}" for how in _SLOPES), "bound")
TREE_HEADER = ("d", "largest error, k = 0..n-1", "largest error, k = 0..n", "bound")


def division_rows(bits: int = 8) -> list[tuple[Any, ...]]:
    """Rows of `DIVISION_HEADER`: steps of 2^-bits that a quotient is off, over all dividends up to the divisor."""
    rows = []
    ways = (Ladders(bits, (bits,), shift=False), Ladders(bits, (bits,)), Ladders.of(bits))
    near = {d + s for d in (2**k for k in range(bits, 2 * bits + 1)) for s in (-1, 0, 1)}
    between = {int(2 ** (k / 8)) for k in range(8 * bits, 16 * bits + 1)}
    for d in sorted(near | between):
        x = np.arange(d + 1)[:, None]
        exact = (x << bits) / d
        divisor = np.full(len(x), d)
        rows.append((d, *(float(np.abs(quotient(x, divisor, how) - exact).max()) for how in ways)))
    return rows


def chord_rows(bound: float = 5.0) -> list[tuple[Any, ...]]:
    """Rows of `CHORD_HEADER`: exp on [-bound, bound], every operand of the table."""
    rows = []
    for segments in (8, 16, 32, 64, 128, 256):
        edges = np.linspace(-bound, bound, segments + 1)
        x = np.linspace(-bound, bound, 1 + 256 * segments)
        found = [float(np.abs(np.interp(x, edges, np.exp(edges)) / np.exp(x) - 1).max())]
        for slope_bits in (8, 16):
            options = Options(bound=bound, segments=segments, slope_bits=slope_bits)
            table, fraction = exponential_table(options)
            steps = np.arange(table.length + 1)
            exact = np.exp(-bound + steps / 2.0 ** options.fraction())
            found.append(float(np.abs(table(steps + 1) / 2.0**fraction / exact - 1).max()))
        rows.append((segments, *found, exponential_bound(bound, segments)))
    return rows


def tree_rows(config: NlsTablesConfig, steps: int = 8) -> list[tuple[Any, ...]]:
    """Rows of `TREE_HEADER`: relative error of the norm of N(0, 1) rows, in 40 bits: no rounding to speak of."""
    rows = []
    for size in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        count = max(16, config.vectors * 64 // max(size, 64))
        x = np.abs(np.random.default_rng((config.seed, size)).normal(size=(count, size)))
        whole = (x * 2.0**32).astype(np.int64)
        exact = np.linalg.norm(whole.astype(np.float64), axis=1)
        found = []
        for inclusive in (False, True):
            tree = Tree(size, steps, inclusive)
            found.append(float(np.abs(golden_norm(whole, tree) / (tree.gain * exact) - 1).max()))
        rows.append((size, *found, norm_bound(size, steps)))
    return rows


def exponential_bound(bound: float, segments: int) -> float:
    """eps_exp = L^2 / (2 K^2) exp(2 L / K), relative."""
    return bound**2 / (2 * segments**2) * math.exp(2 * bound / segments)


def norm_bound(size: int, steps: int) -> float:
    """eps_pol = ceil(log2 d) 2^(-2 n - 1), relative."""
    return (size - 1).bit_length() * 2.0 ** (-2 * steps - 1)


def softmax_bound(bound: float, segments: int, step: float) -> float:
    """2 / (1 - eps_exp) (eps_exp + Delta), relative."""
    eps = exponential_bound(bound, segments)
    return 2 / (1 - eps) * (eps + step)


def silu_bound(x: float, bound: float, segments: int, step: float) -> float:
    """|x| 2 eps_exp / (1 - eps_exp) + |x| Delta, absolute."""
    eps = exponential_bound(bound, segments)
    return abs(x) * (2 * eps / (1 - eps) + step)


def rms_norm_bound(size: int, steps: int, step: float, doubled: bool) -> float:
    """(eps_pol + Delta) / (1 - eps_pol) + sqrt(d) Delta, relative; one of five notes has 2 eps_pol (`doubled`)."""
    eps = norm_bound(size, steps)
    return ((1 + doubled) * eps + step) / (1 - eps) + math.sqrt(size) * step


Floats = NDArray[np.float64]

EPS = 1e-5


def silu(x: Floats) -> Floats:
    """x / (1 + exp(-x))."""
    return np.asarray(x / (1 + np.exp(-x)))


def gelu(x: Floats) -> Floats:
    """x P(X < x)."""
    return np.asarray(x * np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.ravel()]).reshape(x.shape))


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
    "softmax": softmax_of,
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


ERROR_HEADER = (
    *("operator", "size", "variant", "max error on the grid", "mean error on the grid"),
    *("published max", "published mean", "max error", "mean error", "neurons", "depth"),
)
SWEEP_HEADER = ("operator", "size", "swept", "value", "max error", "mean error", "relative error", "bound", "neurons")

_VARIANTS = {
    "default": DEFAULT,
    "digits": Options(single_ladder=False),
    "16-bit slopes": Options(slope_bits=16, single_ladder=False),
    "grid 1/4096": Options(grid_bits=12, slope_bits=16, segments=256, in_fraction=12),
}
_ELEMENTWISE = ("silu", "gelu")
_FINER = {"silu": 11, "gelu": 11}  # fraction bits that still leave their operands a range of ±32
_SWEPT: dict[str, tuple[str, tuple[float, ...]]] = {
    "H": ("bound", (2, 3, 4, 5, 6, 8, 10)),
    "K": ("segments", (8, 16, 32, 64, 128, 256)),
    "n": ("grid_bits", (4, 5, 6, 7, 8, 9, 10, 12)),
    "CORDIC steps": ("steps", (3, 4, 5, 6, 7, 8, 10)),
}
_USED = {
    "silu": ("H", "K", "n"),
    "gelu": ("H", "K", "n"),
    "softmax": ("H", "K", "n"),
    "rms_norm": ("n", "CORDIC steps"),
    "layer_norm": ("n", "CORDIC steps"),
}


def error_rows(config: NlsTablesConfig) -> list[tuple[Any, ...]]:
    """Rows of `ERROR_HEADER`."""
    operators = [(name, size) for name in _USED for size in _sizes(name, config)]
    found = spread(config.cluster, _errors, config, operators, "errors", "operators")
    return [row for rows in found for row in rows]


def _errors(config: NlsTablesConfig, of: tuple[str, int]) -> list[tuple[Any, ...]]:
    name, size = of
    printed = unless_quick(published("nls").get((name, size)))
    x = operands(name, size, config.points if name in _ELEMENTWISE else config.vectors, config.seed)
    seen: set[str] = set()
    rows: list[tuple[Any, ...]] = []
    for variant, options in _VARIANTS.items():
        if variant == "16-bit slopes" and name.endswith("norm"):
            continue
        if variant == "grid 1/4096" and name != "softmax":
            options = replace(options, in_fraction=_FINER.get(name))
        op = operator(name, size, options, EPS)
        if op.digest in seen:  # quotients of more than 8 bits have digits either way
            continue
        seen.add(op.digest)
        e = error_of(name, size, x, options)
        beside = (printed.max, printed.mean) if printed and options.grid_bits == 8 else (None, None)
        rows.append((name, size, variant, e.grid_max, e.grid_mean, *beside, e.max, e.mean, op.neurons, op.depth))
    return rows


def sweep_rows(config: NlsTablesConfig) -> list[tuple[Any, ...]]:
    """Rows of `SWEEP_HEADER`: one option at a time, and the size."""
    middle = config.sizes[min(1, len(config.sizes) - 1)]
    found: list[tuple[str, int, str, str, float, float]] = []
    for name, swept in _USED.items():
        size = 1 if name in _ELEMENTWISE else middle
        reach = 10.0 if name in _ELEMENTWISE else 5.0
        for what in swept:
            field, values = _SWEPT[what]
            found += [(name, size, what, field, value, reach if what == "H" else 5.0) for value in values]
    sizes = [s for s in (1, 2, 4, 8, 16, 32, 64, 128, 256) if s <= max(config.sizes)]
    for name in ("softmax", "rms_norm", "layer_norm"):
        found += [(name, s, "d", "", s, 5.0) for s in sizes]
    return [row for row in spread(config.cluster, _swept, config, found, "sweeps", "rows") if row]


def _swept(config: NlsTablesConfig, one: tuple[str, int, str, str, float, float]) -> tuple[Any, ...] | None:
    name, size, what, field, value, reach = one
    whole = value if field == "bound" else int(value)
    changed: dict[str, Any] = {field: whole} if field else {}
    options = replace(DEFAULT, **changed)
    try:
        op = operator(name, size, options, EPS)
    except NexusError:  # a table beyond what a graded value holds
        return None
    x = operands(
        name, size, min(config.points, 4001) if name in _ELEMENTWISE else config.vectors // 4, config.seed, reach
    )
    e = error_of(name, size, x, options)
    return (name, size, what, whole, e.max, e.mean, e.relative, _bound(name, size, options, reach), op.neurons)


def _bound(name: str, size: int, options: Options, reach: float) -> float | None:
    """Theorem 5.1: absolute for SiLU at the end of the interval, relative for softmax and RMSNorm."""
    high, step = options.interval(5.0), 2.0**-options.grid_bits
    if name == "silu" and reach <= high:
        return silu_bound(reach, high, options.segments, step)
    if name == "softmax":
        return softmax_bound(high, options.segments, step)
    if name == "rms_norm":
        return rms_norm_bound(size, options.steps, step, doubled=False)
    return None


def _sizes(name: str, config: NlsTablesConfig) -> tuple[int, ...]:
    return (1,) if name in _ELEMENTWISE else config.sizes
