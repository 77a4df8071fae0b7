"""Products as circuits form them, found again among the terms of a sum: rows of ANDs, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from lava_nexus.circuits.cells import Bit, Terms, Word

SHORTEST_ROW, LEAST_ROWS = 10, 10
"""ANDs of one bit, and such bits, from which on digits of radix 4 take fewer look-ups."""


class Conjunction(int):
    """A node that is the AND of two others.

    Attributes:
        factors: those two.
    """

    factors: tuple[Bit, Bit]


@dataclass
class Block:
    """sign * 2^place * the sum of x_j y_i 2^(i + j) over j >= start(i): a product without its low columns.

    Attributes:
        x, y: the factors.
        place: of the first bit of all, which may lie below 0 where it is left out.
        sign: 1 or -1.
        first: start(0).
    """

    x: Word
    y: Word
    place: int
    sign: int
    first: int = 0

    def start(self, i: int) -> int:
        """The first bit of x in row i."""
        return max(0, self.first - i)


def blocks(terms: Terms) -> Iterator[tuple[Block | None, Terms]]:
    """The terms in order, cut into those of products, row after row, and those that are none."""
    rows = list(_rows(terms))
    at = 0
    while at < len(rows):
        end = at + 1
        while end < len(rows) and _follows(rows[end - 1], rows[end]):
            end += 1
        long = next((i for i in range(at, end) if len(rows[i]) >= SHORTEST_ROW), end)
        if end - long < LEAST_ROWS:
            long = end
        part, before, at = rows[long:end], rows[at:long], end
        yield None, list(chain.from_iterable(before))
        if not part:
            continue
        first = sum(row[0][1] == later[0][1] for row, later in pairwise(part))
        x = [*_factors(part[-1], 1), *_factors(part[0], 1)[len(part[-1]) - first :]]
        weight = part[0][0][1]
        y = [_factors(row, 0)[0] for row in part]
        block = Block(x, y, abs(weight).bit_length() - 1 - first, 1 if weight > 0 else -1, first)
        yield block, list(chain.from_iterable(part))


def _rows(terms: Terms) -> Iterator[list[tuple[Bit, int]]]:
    """Runs of ANDs with one bit, each weighing twice what the one before it does; other terms by themselves."""
    row: list[tuple[Bit, int]] = []
    for bit, weight in terms:
        going = row and isinstance(bit, Conjunction) and isinstance(row[-1][0], Conjunction)
        if not (going and weight == 2 * row[-1][1] and bit.factors[0] == row[-1][0].factors[0]):  # type: ignore[union-attr]
            if row:
                yield row
            row = []
        row.append((bit, weight))
    if row:
        yield row


def _factors(row: Terms, which: int) -> Word:
    return [bit.factors[which] for bit, _ in row if isinstance(bit, Conjunction)]


def _follows(row: Terms, later: Terms) -> bool:
    """Whether a row is the next of a product: one place further up, or with one more bit below; cut off at the top."""
    weight, next_ = row[0][1], later[0][1]
    if not (isinstance(row[0][0], Conjunction) and isinstance(later[0][0], Conjunction)):
        return False
    own, others = _factors(row, 1), _factors(later, 1)
    if next_ == weight:
        others = others[1:]
    elif next_ != 2 * weight:
        return False
    return len(others) in (len(own), len(own) - 1) and own[: len(others)] == others
