"""The three primitives beside the paper's bounds: the ladder with and without shift, the chords, the norm's tree.

The bounds are those of NLSpike (arXiv 2605.20289), theorem 5.1, second-hand.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.populations import Options
from lava_nexus.populations.division import Ladders, quotient
from lava_nexus.populations.primitives import exponential_table
from lava_nexus.populations.vectoring import Tree, golden_norm

DIVISION_HEADER = ("divisor", "largest error, published ladder", "largest error, common shift", "largest error, digits")
CHORD_HEADER = (
    "K",
    "largest relative error, without rounding",
    "largest relative error, 8-bit slopes",
    "largest relative error, 16-bit slopes",
    "bound",
)
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
    """eps_exp = L^2 / (2 K^2) exp(2 L / K), relative. Source: theorem 5.1, second-hand."""
    return bound**2 / (2 * segments**2) * math.exp(2 * bound / segments)


def norm_bound(size: int, steps: int) -> float:
    """eps_pol = ceil(log2 d) 2^(-2 n - 1), relative. Source: theorem 5.1, second-hand."""
    return (size - 1).bit_length() * 2.0 ** (-2 * steps - 1)


def softmax_bound(bound: float, segments: int, step: float) -> float:
    """2 / (1 - eps_exp) (eps_exp + Delta), relative. Source: theorem 5.1, second-hand."""
    eps = exponential_bound(bound, segments)
    return 2 / (1 - eps) * (eps + step)


def silu_bound(x: float, bound: float, segments: int, step: float) -> float:
    """|x| 2 eps_exp / (1 - eps_exp) + |x| Delta, absolute. Source: theorem 5.1, second-hand."""
    eps = exponential_bound(bound, segments)
    return abs(x) * (2 * eps / (1 - eps) + step)


def rms_norm_bound(size: int, steps: int, step: float, doubled: bool) -> float:
    """(eps_pol + Delta) / (1 - eps_pol) + sqrt(d) Delta, relative; one of five notes has 2 eps_pol (`doubled`)."""
    eps = norm_bound(size, steps)
    return ((1 + doubled) * eps + step) / (1 - eps) + math.sqrt(size) * step
