"""Softmax, RMSNorm and LayerNorm of LIF populations.

Softmax is exp(x - max + H) by chords, divided by their sum (NLSpike, arXiv 2605.20289). An element that is -inf (or the
least integer) is masked: its result is 0; a row of masked elements alone gives zeros.

The norms are x * sqrt(d) / l2 norm, the weight left to the layer (RMSNorm: NLSpike; the norm of [x, sqrt(eps d)] by a
tree of CORDIC steps, then a division). Ours: LayerNorm, for which the mean is taken off first, and one common shift of
the whole row, so that the precision of the tree does not depend on the size of the values.
"""

from __future__ import annotations

import math

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.built import Computed, Golden
from lava_nexus.populations.builder import Cells, PopulationBuilder, Term, each, matrix, total
from lava_nexus.populations.chords import ChordTable, look_up
from lava_nexus.populations.division import divide, quotient, quotient_terms
from lava_nexus.populations.fixed_point import GATE, LIF_WIDTH, WIDTH, Integers, normalise, normalised, scale, scaled
from lava_nexus.populations.operator import DEFAULT, Operator, Options
from lava_nexus.populations.vectoring import Tree, golden_norm, norm

BIAS = 1 << (WIDTH - 1)
MASK_BITS = 6  # biased values below 2^6 are masked


def softmax(size: int, options: Options) -> Operator:
    """Softmax over a row of `size`.

    Raises:
        NexusError: a size outside 1..4096, or a table that does not fit.
    """
    if not 1 <= size <= 4096:
        raise NexusError(f"softmax of {size} elements is outside 1..4096")
    table, _ = exponential_table(options)
    ladders = options.ladders(options.grid_bits)
    down = (size - 1).bit_length()

    def golden(x: Integers) -> Integers:
        u = np.maximum(x + BIAS, 0)
        offset = np.where(u >> MASK_BITS > 0, u - u.max(axis=1, keepdims=True) + table.length + 1, 0)
        terms = table(offset) >> down
        return quotient(terms, terms.sum(axis=1), ladders)

    b = PopulationBuilder()
    x = b.input("x", size)
    every = np.arange(size)
    u = b.graded("biased", size, each(x), matrix(b.strobe, every, 0, BIAS))
    real = b.bits("unmasked", size, each(u, 1, MASK_BITS))
    largest = [_over_all(t, size, -1) for t in _largest(b, u)]
    offset = b.graded(
        "offset",
        size,
        each(u),
        *largest,
        each(real, GATE),
        matrix(b.strobe, every, 0, table.length + 1 - GATE),
    )
    exponentials = b.graded("exponential", size, *look_up(b, offset, table, bounded=True))
    if down:
        exponentials = b.graded("lowered", size, each(exponentials, 1, down))
    divisor = b.graded("sum", 1, total(exponentials))
    y = b.graded("y", size, *quotient_terms(divide(b, exponentials, divisor, ladders), size))
    return Operator(
        "softmax",
        size,
        size,
        b.finish([("y", y, None)]),
        Computed(golden, "program"),
        IntegerFormat(WIDTH),
        IntegerFormat(options.grid_bits + 2),
        options.fraction(),
        options.grid_bits,
        options.changed(),
    )


def exponential_table(options: Options = DEFAULT) -> tuple[ChordTable, int]:
    """Chords of exp on [-H, H], and the fraction bits of their values."""
    high = options.interval(5.0)
    fraction = exponent_fraction(math.exp(high))
    return options.chords(np.exp, high, fraction), fraction


def exponent_fraction(largest: float) -> int:
    """Fraction bits with which values up to `largest` fit a graded value, at most 14.

    Raises:
        NexusError: fewer than 4 are left.
    """
    fraction = min(14, math.floor(math.log2(((1 << WIDTH) - 1) / largest)))
    if fraction < 4:
        raise NexusError(
            f"table of values up to {largest:.3g} leaves {fraction} fraction bits of {WIDTH}, must leave 4: choose a "
            "smaller bound"
        )
    return fraction


def _largest(b: PopulationBuilder, u: Cells) -> list[Term]:
    """Terms whose sum is the maximum, by a tree of max(p, q) = q + relu(p - q)."""
    terms, n = [each(u)], u.size
    while n > 1:
        half = n // 2
        first = [_picked(t, 0, half) for t in terms]
        second = [_picked(t, half, n) for t in terms]
        beyond = b.graded("beyond", half, *first, *(_negated(_picked(t, half, 2 * half)) for t in terms))
        rest = b.graded("rest", n - half, *second)
        terms, n = [each(beyond), each(rest)], n - half
    return terms


def _picked(term: Term, start: int, stop: int) -> Term:
    """The synapses of targets start .. stop, counted from 0."""
    mine = (term.rows >= start) & (term.rows < stop)
    return Term(term.cells, term.rows[mine] - start, term.columns[mine], term.weights[mine], term.shift)


def _negated(term: Term) -> Term:
    return Term(term.cells, term.rows, term.columns, -term.weights, term.shift)


def _over_all(term: Term, size: int, weight: int) -> Term:
    """A term of one target, given to all."""
    rows = np.repeat(np.arange(size), len(term.columns))
    return matrix(term.cells, rows, np.tile(term.columns, size), np.tile(term.weights * weight, size))


RMS_BITS = 20  # of operands, with sign
_MEAN_FRACTION = 3  # fraction bits beyond the operand's, with which a mean is taken off


def rms_norm(size: int, options: Options, eps: float = 1e-5) -> Operator:
    """x / sqrt(mean(x * x) + eps) over a row of `size`."""
    _check(size, eps)
    root = Root(size, eps, options, options.fraction(12), RMS_BITS)
    b = PopulationBuilder()
    x = b.input("x", size)
    plus, minus = b.graded("plus", size, each(x)), b.graded("minus", size, each(x, -1))
    y = root.build(b, plus, minus)
    return root.operator("rms_norm", b, y, Computed(root.golden, "program"), RMS_BITS, 12)


def layer_norm(size: int, options: Options, eps: float = 1e-5) -> Operator:
    """(x - mean x) / sqrt(mean((x - mean x)^2) + eps) over a row of `size`."""
    _check(size, eps)
    bits = min(17, WIDTH + 1 - (size - 1).bit_length())
    root = Root(size, eps, options, options.fraction() + _MEAN_FRACTION, bits + _MEAN_FRACTION + 1)
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


class Root:
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
