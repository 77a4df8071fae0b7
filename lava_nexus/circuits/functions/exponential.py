"""exp(x) = 2^n * 2^f with n + f = x * log2(e): a table of 2^(i / 2^k), and a cubic for what is left.

|x| is shifted to fixed point; t = |x| * log2(e); a negative x inverts the bits of t, which is -t less one unit in its last
place; T = 2^i by table; u = r * ln 2 with r the bits of the fraction below the table; 2^f = T + T * (u + u^2/2 + u^3/6).
Products and multiples leave out their low columns and add the mean of what those hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.cells import Basis, Bit, Word, weighted
from lava_nexus.circuits.circuit import Golden
from lava_nexus.circuits.floating.operand import unpack
from lava_nexus.circuits.floating.scale import round_scaled
from lava_nexus.circuits.functions.integers import Build, Evaluate, Integers, Number
from lava_nexus.circuits.functions.rounding import Fields, fields, round_integers
from lava_nexus.circuits.shift import align
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat

W = TypeVar("W")

# (working bits, table bits, adjustment) by fraction bits of the format. For formats of 16 bits and fewer the fewest bits
# found with which every input is correctly rounded; for FP32 with which 99.9 % are.
_WIDTHS = {2: (7, 3, 2), 3: (10, 4, 2), 7: (21, 5, 8), 10: (26, 6, 2), 23: (36, 7, 2)}


@dataclass(frozen=True)
class Plan:
    """Widths of the fixed-point program.

    Attributes:
        integer_bits: |x| at or above 2^integer_bits overflows or underflows.
        fraction_bits: of |x|.
        working_bits: fraction bits of t and of the result.
        guard: further bits while t is summed.
        index_bits: address bits of the table.
        adjust: what is added to the result, in units of a quarter of its last place; 2 rounds it.
    """

    integer_bits: int
    fraction_bits: int
    working_bits: int
    guard: int = 3
    index_bits: int = 7
    adjust: int = 2

    @property
    def whole_bits(self) -> int:
        """Integer bits of t."""
        return self.integer_bits + 1


@lru_cache(maxsize=None)
def plan(fmt: FloatFormat) -> Plan:
    """The widths for a format."""
    reach = (fmt.bias + fmt.significand_bits + 1) * log(2)
    if fmt.fraction_bits not in _WIDTHS:
        raise NexusError(f"exp has no widths for {fmt}; it is there for fractions of {sorted(_WIDTHS)} bits")
    working, index_bits, adjust = _WIDTHS[fmt.fraction_bits]
    return Plan(ceil(log(reach, 2)), working + 2, working, index_bits=index_bits, adjust=adjust)


def powers_of_two(index_bits: int, working: int) -> Sequence[int]:
    """2^working * (2^(i / 2^index_bits) - 1), rounded, for each i."""
    exact = np.exp2(np.arange(1 << index_bits, dtype=np.longdouble) / (1 << index_bits)) - 1
    return [int(np.rint(np.ldexp(value, working))) for value in exact]


def program(on: Integers[W], magnitude: W, negative: W, widths: Plan) -> tuple[W, W]:
    """(whole part of t, inverted where negative; fraction bits of 2^f) from |x| in fixed point."""
    working, guard = widths.working_bits, widths.guard
    wide = widths.whole_bits + working + guard
    shift = working + guard - widths.fraction_bits
    t = on.scale(magnitude, 1 / np.log(np.longdouble(2)), shift, wide)
    t = on.invert_if(on.part(t, guard, wide), negative)
    whole, low_bits = on.part(t, working, working + widths.whole_bits), working - widths.index_bits
    rest = on.part(t, 0, low_bits)
    entry = on.table(on.part(t, low_bits, working), powers_of_two(widths.index_bits, working), working)
    growth = _growth(on, rest, working, widths.index_bits)
    # entry * growth, where the leading 1 of 1.entry adds growth itself.
    product = on.product(growth, entry, working - 2, low_bits + 2)
    fraction = on.sum([(entry, 2), (growth, 2), (product, 0)], working + 2, constant=widths.adjust)
    return whole, on.part(fraction, 2, working + 2)


def _growth(on: Integers[W], rest: W, working: int, index_bits: int) -> W:
    """2^r - 1 for r = rest / 2^working < 2^-index_bits, in units of 2^-working: u + u^2/2 + u^3/6."""
    low_bits = working - index_bits
    u = on.scale(rest, np.log(np.longdouble(2)), 2, low_bits + 2)  # two more bits than `rest`
    top = working - 2 * index_bits + 1  # u^2/2 < 2^(-2 index_bits - 2): what of u can be seen in it
    if top < 2:
        return on.part(u, 2, low_bits + 2)
    high = on.part(u, low_bits + 2 - top - 1, low_bits + 2)
    square_width = top + 2
    square = on.product(high, high, 2 * (top + 1) - square_width, square_width)
    # square is u^2 * 2^(2 index_bits) in `square_width` bits below the point.
    parts = [(u, 0), (square, working + 2 - 2 * index_bits - square_width - 1)]
    cube_top = working - 3 * index_bits + 1
    if cube_top >= 2:
        a = on.part(square, square_width - cube_top, square_width)
        b = on.part(high, top + 1 - cube_top, top + 1)
        cube = on.product(a, b, cube_top - 2, cube_top + 2)
        sixth = on.scale(cube, 1 / np.longdouble(6), working + 2 - 3 * index_bits - cube_top - 2, cube_top + 1)
        parts.append((sixth, 0))
    return on.part(on.sum(parts, low_bits + 2, constant=2), 2, low_bits + 2)


def exponential(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
    """exp(a) as a word of the format."""
    widths, x = plan(fmt), unpack(basis, a, fmt)
    highest = fmt.bias + widths.integer_bits - 1
    amount = [*((bit, -w) for bit, w in x.scale(basis)), (basis.one, highest)]
    below = widths.integer_bits + widths.fraction_bits - fmt.significand_bits
    magnitude, _ = align(basis, x.significand, amount, basis.zero, below)
    too_large = basis.real(basis.at_least(weighted(x.exponent), highest + 1))
    negative = a[-1]
    whole, fraction = program(Build(basis), [basis.real(bit) for bit in magnitude], [negative], widths)
    reach = 1 << widths.whole_bits
    away: Bit = basis.and_(too_large, negative)
    return round_scaled(
        basis,
        fmt,
        sign=basis.zero,
        exponent=[*weighted(whole), (negative, -reach), (away, -2 * reach), (basis.one, fmt.bias)],
        bounds=(fmt.bias - 3 * reach, fmt.bias + reach),
        significand=[basis.one, *fraction[::-1]],
        most_zeros=0,
        sticky=[basis.one],
        infinite=basis.and_not(too_large, negative),
        nan=x.nan,
    )


def golden(fmt: FloatFormat) -> Golden:
    """The same program on integers, rounded by the reference rounder."""
    widths = plan(fmt)

    def evaluate(patterns: NDArray[Any]) -> NDArray[Any]:
        x: Fields = fields(np.asarray(patterns).ravel(), fmt)
        highest = fmt.bias + widths.integer_bits - 1
        shift = np.minimum(np.maximum(highest - x.exponent, 0), 63).astype(np.uint64)
        place = widths.integer_bits + widths.fraction_bits - fmt.significand_bits
        magnitude = (x.significand << np.uint64(place)) >> shift
        width = widths.integer_bits + widths.fraction_bits
        sign = Number(x.sign.astype(np.uint64), 1)
        whole, fraction = program(Evaluate(), Number(magnitude, width), sign, widths)
        exponent = whole.values.astype(np.int64) - (x.sign.astype(np.int64) << widths.whole_bits) + fmt.bias
        too_large = x.exponent > highest
        exponent = np.where(too_large & x.sign, -(1 << 20), exponent)
        one = np.uint64(1 << widths.working_bits)
        result = round_integers(fmt, np.zeros_like(x.sign), exponent, fraction.values | one, widths.working_bits)
        result = np.where(too_large & ~x.sign, fmt.pattern_dtype.type(overflow(fmt)), result)
        nan = fmt.is_nan(np.asarray(patterns).ravel())
        return np.where(nan, fmt.pattern_dtype.type(fmt.canonical_nan), result).reshape(np.shape(patterns))

    return evaluate


def overflow(fmt: FloatFormat) -> int:
    """What a positive overflow gives: infinity, or NaN where there is none."""
    return fmt.exponent_mask if fmt.inf else fmt.canonical_nan
