"""A weighted sum of bits in binary, compiled: columns of bits reduced by full adders."""

from __future__ import annotations

import numpy as np

from lava_nexus.lowering.nodes import Memory, complement, look
from lava_nexus.lowering.tables import AND, FALSE, MAJORITY, NOT, OR, TRUE, XOR3
from lava_nexus.neurons.compiled import Indices, within

_BITS, _OWN, _EARLY, _LATE, _NEXT_EARLY, _NEXT_LATE = range(6)
"""Lists of a column that is being added: what is left; its own terms; carries from below; those into the next."""


@within
def _bits(number: int) -> int:
    """Its length in binary."""
    length = 0
    while number >> length:
        length += 1
    return length


@within
def binary_sum(g: Memory, terms: Indices, threshold: int, by_terms: bool, digits: Indices) -> int:
    """The carry out of bit m - 1 of sum + (2^m - T), columns reduced by full adders.

    A negative weight -w of x is w of (not x) less w. `by_terms` says which bits of a column are added first: its own
    terms or the carries from below. What constants carry is added last, so that the adders before it are
    those of another gate over the same inputs. `digits`, unless empty, takes a number and so many bits 0 .. m - 1.
    """
    n, bound, most = terms.shape[0], threshold, 0
    for i in range(n):
        bound -= min(terms[i, 1], 0)
        most += abs(terms[i, 1])
    if bound <= 0:
        return TRUE
    if bound > most:
        return FALSE
    m = max(_bits(bound - 1), _bits(most - bound))
    literals = np.empty(n, np.int64)
    for i in range(n):
        literals[i] = terms[i, 0] if terms[i, 1] > 0 else look(g, NOT, terms[i, 0], FALSE, FALSE)
    lists, lengths = np.empty((6, 3 * n + 8), np.int64), np.zeros(6, np.int64)
    offset = (1 << m) - bound
    for column in range(m + 1):
        lengths[_OWN] = 0
        for i in range(n):
            if abs(terms[i, 1]) >> column & 1:
                _append(lists, lengths, _OWN, literals[i])
        if column < m:
            _add_column(g, lists, lengths, offset >> column & 1, by_terms, digits)
    answer = FALSE
    for group in (_OWN, _EARLY, _LATE):
        for i in range(lengths[group]):
            answer = look(g, OR, answer, lists[group, i], FALSE)
    return answer


@within
def _append(lists: Indices, lengths: Indices, group: int, node: int) -> None:
    lists[group, lengths[group]] = node
    lengths[group] += 1


@within
def _add_column(g: Memory, lists: Indices, lengths: Indices, ones: int, by_terms: bool, digits: Indices) -> None:
    """Makes carries early and late of a column of groups of bits, added in turn, and a constant bit."""
    lengths[_BITS] = lengths[_NEXT_EARLY] = lengths[_NEXT_LATE] = 0
    for place in range(3):
        group = _LATE if place == 2 else _OWN if by_terms == (place == 0) else _EARLY
        into = _NEXT_LATE if place == 2 else _NEXT_EARLY
        for i in range(lengths[group]):
            _append(lists, lengths, _BITS, lists[group, i])
        ones = _paired(g, lists, lengths, into, ones)
        while lengths[_BITS] > 2:
            a, b, c = lists[_BITS, 0], lists[_BITS, 1], lists[_BITS, 2]
            _carry(lists, lengths, into, look(g, MAJORITY, a, b, c))
            digit = look(g, XOR3, a, b, c)
            lengths[_BITS] -= 2
            for i in range(lengths[_BITS] - 1):
                lists[_BITS, i] = lists[_BITS, i + 3]
            lists[_BITS, lengths[_BITS] - 1] = digit
            ones = _paired(g, lists, lengths, into, ones)
    for _ in range(ones >> 1):
        _append(lists, lengths, _NEXT_LATE, TRUE)
    left = lengths[_BITS]
    a, b = lists[_BITS, 0] if left else FALSE, lists[_BITS, 1] if left > 1 else FALSE
    if digits.shape[0]:
        digits[0] += 1
        digits[digits[0]] = look(g, XOR3, TRUE if ones & 1 else FALSE, a, b)
    if ones & 1 and left:
        _carry(lists, lengths, _NEXT_LATE, look(g, OR, a, b, FALSE))
    elif not ones & 1 and left == 2:
        _carry(lists, lengths, _NEXT_LATE, look(g, AND, a, b, FALSE))
    for group in (_EARLY, _LATE):
        lengths[group] = lengths[group + 2]
        for i in range(lengths[group]):
            lists[group, i] = lists[group + 2, i]


@within
def _carry(lists: Indices, lengths: Indices, group: int, node: int) -> None:
    if node != FALSE:
        _append(lists, lengths, group, node)


@within
def _paired(g: Memory, lists: Indices, lengths: Indices, into: int, ones: int) -> int:
    """Constants counted, x and (not x) counted as a one, x twice put among the carries; the ones then."""
    n = 0
    for i in range(lengths[_BITS]):
        bit = lists[_BITS, i]
        if bit <= TRUE:
            ones += bit
            continue
        opposite = complement(g, bit)
        at = 0
        while at < n and lists[_BITS, at] != bit:
            at += 1
        if at < n:
            _append(lists, lengths, into, bit)
        else:
            at = 0
            while at < n and lists[_BITS, at] != opposite:
                at += 1
            if at < n:
                ones += 1
        if at < n:
            n -= 1
            for j in range(at, n):
                lists[_BITS, j] = lists[_BITS, j + 1]
        else:
            lists[_BITS, n] = bit
            n += 1
    lengths[_BITS] = n
    return ones
