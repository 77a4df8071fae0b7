"""Weighted sums rewritten with fewer terms, value for value the same."""

from __future__ import annotations

from collections import defaultdict

from lava_nexus.executors.bitsliced.luts import FALSE, MAJORITY, TRUE, XOR3, LookGraph

Sum = dict[int, int]
"""Node to weight."""


def collected(terms: list[tuple[int, int]]) -> tuple[Sum, int]:
    """The sum of (node, weight) terms as (terms that vary, constant part)."""
    merged: Sum = defaultdict(int)
    for node, weight in terms:
        merged[node] += weight
    constant = merged.pop(TRUE, 0)
    merged.pop(FALSE, None)
    return {node: weight for node, weight in merged.items() if weight}, constant


def folded(graph: LookGraph, total: Sum) -> Sum:
    """Carries drawn back into what they were taken from.

    A look-up m of inputs x, y, z that all stand in the sum: t x + t y + t z + w m is t times one bit for some t and w, as in
    x + y - 2 (x and y) = x xor y, x + y - (x and y) = x or y, x + y + z - 2 majority(x, y, z) = x xor y xor z.
    """
    result = dict(total)
    for node in sorted(total):
        if node < graph.first or node not in result:
            continue
        table, inputs = graph.looks[node - graph.first]
        weight = result[node]
        for share in (-weight // 2, -weight):
            bit = _one_bit(table, len(inputs), share, weight)
            if bit is None or any(not _holds(result.get(source, 0), share) for source in inputs):
                continue
            for part, change in ((node, -weight), *((source, -share) for source in inputs)):
                _add(result, part, change)
            padded = [*inputs, FALSE, FALSE][:3]
            _add(result, graph.look(bit, *padded), share)
            break
    return result


def _holds(weight: int, share: int) -> bool:
    return weight * share > 0 and abs(weight) >= abs(share)


def _one_bit(table: int, n: int, share: int, weight: int) -> int | None:
    """The truth table of (share * inputs + weight * look-up) / share if it is 0 or 1 on every input."""
    bit = 0
    for minterm in range(8):
        value = share * sum(minterm >> i & 1 for i in range(n)) + weight * (table >> minterm & 1)
        if value not in (0, share):
            return None
        bit |= (value == share) << minterm
    return bit


def _add(total: Sum, node: int, weight: int) -> None:
    total[node] = total.get(node, 0) + weight
    if total[node] == 0:
        del total[node]


def counted(graph: LookGraph, total: Sum) -> Sum:
    """Inputs of equal weight replaced by the binary digits of their number."""
    groups: dict[int, list[int]] = defaultdict(list)
    for node, weight in sorted(total.items()):
        groups[weight].append(node)
    result: Sum = {}
    for weight, bits in groups.items():
        column, place = bits, weight
        while column:
            carries: list[int] = []
            while len(column) > 1:
                x, y, z = [*column[:3], FALSE][:3]
                carries.append(graph.look(MAJORITY, x, y, z))
                column = [*column[3:], graph.look(XOR3, x, y, z)]
            _add(result, column[0], place)
            column, place = [carry for carry in carries if carry != FALSE], 2 * place
    return result
