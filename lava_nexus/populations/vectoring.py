"""The l2 norm: a binary tree of CORDIC vectoring steps on graded spikes.

x_(k+1) = x_k + |y_k| 2^-k; |y_(k+1)| = | |y_k| - x_k 2^-k |, the latter as two rectified neurons of which one is
silent: the sign of y never has to be known. A step from k = 0 on multiplies the length by sqrt(1 + 4^-k); pairs are
padded with silence to a power of two, so that the whole tree has one gain. Source: NLSpike, arXiv 2605.20289 (8
iterations; CORDIC: Volder, 1959). Ours: |y| instead of y, and a right shift by one between levels wherever the gain
would pass 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.populations.builder import Cells, PopulationBuilder, each, matrix
from lava_nexus.populations.fixed_point import Integers

MOST_STEPS = 16


@dataclass(frozen=True)
class Tree:
    """How a norm is taken.

    Attributes:
        size: values.
        steps: CORDIC steps of a pair, k = 0 .. steps - 1 (the published code) or 0 .. steps (`last_inclusive`).
        last_inclusive: whether `steps` is the last shift rather than the number of steps.
    """

    size: int
    steps: int = 8
    last_inclusive: bool = False

    def __post_init__(self) -> None:
        if self.size < 1:
            raise NexusError(f"norm of {self.size} values is below 1")
        if not 1 <= self.steps <= MOST_STEPS:
            raise NexusError(f"norm of {self.steps} CORDIC steps is outside 1..{MOST_STEPS}")

    @property
    def levels(self) -> int:
        """Levels of pairs: log2 of the size, rounded up."""
        return (self.size - 1).bit_length()

    @property
    def shifts(self) -> range:
        """k of every step."""
        return range(self.steps + self.last_inclusive)

    @property
    def pair_gain(self) -> float:
        """Product of sqrt(1 + 4^-k)."""
        return math.prod(math.sqrt(1 + 4.0**-k) for k in self.shifts)

    @property
    def halved(self) -> tuple[bool, ...]:
        """Levels after which values are shifted right by one; the gain stays in 1..2."""
        found, gain = [], 1.0
        for _ in range(self.levels):
            gain *= self.pair_gain
            found.append(gain >= 2)
            gain /= 1 + found[-1]
        return tuple(found)

    @property
    def gain(self) -> float:
        """What the norm is multiplied by."""
        return self.pair_gain**self.levels / 2.0 ** sum(self.halved)


def norm(b: PopulationBuilder, values: Cells, tree: Tree) -> Cells:
    """tree.gain * l2 norm of values >= 0 [tree.size]; a neuron [1]."""
    x, down = values, 0
    for halve in tree.halved:
        index = np.arange(x.size)
        even, odd = index[0::2], index[1::2]
        y = b.graded("y", len(odd), matrix(x, odd // 2, odd, 1, down)) if len(odd) else None
        x = _vector(b, b.graded("x", len(even), matrix(x, even // 2, even, 1, down)), y, tree)
        down = int(halve)
    return b.graded("norm", 1, each(x, 1, 1)) if down else x


def _vector(b: PopulationBuilder, x: Cells, y: Cells | None, tree: Tree) -> Cells:
    """Vectoring steps of pairs (x_i, y_i); a last x without y turns against silence."""
    sizes = [y] if y is not None else []
    for k in tree.shifts:
        forward = [each(c, 1, k) for c in sizes]
        if k == tree.shifts[-1]:
            return b.graded("x", x.size, each(x), *forward)
        plus = b.graded("plus", x.size, *(each(c) for c in sizes), each(x, -1, k))
        minus = b.graded("minus", x.size, each(x, 1, k), *(each(c, -1) for c in sizes))
        x = b.graded("x", x.size, each(x), *forward)
        sizes = [plus, minus]
    raise AssertionError("a tree has at least one step")


def golden_norm(values: Integers, tree: Tree) -> Integers:
    """`norm` in integers: values >= 0 [sets, size]; [sets]."""
    x, down = values, 0
    for halve in tree.halved:
        x = x >> down
        if x.shape[1] % 2:
            x = np.concatenate([x, np.zeros_like(x[:, :1])], axis=1)
        x = _golden_pairs(x[:, 0::2], x[:, 1::2], tree)
        down = int(halve)
    return x[:, 0] >> down


def _golden_pairs(x: Integers, y: Integers, tree: Tree) -> Integers:
    for k in tree.shifts:
        plus, minus = np.maximum(y + (-x >> k), 0), np.maximum((x >> k) - y, 0)
        x, y = x + (y >> k), plus + minus
    return x
