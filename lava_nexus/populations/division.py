"""Division by a ladder of thresholds: neuron i fires where the dividend reaches i steps of the divisor.

quotient = min(2^bits, floor(dividend / step)), step = divisor >> bits: the count of spikes of 2^bits neurons. Source:
NLSpike, arXiv 2605.20289 (operands of 2 bits and more than that; no shift). Ours: the common left shift that
a leading-one detector picks (`shift`), after which the step has 9 bits of 17 and the quotient is at most one off
floor(2^bits dividend / divisor); and long division in several short ladders (`digits`), which carry a remainder, for
finer quotients and fewer neurons. A divisor of 0, or whose step is 0, arms no neuron: the quotient is 0. A dividend
above the divisor gives 2^bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.populations.builder import Cells, PopulationBuilder, Term, each, matrix
from lava_nexus.populations.fixed_point import GATE, LIF_WIDTH, WIDTH, Integers, normalise, normalised

MOST_BITS = 16


@dataclass(frozen=True)
class Ladders:
    """How a quotient is taken.

    Attributes:
        bits: of the quotient, 1..16.
        digits: bits of each ladder, from the top; one ladder of `bits` is the published one.
        shift: whether a leading-one detector shifts both operands left.
    """

    bits: int = 8
    digits: tuple[int, ...] = (8,)
    shift: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MOST_BITS:
            raise NexusError(f"quotient of {self.bits} bits is outside 1..{MOST_BITS}")
        if sum(self.digits) != self.bits or min(self.digits) < 1 or max(self.digits) > 10:
            raise NexusError(f"digits {self.digits} of a quotient do not add up to {self.bits} bits of 1..10 each")
        if not self.shift and len(self.digits) > 1:
            raise NexusError(f"a ladder without shift has one digit, not {len(self.digits)}")

    @classmethod
    def of(cls, bits: int, single: bool = False) -> Ladders:
        """The published single ladder, or digits of up to 4 bits (of 2 where the quotient has more than 12)."""
        if single:
            return cls(bits, (bits,))
        size = 4 if bits <= 12 else 2
        first = bits % size
        return cls(bits, (*((first,) if first else ()), *[size] * (bits // size)))

    @property
    def width(self) -> int:
        """Bits that an operand may have."""
        return WIDTH if self.shift else LIF_WIDTH


def divide(b: PopulationBuilder, dividends: Cells, divisor: Cells, how: Ladders) -> list[tuple[Cells, int]]:
    """Ladders of every dividend [n] by the one divisor: (bits [n * steps], weight of a spike) from the top digit on."""
    if not how.shift:
        return [(_plain(b, dividends, divisor, how.bits), 1)]
    common = normalise(b, divisor, dividends, WIDTH, WIDTH, saturate=True)
    largest = max(how.digits)
    down = WIDTH - LIF_WIDTH
    step = b.graded("step", 1, each(common.key, 1, down + largest))
    rest = b.graded("dividend", dividends.size, each(common.values, 1, down + largest - how.digits[0]))
    armed = common.valid
    found = []
    for i, digit in enumerate(how.digits):
        top = (1 << digit) if i == 0 else (1 << digit) - 1
        up = 0 if i == 0 else digit
        ladder = _ladder(b, rest, step, armed, top, up)
        found.append((ladder, 1 << sum(how.digits[i + 1 :])))
        if i + 1 < len(how.digits):
            rest = _remainder(b, rest, step, ladder, digit, top, up)
    return found


def quotient_terms(ladders: list[tuple[Cells, int]], n: int) -> list[Term]:
    """The count of spikes of every dividend's ladders."""
    terms = []
    for cells, weight in ladders:
        steps = cells.size // n
        index = np.arange(cells.size)
        terms.append(matrix(cells, index // steps, index, weight))
    return terms


def quotient(dividends: Integers, divisor: Integers, how: Ladders) -> Integers:
    """`divide` in integers: dividends [sets, n], divisor [sets]; quotients [sets, n]."""
    if not how.shift:
        step = (divisor >> how.bits)[:, None]
        counted = np.minimum(dividends // np.maximum(step, 1), 1 << how.bits)
        return np.where(step > 0, counted, 0)
    key, values = normalised(divisor, dividends, WIDTH, saturate=True)
    largest, down = max(how.digits), WIDTH - LIF_WIDTH
    step = np.maximum(key >> (down + largest), 1)[:, None]
    rest = values >> (down + largest - how.digits[0])
    found = np.zeros_like(values)
    for i, digit in enumerate(how.digits):
        rest = rest if i == 0 else rest << digit
        most = (1 << digit) if i == 0 else (1 << digit) - 1
        counted = np.minimum(rest // step, most)
        found = (found << digit) + counted
        rest = np.where(counted == 1 << digit, 0, rest - counted * step)
    return np.where(key[:, None] > 0, found, 0)


def _ladder(b: PopulationBuilder, rest: Cells, step: Cells, armed: Cells, top: int, up: int) -> Cells:
    """Bits [n * top]: [rest * 2^up - i * step + armed >= 1] for i = 1 .. top."""
    rows = np.arange(rest.size * top)
    value, i = np.divmod(rows, top)
    return b.bits(
        "ladder",
        len(rows),
        matrix(rest, rows, value, 1 << up),
        matrix(step, rows, 0, -(i + 1)),
        matrix(armed, rows, 0, 1),
    )


def _remainder(b: PopulationBuilder, rest: Cells, step: Cells, ladder: Cells, digit: int, top: int, up: int) -> Cells:
    """rest * 2^up - i * step for the highest step i that was reached; 0 where the dividend is the divisor or more."""
    n, steps = rest.size, 1 << digit
    rows = np.arange(n * steps)
    value, i = np.divmod(rows, steps)
    some, last = i > 0, i < top
    gates = b.graded(
        "remainder_gate",
        len(rows),
        matrix(rest, rows, value, 1 << up),
        matrix(step, rows, 0, -i),
        matrix(ladder, rows[some], value[some] * top + i[some] - 1, GATE),
        matrix(ladder, rows[last], value[last] * top + i[last], -GATE),
        matrix(b.strobe, rows[some], 0, -GATE),
    )
    return b.graded("remainder", n, matrix(gates, value, rows, 1))


def _plain(b: PopulationBuilder, dividends: Cells, divisor: Cells, bits: int) -> Cells:
    """The published ladder; a step of 0 arms nothing."""
    step = b.graded("step", 1, each(divisor, 1, bits))
    armed = b.bits("armed", 1, each(divisor), each(b.strobe, 1 - (1 << bits)))
    rows = np.arange(dividends.size)
    x = b.graded(
        "dividend", dividends.size, each(dividends), matrix(armed, rows, 0, GATE), matrix(b.strobe, rows, 0, -GATE)
    )
    return _ladder(b, x, step, armed, 1 << bits, 0)
