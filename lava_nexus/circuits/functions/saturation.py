"""The last steps of functions that saturate: x * h for a smooth h, and operands taken in steps next to a limit.

Near a limit many neighbouring operands share a result, and the last bits of a program's sum are not in order: where the
result changes, it would change to and fro. Low bits of the operand are free there, as many as leave steps on which the
function grows by more than those last bits are worth; so results follow the order of operands.

Error: no two neighbouring FP32 operands have results out of order (`verify/certificates`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.function import Argument
from lava_nexus.circuits.functions.integers import Integers, Product, Sum
from lava_nexus.formats import FloatFormat

W = TypeVar("W")


def scale_below_one(on: Integers[W], x: Argument[W], fmt: FloatFormat, *where: W) -> Sum[W]:
    """The biased exponent of the operand, but that of 1 where it is 1 or more and all the bits `where` are 1."""
    large = on.all_of(on.at_least(on.value(x.exponent), fmt.bias), *where)
    own = on.keep_if(x.exponent, on.not_(large))
    return on.value(own) + on.value(large, fmt.bias) + (-on.value(x.normal)) + 1


def multiplied(on: Integers[W], x: Argument[W], factor: W, bits: int) -> W:
    """The top `bits` bits of significand * factor, about; the first of them weighs twice as much as both first bits.

    The mean of what is left out is added for normal operands only: the product of a subnormal one, which may come next
    to a tie, is cut off.
    """
    significand = x.significand(on)
    cells = Product(significand, factor, min(bits - on.width(significand) - on.width(factor), 0))
    bits = min(bits, on.width(significand) + on.width(factor))
    return on.accumulate([cells], on.value(x.normal, int(on.loss(cells))), bits)


Exact = Callable[[NDArray[Any]], NDArray[Any]]

_LEADING = 8  # fraction bits that tell where a bit is free
_BINADES = 6  # from 1 on: the functions are 1 before their end


def in_steps(on: Integers[W], x: Argument[W], fmt: FloatFormat, exact: Exact, growth: float, *where: W) -> Argument[W]:
    """The operand where it is below 1 or a bit of `where` is 0, else the middle of its step.

    Args:
        on: the integer operations.
        x: the operand.
        fmt: its format, of binary64's precision or less.
        exact: the function on longdouble arrays; it rises to 1 as |x| does.
        growth: what it grows by, at least, from one step to the next.
        where: bits.
    """
    leading = on.value(on.join(on.part(x.fraction, fmt.fraction_bits - _LEADING, fmt.fraction_bits), x.exponent))
    free = [on.all_of(on.at_least(leading, start), *where) for start in _starts(exact, fmt, growth)]
    bits = [on.any_of(on.part(x.fraction, i, i + 1), bit) for i, bit in enumerate(free)]
    low = [on.keep_if(bit, on.not_(above)) for bit, above in zip(bits, free[1:], strict=False)]
    return replace(x, fraction=on.join(*low, *bits[-1:], on.part(x.fraction, len(free), fmt.fraction_bits)))


@lru_cache(maxsize=16)
def _starts(exact: Exact, fmt: FloatFormat, growth: float) -> tuple[int, ...]:
    """For each fraction bit, lowest first, the leading bits of |x| from which on it is free."""
    first = fmt.bias << _LEADING
    leading = np.arange(first, first + (_BINADES << _LEADING))
    patterns = (leading << (fmt.fraction_bits - _LEADING)).astype(fmt.pattern_dtype)
    x = fmt.from_patterns(patterns).astype(np.longdouble)
    ends, units = np.append(x[1:], 2 * x[-1]), np.longdouble(2) ** (np.floor(np.log2(x)) - fmt.fraction_bits)
    starts = []
    for i in range(fmt.fraction_bits - _LEADING):
        too_little = exact(ends + units * 2.0**i) - exact(ends) < growth
        if not too_little.any():
            break
        starts.append(int(leading[np.argmax(too_little)]))
    return tuple(starts)


def in_middle(on: Integers[W], word: W, bits: int, where: W) -> W:
    """The word, in the middle of all that differ from it in so many low bits where the bit `where` is 1."""
    low, middle = on.part(word, 0, bits - 1), on.part(word, bits - 1, bits)
    return on.join(on.keep_if(low, on.not_(where)), on.any_of(middle, where), on.part(word, bits, on.width(word)))
