"""What one set bit of each value adds to the totals of a run: spikes, SynOps and active updates.

    spikes = sum over neurons of s_k,  SynOps = sum over signals of s_j * fan-out_j,  active = sum over neurons of a_k

where s is 1 for a spike and a for a neuron that received a spike or fired. Signals that share a look-up are one value
of the graph, so a value carries the sum of what they add.

Totals are linear in the numbers of set bits, and so are full and half adders: a + b + c = 2 m + s. A multiple of that
may be added to a total without changing it. Where the inputs of an adder weigh alike they need not be counted: the
adders of a counter tree that is there anyway count for the totals what goes into it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lava_nexus.lowering.luts import FALSE, PROJECTIONS, TRUE, compose
from lava_nexus.lowering.ordered import OrderedGraph
from lava_nexus.neurons import ThresholdNetwork

TOTALS = 3
"""Spikes of neurons, SynOps, active updates."""

Counts = tuple[int, ...]

_NOTHING = (0,) * TOTALS
_PASSES = 2
_POPC = 3
"""A population count and its sums in look-ups, one for each total that a value adds to left out."""


@dataclass(frozen=True)
class Weights:
    """Totals as weighted sums over values.

    Attributes:
        of: for each value that varies, what a set bit of it adds to spikes, SynOps and active updates; of any sign.
        always: what every operand set adds, whatever its patterns.
    """

    of: dict[int, Counts]
    always: Counts


def weights(network: ThresholdNetwork, graph: OrderedGraph) -> Weights:
    """What the values of a network's graph add; of a graph that counts nothing, nothing."""
    found: dict[int, list[int]] = {}

    def add(value: int, total: int, amount: int) -> None:
        if value != FALSE and amount:
            found.setdefault(value, [0] * TOTALS)[total] += amount

    fan_out = network.fan_out.tolist()
    for signal, value in enumerate(graph.signals.tolist()):
        add(value, 0, int(signal >= network.n_inputs))
        add(value, 1, int(fan_out[signal]))
    for value in graph.probes.tolist():
        add(value, 2, 1)
    always = tuple(found.pop(TRUE, [0] * TOTALS))
    return Weights({value: tuple(counts) for value, counts in sorted(found.items())}, always)


def idle(graph: OrderedGraph, given: Weights) -> Counts:
    """What one operand set of zeros adds, `always` left out: what is taken off again for lanes that pad a word."""
    values = np.zeros(graph.first + len(graph.tables), np.uint8)
    values[TRUE] = 1
    for i, (table, (a, b, c)) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True)):
        values[graph.first + i] = table >> (values[a] + 2 * values[b] + 4 * values[c]) & 1
    fired = [counts for value, counts in given.of.items() if values[value]]
    return tuple(sum(counts[i] for counts in fired) for i in range(TOTALS))


def fewer(graph: OrderedGraph, given: Weights) -> Weights:
    """The same totals over values that are cheaper to count."""
    of = dict(given.of)
    always = list(given.always)
    for _ in range(_PASSES):
        for terms, constant in _adders(graph):
            share = _best_share(of, terms)
            for value, factor in terms:
                _put(of, value, _more(of.get(value, _NOTHING), share, -factor))
            for i in range(TOTALS):
                always[i] += share[i] * constant
    return Weights(dict(sorted(of.items())), tuple(always))


Terms = Sequence[tuple[int, int]]


def _adders(graph: OrderedGraph) -> Iterator[tuple[Terms, int]]:
    """Sums of values that are the same constant for every operand set, as (value, factor) terms and minus the constant.

    Of a full adder, a + b + c - 2 m - s with literals for inputs and results; of a half adder, likewise.
    """
    over: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for i, (table, read) in enumerate(zip(graph.tables.tolist(), graph.reads.tolist(), strict=True)):
        over[tuple(read)].append((graph.first + i, table))
    for read, looks in over.items():
        inputs = [value for value in read if value > TRUE]
        whole = [((1 << (1 << len(inputs))) - 1) & table for _, table in looks]
        parity = {2: (0x6, 0x9), 3: (0x96, 0x69)}.get(len(inputs))
        if parity is None or len(looks) < 2 or len(set(inputs)) < len(inputs):
            continue
        for (sum_, _), odd in zip(looks, whole, strict=True):
            if odd in parity:
                for (carry, _), table in zip(looks, whole, strict=True):
                    for signs, inverted in _carry(len(inputs)).get(table, ()):
                        yield _balanced(inputs, signs, carry, inverted, sum_, odd == parity[1])


def _balanced(
    inputs: Sequence[int], signs: Sequence[int], carry: int, inverted: bool, sum_: int, even: bool
) -> tuple[Terms, int]:
    """The terms of literals: a negated one is 1 less its value."""
    flipped = even ^ bool(sum(signs) % 2)
    terms = [(value, -1 if sign else 1) for value, sign in zip(inputs, signs, strict=True)]
    terms += [(carry, 2 if inverted else -2), (sum_, 1 if flipped else -1)]
    return terms, -(sum(signs) - 2 * inverted - flipped)


def _carry(inputs: int) -> dict[int, list[tuple[tuple[int, ...], bool]]]:
    """For each table that is the carry of literals of the inputs: which are negated, and whether the result is."""
    if inputs not in _CARRIES:
        found: dict[int, list[tuple[tuple[int, ...], bool]]] = defaultdict(list)
        mask = (1 << (1 << inputs)) - 1
        for number in range(1 << inputs):
            signs = tuple(number >> i & 1 for i in range(inputs))
            literals = [PROJECTIONS[i] ^ (0xFF if sign else 0) for i, sign in enumerate(signs)]
            table = compose(0xE8, *[*literals, 0][:3]) & mask
            found[table].append((signs, False))
            found[table ^ mask].append((signs, True))
        _CARRIES[inputs] = {table: ways[:1] for table, ways in found.items()}
    return _CARRIES[inputs]


_CARRIES: dict[int, dict[int, list[tuple[tuple[int, ...], bool]]]] = {}


def _best_share(of: dict[int, Counts], terms: Terms) -> Counts:
    """How much of the terms to take off: what leaves the least to count, nothing where nothing is saved."""
    best, cost = _NOTHING, sum(_cost(of.get(value, _NOTHING)) for value, _ in terms)
    shares = set()
    for value, factor in terms:
        counts = of.get(value, _NOTHING)
        if any(counts) and not any(count % factor for count in counts):
            shares.add(tuple(count // factor for count in counts))
    for share in sorted(shares):
        after = sum(_cost(_more(of.get(value, _NOTHING), share, -factor)) for value, factor in terms)
        if after < cost:
            best, cost = share, after
    return best


def _more(counts: Counts, share: Counts, factor: int) -> Counts:
    return tuple(count + factor * one for count, one in zip(counts, share, strict=True))


def _cost(counts: Counts) -> int:
    return _POPC + sum(map(bool, counts)) if any(counts) else 0


def _put(of: dict[int, Counts], value: int, counts: Counts) -> None:
    if any(counts):
        of[value] = counts
    else:
        of.pop(value, None)
