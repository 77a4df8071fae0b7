"""Sums that threshold gates take apart: linear forms, and columns of the bits that weigh the same power of two."""

from __future__ import annotations

from typing import TypeAlias

from lava_nexus.circuits.cells.basis import Bit, Form, Terms
from lava_nexus.neurons import FALSE, LOIHI2, TRUE, Signal

# Largest values that one neuron's synapses can carry, in unit weights.
LARGEST_WEIGHT = LOIHI2.weight_max
LARGEST_ODD = 32
LARGEST_SUM = -2 * LOIHI2.weight_min - 1  # bits are taken off a sum from the top by synapses of -2^i


Columns: TypeAlias = list[list[tuple[Bit, int]]]


def joined(columns: Columns, start: int, span: int, shift: int = 0) -> list[tuple[Bit, int]]:
    """The terms of `span` columns, the first of which weighs 2^shift."""
    return [(bit, weight << (i + shift)) for i in range(span) for bit, weight in columns[start + i]]


def load(carried: dict[Signal, int], terms: Terms, shift: int = 0) -> int:
    """Adds the terms, times 2^shift, to the weights that a neuron carries; returns the largest of these."""
    for bit, weight in terms:
        for signal, factor in bit.terms if isinstance(bit, Form) else ((bit, 1),):
            carried[signal] = carried.get(signal, 0) + ((factor * weight) << shift)
    return max((abs(weight) for signal, weight in carried.items() if signal not in (TRUE, FALSE)), default=0)


def first_that_fit(column: list[tuple[Bit, int]], most: int = LARGEST_SUM) -> list[tuple[Bit, int]]:
    """As much of a column, from its start, as one row of neurons can take apart, of a sum of at most `most`."""
    carried: dict[Signal, int] = {}
    total = 0
    for k, (bit, weight) in enumerate(column):
        total += weight
        if total > most or load(carried, [(bit, weight)]) > LARGEST_WEIGHT:
            return column[: max(k, 1)]
    return column


def fits(terms: Terms) -> bool:
    """Whether one neuron can carry the terms."""
    carried: dict[Signal, int] = {}
    heaviest = load(carried, terms)
    return heaviest <= LARGEST_WEIGHT and 2 * sum(map(abs, carried.values())) <= LOIHI2.max_weighted_sum


def capped(terms: Terms, threshold: int) -> Terms:
    """The same comparison where no weight is larger than what already decides it."""
    enough = threshold - sum(weight for _, weight in terms if weight < 0)
    return [(bit, min(weight, max(enough, 1))) for bit, weight in terms] if enough > 0 else terms


def positive(terms: Terms) -> tuple[list[tuple[Bit, int]], int]:
    """The same sum, each bit once, with weights above 0 only, and a constant: -w * x = w * (1 - x) - w."""
    merged: dict[Bit, int] = {}
    for bit, weight in terms:
        merged[bit] = merged.get(bit, 0) + weight
    constant = merged.pop(TRUE, 0)
    merged.pop(FALSE, None)
    columns: list[tuple[Bit, int]] = []
    for bit, weight in merged.items():
        if weight > 0:
            columns.append((bit, weight))
        elif weight < 0:
            columns.append((complement(bit), -weight))
            constant += weight
    return columns, constant


def complement(bit: Bit) -> Form:
    """1 - bit."""
    parts = bit if isinstance(bit, Form) else Form(((bit, 1),))
    return Form(tuple((signal, -weight) for signal, weight in parts.terms), 1 - parts.constant)


def largest(terms: Terms) -> int:
    """The most that the sum can be."""
    return sum(weight for _, weight in terms if weight > 0)


def split(terms: Terms, odd: int = LARGEST_ODD) -> Columns:
    """Columns of terms of any positive weight w = odd * 2^i: column i holds (bit, odd).

    Odd parts of `odd` and more, and constants, go in by their binary digits.
    """
    columns: Columns = [[] for _ in range(max((weight.bit_length() for _, weight in terms), default=0))]
    for bit, weight in terms:
        i = (weight & -weight).bit_length() - 1
        if bit != TRUE and weight >> i < odd:
            columns[i].append((bit, weight >> i))
            continue
        for i in range(weight.bit_length()):
            if weight >> i & 1:
                columns[i].append((bit, 1))
    return columns
