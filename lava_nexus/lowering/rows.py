"""Rows of neurons that take a sum apart: what a sum is in binary digits, once for all the gates that read it.

A row over the terms S has neurons b_n = [S >= 2^n - c], b_i = [S - 2^n b_n - ... >= 2^i - c] and, without a neuron, the
lowest digit S + c - 2^n b_n - ... - 2 b_1. Full adders over the columns of S give all digits at once:

    sum_j weight_j * x_j + c = sum_i 2^i * b_i

so wherever a later gate holds q S among its terms, the digits stand for it, and those that it takes off drop out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lava_nexus.lowering.luts import TRUE
from lava_nexus.lowering.sums import Sum
from lava_nexus.neurons import ThresholdNetwork


@dataclass(frozen=True)
class Row:
    """A sum and its digits.

    Attributes:
        total: terms; weights of any sign.
        constant: added to them.
        digits: nodes, the lowest first.
    """

    total: Sum
    constant: int
    digits: Sequence[int]


class Rows:
    """The rows made so far, found by the latest node among their terms."""

    def __init__(self) -> None:
        self._of: dict[int, list[Row]] = defaultdict(list)

    def record(self, total: Sum, constant: int, digits: Sequence[int]) -> None:
        """Keeps a row; digits are nodes, the lowest first, the top one no constant."""
        constant -= sum(1 << place for place, digit in enumerate(digits) if digit == TRUE)
        self._of[max(total)].append(Row(total, constant, digits))

    def replaced(self, total: Sum, threshold: int) -> tuple[Sum, int]:
        """The gate [total >= threshold] with digits in place of sums wherever that leaves fewer terms."""
        result = dict(total)
        used: list[Row] = []
        waiting = sorted(result, reverse=True)
        while waiting:
            node = waiting.pop()
            for row in self._of.get(node, ()):
                if any(row is one for one in used):
                    continue
                share, taken_off = _share(row, result, node)
                fewer = _swapped(row, result, share) if share else result
                if len(fewer) < len(result) + taken_off:
                    threshold += share * row.constant
                    waiting += sorted(fewer.keys() - result.keys(), reverse=True)
                    result = fewer
                    used.append(row)
                    break
        return result, threshold


def _share(row: Row, total: Sum, node: int) -> tuple[int, bool]:
    """How many times the row stands in the total, all of its terms or its top digit taken off, and whether that is."""
    share, rest = divmod(total.get(node, 0), row.total[node])
    if rest or not share:
        return 0, False
    if total.get(row.digits[-1], 0) == -share << (len(row.digits) - 1):
        return share, True
    held = all(0 < share * weight * total.get(other, 0) >= (share * weight) ** 2 for other, weight in row.total.items())
    return (share if held else 0), False


def _swapped(row: Row, total: Sum, share: int) -> Sum:
    result = dict(total)
    for node, weight in row.total.items():
        result[node] = result.get(node, 0) - share * weight
    for place, digit in enumerate(row.digits):
        if digit > TRUE:
            result[digit] = result.get(digit, 0) + (share << place)
    return {node: weight for node, weight in result.items() if weight}


def tops(network: ThresholdNetwork) -> set[int]:
    """Neurons at the top of a row: a later gate reads all of their terms alike, and takes them off."""
    n_inputs = network.n_inputs
    terms: dict[int, dict[int, int]] = {}
    found: set[int] = set()

    def of(k: int) -> dict[int, int]:
        if k not in terms:
            sources, weights = network.synapses_of(k)
            terms[k] = dict(zip(sources.tolist(), weights.tolist(), strict=True))
        return terms[k]

    heavy = (network.sources >= n_inputs) & (np.abs(network.weights) != 1)
    synapses = network.targets, network.sources - n_inputs, network.weights
    for k, below, weight in zip(*(array[heavy].tolist() for array in synapses), strict=True):
        if below not in found and _taken_off(of(below), of(k), weight):
            found.add(below)
    return found


def _taken_off(below: dict[int, int], own: dict[int, int], weight: int) -> bool:
    """Whether `own` holds the terms of a neuron times q, and the neuron itself at -q 2^n."""
    if len(below) < 2 or len(below) > len(own):
        return False
    share = 0
    for source, factor in below.items():
        if source not in own:
            return False
        if not share:
            share, rest = divmod(own[source], factor)
            if rest or share * weight >= 0 or weight % share:
                return False
        elif own[source] != share * factor:
            return False
    size = abs(weight // share)
    return size & (size - 1) == 0
