"""RMSNorm and LayerNorm of LIF populations: x * sqrt(d) / l2 norm, the weight left to the layer.

Source: NLSpike, arXiv 2605.20289 (RMSNorm; the norm of [x, sqrt(eps d)] by a tree of CORDIC steps, then a division).
Ours: LayerNorm, for which the mean is taken off first, and one common shift of the whole row, so that the precision
of the tree does not depend on the size of the values.
"""

from __future__ import annotations

import math

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.built import Computed, Golden
from lava_nexus.populations.builder import Cells, PopulationBuilder, each, matrix, total
from lava_nexus.populations.division import divide, quotient, quotient_terms
from lava_nexus.populations.fixed_point import GATE, LIF_WIDTH, WIDTH, Integers, normalise, normalised, scale, scaled
from lava_nexus.populations.operator import Operator, Options
from lava_nexus.populations.vectoring import Tree, golden_norm, norm

_RMS_BITS = 20  # of operands, with sign
_MEAN_FRACTION = 3  # fraction bits beyond the operand's, with which a mean is taken off


def rms_norm(size: int, options: Options, eps: float = 1e-5) -> Operator:
    """x / sqrt(mean(x * x) + eps) over a row of `size`."""
    _check(size, eps)
    root = _Root(size, eps, options, options.fraction(12), _RMS_BITS)
    b = PopulationBuilder()
    x = b.input("x", size)
    plus, minus = b.graded("plus", size, each(x)), b.graded("minus", size, each(x, -1))
    y = root.build(b, plus, minus)
    return root.operator("rms_norm", b, y, Computed(root.golden, "program"), _RMS_BITS, 12)


def layer_norm(size: int, options: Options, eps: float = 1e-5) -> Operator:
    """(x - mean x) / sqrt(mean((x - mean x)^2) + eps) over a row of `size`."""
    _check(size, eps)
    bits = min(17, WIDTH + 1 - (size - 1).bit_length())
    root = _Root(size, eps, options, options.fraction() + _MEAN_FRACTION, bits + _MEAN_FRACTION + 1)
    share = 2.0**_MEAN_FRACTION / size

    def golden(x: Integers) -> Integers:
        sums = x.sum(axis=1, keepdims=True)
        mean = scaled(np.maximum(sums, 0), share) - scaled(np.maximum(-sums, 0), share)
        return root.golden((x << _MEAN_FRACTION) - mean)

    b = PopulationBuilder()
    x = b.input("x", size)
    above, below = b.graded("sum", 1, total(x)), b.graded("sum_negative", 1, total(x, -1))
    means = [scale(b, above, share), scale(b, below, share)]
    every = np.arange(size)

    def centred(name: str, sign: int) -> Cells:
        signs = (-sign, sign)
        return b.graded(
            name,
            size,
            each(x, sign << _MEAN_FRACTION),
            *(matrix(m, every, 0, s) for m, s in zip(means, signs, strict=True)),
        )

    y = root.build(b, centred("plus", 1), centred("minus", -1))
    return root.operator("layer_norm", b, y, Computed(golden, "program"), bits, 10)


def _check(size: int, eps: float) -> None:
    if not 1 <= size <= 4096:
        raise NexusError(f"normalisation of {size} elements is outside 1..4096")
    if not 0 <= eps <= 1:
        raise NexusError(f"eps {eps} of a normalisation is outside 0..1")


class _Root:
    """x * sqrt(d) / norm of [x, sqrt(eps d)], for rows whose values have `bits` bits with sign."""

    def __init__(self, size: int, eps: float, options: Options, fraction: int, bits: int) -> None:
        self.size, self.options, self.bits, self.eps = size, options, bits, eps
        self.floor = math.ceil(math.sqrt(eps * size) * 2**fraction) if eps else 0
        self.tree = Tree(size + (eps > 0), options.steps, options.last_inclusive)
        self.room = math.ceil(math.log2(size) / 2)
        self.ladders = options.ladders(options.grid_bits + self.room)
        # The key of the common shift is a sum of values shifted right by `down`, large enough to bound the norm.
        self.down = max(0, bits - 1 + (size - 1).bit_length() - WIDTH + 1)
        slack = math.ceil(math.sqrt(size)) if self.down else 0
        self.least = slack + -(-self.floor >> self.down) if self.floor else slack
        self.top = WIDTH - 1 - self.down
        self.factor = 2.0**self.room / (math.sqrt(size) * self.tree.gain * 2)

    def golden(self, x: Integers) -> Integers:
        """In integers: [sets, size] to [sets, size]."""
        values = np.abs(x)
        if self.floor:
            values = np.concatenate([values, np.full((len(x), 1), self.floor)], axis=1)
        key = (np.abs(x) >> self.down).sum(axis=1) + self.least
        _, values = normalised(key, values, self.top, saturate=False)
        divisor = scaled(golden_norm(values, self.tree), self.factor)
        q = quotient(values[:, : self.size] >> 1, divisor, self.ladders)
        return np.where(x > 0, q, np.where(x < 0, -q - 1, 0))

    def build(self, b: PopulationBuilder, plus: Cells, minus: Cells) -> tuple[Cells, Cells]:
        """The populations of a row given as its positive and its negative part."""
        n = self.size
        every = np.arange(n)
        leaf = [matrix(b.strobe, n, 0, self.floor)] if self.floor else []
        values = b.graded("size", self.tree.size, each(plus), each(minus), *leaf)
        lowered = b.graded("lowered", n, each(plus, 1, self.down), each(minus, 1, self.down))
        key = b.graded("key", 1, total(lowered), each(b.strobe, self.least))
        common = normalise(b, key, values, WIDTH, self.top, saturate=False)
        divisor = scale(b, norm(b, common.values, self.tree), self.factor)
        dividends = b.graded("dividend", n, matrix(common.values, every, every, 1, 1), level=divisor.level)
        q = quotient_terms(divide(b, dividends, divisor, self.ladders), n)
        up, down = self._spiked(b, plus), self._spiked(b, minus)
        off = matrix(b.strobe, every, 0, -GATE)
        return (
            b.graded("y", n, *q, each(up, GATE), off),
            b.graded("y_negative", n, *q, each(down, GATE + 1), off),
        )

    def operator(
        self, name: str, b: PopulationBuilder, y: tuple[Cells, Cells], golden: Golden, bits: int, fraction: int
    ) -> Operator:
        """The finished operator."""
        return Operator(
            name,
            self.size,
            self.size,
            b.finish([("y", *y)]),
            golden,
            IntegerFormat(bits),
            IntegerFormat(self.options.grid_bits + self.room + 2),
            self.options.fraction(fraction),
            self.options.grid_bits,
            (*self.options.changed(), *((("eps", self.eps),) if self.eps != 1e-5 else ())),
        )

    def _spiked(self, b: PopulationBuilder, x: Cells) -> Cells:
        """Bits of the values that are at least 1, cut to what LIF neurons can receive."""
        if self.bits <= LIF_WIDTH:
            return b.bits("sign", x.size, each(x))
        cut = matrix(b.strobe, np.arange(x.size), 0, 1 - (1 << LIF_WIDTH))
        return b.bits("sign", x.size, each(x), each(b.graded("beyond", x.size, each(x), cut), -1))
