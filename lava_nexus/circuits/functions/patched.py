"""Correct rounding of every input of a 16-bit format: a narrow program, and a neuron for each input that it misses.

A neuron that fires on one pattern alone turns the bits of the result that come out wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.cells import Basis, Bit, Word
from lava_nexus.circuits.circuit import Golden
from lava_nexus.circuits.functions import function
from lava_nexus.circuits.functions.function import Program
from lava_nexus.circuits.functions.tabulated import Exact, table
from lava_nexus.formats import FloatFormat


@lru_cache(maxsize=64)
def missed(program: Program, exact: Exact, fmt: FloatFormat) -> tuple[tuple[int, int, int], ...]:
    """(pattern, what the program gives, correctly rounded result) of every input that the program misses."""
    patterns = np.arange(1 << fmt.bits, dtype=fmt.pattern_dtype)
    got, right = function.golden(program)(fmt)(patterns), np.array(table(exact, fmt), dtype=fmt.pattern_dtype)
    return tuple((int(p), int(got[p]), int(right[p])) for p in np.flatnonzero(got != right))


def golden(program: Program, exact: Exact, fmt: FloatFormat) -> Golden:
    """The program on integers, and the patches."""
    evaluate = function.golden(program)(fmt)
    pairs = [(p, right) for p, _, right in missed(program, exact, fmt)]
    patches = np.array(pairs, dtype=fmt.pattern_dtype).reshape(-1, 2)

    def corrected(patterns: NDArray[Any]) -> NDArray[Any]:
        result = evaluate(patterns)
        if len(patches):
            place = np.minimum(np.searchsorted(patches[:, 0], patterns), len(patches) - 1)
            result = np.where(patches[place, 0] == patterns, patches[place, 1], result)
        return result

    return corrected


def build(program: Program, exact: Exact) -> Callable[[Basis, Word, FloatFormat], Word]:
    """The program's neurons, and the patches."""
    circuit = function.build(program)

    def corrected(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
        word, patches = circuit(basis, a, fmt), missed(program, exact, fmt)
        lines = [_line(basis, a, pattern) for pattern, _, _ in patches]
        for i, bit in enumerate(word):
            both = zip(lines, patches, strict=True)
            wrong = [(line, right) for line, (_, got, right) in both if (got ^ right) >> i & 1]
            up = [line for line, right in wrong if right >> i & 1]
            down = [line for line, right in wrong if not right >> i & 1]
            if wrong:
                # The bit is 0 where `up` fires and 1 where `down` does.
                word[i] = basis.real(basis.one_of(basis.between(bit, basis.or_(*down)), *up))
        return word

    return corrected


def _line(basis: Basis, a: Word, pattern: int) -> Bit:
    """1 where the operand is the pattern."""
    return basis.real(basis.and_(*(bit if pattern >> i & 1 else basis.not_(bit) for i, bit in enumerate(a))))
