"""The ways to make a gate out of look-ups, compiled: a decision diagram over its inputs, or their sum in binary.

gate: [ sum_i weight_i * x_i >= T ]. Sums are int64 [terms, 2] of nodes and weights, ascending by node.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from lava_nexus.lowering.adders import binary_sum
from lava_nexus.lowering.nodes import FULL, Memory, look, uncommitted
from lava_nexus.lowering.tables import FALSE, MAJORITY, NONE, SELECT, TRUE, XOR3
from lava_nexus.neurons.compiled import Indices, kept, within

_SMALL_DIAGRAM = 20
_LARGEST_HASTY = 100


def best_gate(g: Memory, simpler: Indices, total: Indices, threshold: int, hasty: bool, digits: Indices) -> int:
    """The node of the gate that adds fewest look-ups, which are then committed; of equal ones the first made.

    Args:
        g: memory of the graph.
        simpler: the sum with fewer terms.
        total: the same sum as it came.
        threshold: of both.
        hasty: whether only the most promising ways are tried.
        digits: unless it is empty, the gate is the top digit of its sum, all of whose digits are made and committed;
            takes their number, then those below the top.
    """
    if digits.shape[0]:
        return _top(g, simpler, threshold, digits)
    best = NONE
    numbered = simpler if hasty else counted(g, simpler)
    for number in range(1 if hasty else 3):
        if number == 0:
            best = _better(g, best, simpler, threshold, hasty, digits)
        elif number == 1:
            if not _equal(numbered, simpler):
                best = _better(g, best, numbered, threshold, hasty, digits)
        elif not _equal(total, simpler) and not _equal(total, numbered):
            best = _better(g, best, total, threshold, hasty, digits)
    if not g[FULL]:
        uncommitted(g, best, True)
    return best


@within
def _top(g: Memory, total: Indices, threshold: int, digits: Indices) -> int:
    varying, constant = _varying(total)
    digits[0] = 0
    root = binary_sum(g, varying, threshold - constant, True, digits)
    if root > TRUE and not g[FULL]:
        for i in range(digits[0]):
            uncommitted(g, digits[1 + i], True)
        uncommitted(g, root, True)
    return root


@within
def _equal(a: Indices, b: Indices) -> bool:
    if a.shape[0] != b.shape[0]:
        return False
    apart = 0
    for i in range(a.shape[0]):
        apart += a[i, 0] != b[i, 0] or a[i, 1] != b[i, 1]
    return apart == 0


@within
def _varying(total: Indices) -> Any:
    """The terms that vary, and the constant part."""
    kept_terms, constant, n = np.empty_like(total), 0, 0
    for i in range(total.shape[0]):
        if total[i, 0] == TRUE:
            constant += total[i, 1]
        elif total[i, 0] != FALSE and total[i, 1]:
            kept_terms[n, 0], kept_terms[n, 1] = total[i, 0], total[i, 1]
            n += 1
    return kept_terms[:n], constant


@within
def _better(g: Memory, best: int, total: Indices, threshold: int, hasty: bool, no_digits: Indices) -> int:
    """The best so far, or a gate made in different ways that adds fewer; a diagram only if it comes near the sums."""
    terms, constant = _varying(total)
    by_carries = binary_sum(g, terms, threshold - constant, False, no_digits)
    smallest = uncommitted(g, by_carries, False)
    by_terms, more = by_carries, smallest
    if not hasty:
        by_terms = binary_sum(g, terms, threshold - constant, True, no_digits)
        more = uncommitted(g, by_terms, False)
    largest = _LARGEST_HASTY if hasty else 2 * min(smallest, more) + _SMALL_DIAGRAM
    chosen = decision_diagram(g, terms, threshold - constant, largest)
    for root in (chosen, by_carries, by_terms):
        if root != NONE and (best == NONE or uncommitted(g, root, False) < uncommitted(g, best, False)):
            best = root
    return best


@within
def counted(g: Memory, total: Indices) -> Indices:
    """Inputs of equal weight replaced by the binary digits of their number."""
    n = total.shape[0]
    result, size = np.empty((n, 2), np.int64), 0
    column, carries = np.empty(2 * n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        weight, length = total[i, 1], 0
        for j in range(n):
            if total[j, 1] == weight:
                if j < i:
                    break
                column[length] = total[j, 0]
                length += 1
        while length:
            start, carried = 0, 0
            while length - start > 1:
                x, y = column[start], column[start + 1]
                z = column[start + 2] if length - start > 2 else FALSE
                carry = look(g, MAJORITY, x, y, z)
                column[length] = look(g, XOR3, x, y, z)
                start = min(start + 3, length)
                length += 1
                if carry != FALSE:
                    carries[carried] = carry
                    carried += 1
            size = _added(result, size, column[start], weight)
            for j in range(carried):
                column[j] = carries[j]
            length, weight = carried, 2 * weight
    return _sorted(result[:size])


@within
def _added(total: Indices, size: int, node: int, weight: int) -> int:
    """Adds a term to the first `size`; the size then: a weight of 0 is taken out."""
    for i in range(size):
        if total[i, 0] == node:
            total[i, 1] += weight
            if total[i, 1] == 0:
                total[i, 0], total[i, 1] = total[size - 1, 0], total[size - 1, 1]
                return size - 1
            return size
    total[size, 0], total[size, 1] = node, weight
    return size + 1


@within
def _sorted(total: Indices) -> Indices:
    """By node."""
    for i in range(1, total.shape[0]):
        node, weight, j = total[i, 0], total[i, 1], i
        while j and total[j - 1, 0] > node:
            total[j, 0], total[j, 1] = total[j - 1, 0], total[j - 1, 1]
            j -= 1
        total[j, 0], total[j, 1] = node, weight
    return total


@within
def decision_diagram(g: Memory, terms: Indices, threshold: int, largest: int) -> int:
    """A selection for each sub-function, largest |weight| outermost, of equal ones the latest; NONE for too many.

    The earliest inputs stand innermost, so that chains over older signals are shared among gates.
    """
    n, size = terms.shape[0], 4
    ordered = np.empty((n, 2), np.int64)
    for i in range(n):  # those before i are of lower numbers
        j = i
        while j and abs(ordered[j - 1, 1]) <= abs(terms[i, 1]):
            ordered[j, 0], ordered[j, 1] = ordered[j - 1, 0], ordered[j - 1, 1]
            j -= 1
        ordered[j, 0], ordered[j, 1] = terms[i, 0], terms[i, 1]
    most, least, common = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    for i in range(n - 1, -1, -1):
        weight = ordered[i, 1]
        most[i] = most[i + 1] + max(weight, 0)
        least[i] = least[i + 1] + min(weight, 0)
        common[i] = gcd(common[i + 1], abs(weight))
    while size < 2 * (largest + n) + 4:  # those begun before there are too many come to an end
        size *= 2
    known = np.zeros((size, 3), np.int64)  # term and 1, bound, node
    calls = np.zeros((n + 1, 3), np.int64)  # of a term: bound, branches done, place in `known`, then node of the first
    calls[0, 0] = threshold
    term, made, value = 0, 0, NONE
    while term >= 0:
        bound, done = calls[term, 0], calls[term, 1]
        if done == 0 and bound <= least[term]:
            value = TRUE
        elif done == 0 and bound > most[term]:
            value = FALSE
        else:
            bound = -(-bound // common[term]) * common[term]
            at = _place(known, term, bound)
            if done == 0 and known[at, 0]:
                value = known[at, 2]
            elif done == 0 and made > largest:
                return NONE
            elif done < 2:
                calls[term, 0], calls[term, 1], calls[term, 2] = bound, done + 1, value
                calls[term + 1, 0] = bound - done * ordered[term, 1]
                calls[term + 1, 1] = 0
                term += 1
                continue
            else:
                value = look(g, SELECT, ordered[term, 0], value, calls[term, 2])
                known[at, 0], known[at, 1], known[at, 2] = term + 1, bound, value
                made += 1
        term -= 1
    return value


@within
def _place(known: Indices, term: int, bound: int) -> int:
    """The row of a sub-function, or that where it is to stand."""
    mask = known.shape[0] - 1
    mixed = term * 1000003 + bound * 7919
    at = (mixed ^ mixed >> 11) & mask
    while known[at, 0] and (known[at, 0] != term + 1 or known[at, 1] != bound):
        at = (at + 1) & mask
    return at


gate_kernel = kept(best_gate)
