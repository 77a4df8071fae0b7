"""Softmax of LIF populations: exp(x - max + H) by chords, divided by their sum.

Source: NLSpike, arXiv 2605.20289. An element that is -inf (or the least integer) is masked: its result is 0; a row of
masked elements alone gives zeros.
"""

from __future__ import annotations

import math

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.formats import IntegerFormat
from lava_nexus.neurons.built import Computed
from lava_nexus.populations.builder import Cells, PopulationBuilder, Term, each, matrix, total
from lava_nexus.populations.chords import ChordTable, look_up
from lava_nexus.populations.division import divide, quotient, quotient_terms
from lava_nexus.populations.fixed_point import GATE, WIDTH, Integers
from lava_nexus.populations.operator import DEFAULT, Operator, Options

_BIAS = 1 << (WIDTH - 1)
_MASK_BITS = 6  # biased values below 2^6 are masked


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
        u = np.maximum(x + _BIAS, 0)
        offset = np.where(u >> _MASK_BITS > 0, u - u.max(axis=1, keepdims=True) + table.length + 1, 0)
        terms = table(offset) >> down
        return quotient(terms, terms.sum(axis=1), ladders)

    b = PopulationBuilder()
    x = b.input("x", size)
    every = np.arange(size)
    u = b.graded("biased", size, each(x), matrix(b.strobe, every, 0, _BIAS))
    real = b.bits("unmasked", size, each(u, 1, _MASK_BITS))
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
