"""Correct rounding on every operand: steps for 8-bit formats, and a program with corrections for wider ones.

Steps: over the patterns in order the result is a staircase. One neuron for each step says whether the operand has
reached it; a bit of the result is the OR of the intervals in which it is 1. Where the result's magnitude does not
depend on the sign of the operand, one staircase over magnitudes serves both.

Corrections: a program misses few operands. A neuron that fires on one pattern alone turns the bits of the result that
come out wrong. Which patterns those are is computed for formats of 16 bits, and stored for FP32, where it takes a pass
over all 2^32 operands to find them.

Error: none. A table is the function in longdouble (64 bits), rounded once through FP64 rounded to odd; what is stored
for FP32 was found against multiple precision. Source: S. Boldo and G. Melquiond, IEEE Transactions on Computers 57(4),
2008 (rounding to odd).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.cells import Basis, Bit, Word, weighted
from lava_nexus.circuits.functions import function
from lava_nexus.circuits.functions.function import Program, ProgramGolden
from lava_nexus.circuits.goldens.basic import convert
from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT64, FloatFormat
from lava_nexus.neurons.built import Golden, Known

Exact = Callable[[NDArray[Any]], NDArray[Any]]


@lru_cache(maxsize=64)
def table(exact: Exact, fmt: FloatFormat) -> tuple[int, ...]:
    """The rounded result of every pattern, for a function of longdouble arrays."""
    patterns = np.arange(1 << fmt.bits, dtype=fmt.pattern_dtype)
    with np.errstate(all="ignore"):
        values = exact(fmt.from_patterns(patterns).astype(np.float64).astype(np.longdouble))
    return tuple(int(p) for p in rounded(values, fmt))


def rounded(values: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    """Longdouble values to patterns, rounded once: for formats narrower than FP64 through FP64 rounded to odd."""
    if fmt == FLOAT64:
        return fmt.canonical(values.astype(np.float64).view(np.uint64))
    with np.errstate(all="ignore"):
        nearest = values.astype(np.float64)
        inexact = (nearest != values) & np.isfinite(values)
        truncated = nearest.view(np.uint64) - (np.abs(nearest) > np.abs(values))
    odd = np.where(inexact, truncated | np.uint64(1), nearest.view(np.uint64))
    return convert(FLOAT64, fmt)(odd)


@final
class TableGolden(Golden):
    """Patterns to patterns by the table."""

    known: Known = "table"

    def __init__(self, exact: Exact, fmt: FloatFormat) -> None:
        self._entries = np.array(table(exact, fmt), dtype=fmt.pattern_dtype)

    def __call__(self, *operands: NDArray[Any]) -> NDArray[Any]:
        """Results in the shape of the operand."""
        (patterns,) = operands
        return np.asarray(self._entries[patterns])

    @property
    def digest(self) -> str:
        """SHA-256 of the table."""
        return hashlib.sha256(self._entries.tobytes()).hexdigest()


def staircase(basis: Basis, a: Word, exact: Exact, fmt: FloatFormat) -> Word:
    """The function's neurons."""
    entries, half = table(exact, fmt), 1 << (fmt.bits - 1)
    plus, minus = entries[:half], entries[half:]
    sign, low = a[-1], half - 1
    if all((p ^ m) & low == 0 for p, m in zip(plus, minus, strict=True)):
        word = _bits(_reached(basis, a[:-1], [], basis.one, plus, low), fmt.bits - 1, basis)
        return [*word, _sign_bit(basis, a, plus, minus, low)]
    steps = _reached(basis, a[:-1], [(sign, -half)], basis.not_(sign), plus, 2 * half - 1)
    steps += _reached(basis, a[:-1], [(sign, half), (basis.one, -half)], sign, minus, 2 * half - 1)
    return _bits(steps, fmt.bits, basis)


def _sign_bit(basis: Basis, a: Word, plus: Sequence[int], minus: Sequence[int], low: int) -> Bit:
    """The sign of the result: that of the operand, of a constant, or a staircase of its own."""
    top = [[entry > low for entry in side] for side in (plus, minus)]
    numbers = [i for i, entry in enumerate(plus) if entry & low != plus[-1] & low]  # the last pattern is a NaN
    if all(not top[0][i] and top[1][i] for i in numbers):
        nan = len(plus) - min(i for i in range(len(plus)) if i > max(numbers))
        return basis.and_(a[-1], basis.not_(basis.at_least(weighted(a[:-1]), len(plus) - nan)))
    signs = [[int(bit) for bit in side] for side in top]
    half = len(plus)
    steps = _reached(basis, a[:-1], [(a[-1], -half)], basis.not_(a[-1]), signs[0], 1)
    steps += _reached(basis, a[:-1], [(a[-1], half), (basis.one, -half)], a[-1], signs[1], 1)
    return _bits(steps, 1, basis)[0]


def _reached(
    basis: Basis, magnitude: Word, side: Sequence[tuple[Bit, int]], inside: Bit, entries: Sequence[int], mask: int
) -> list[tuple[Bit, int]]:
    """(interval, result in it) for each run of equal results; `side` are terms below 0 on the other side of zero."""
    starts = [k for k in range(len(entries)) if k == 0 or (entries[k] ^ entries[k - 1]) & mask]
    reached = [inside if k == 0 else basis.at_least([*weighted(magnitude), *side], k) for k in starts]
    ends = [*reached[1:], basis.zero]
    return [(basis.between(low, high), entries[k] & mask) for low, high, k in zip(reached, ends, starts, strict=True)]


def _bits(runs: Sequence[tuple[Bit, int]], width: int, basis: Basis) -> Word:
    return [basis.real(basis.or_(*(run for run, entry in runs if entry >> j & 1))) for j in range(width)]


Patch = tuple[int, int, int]
"""Pattern, what the program gives, correctly rounded result."""

Source = Callable[[FloatFormat], tuple[Patch, ...]]
"""The inputs of a format that the program misses, in the order of their patterns."""

FOLDER = Path(__file__).with_name("corrections")
_MOST_LINES = 100  # into one neuron


def missed(program: Program, exact: Exact) -> Source:
    """Every input that the program misses, by comparison with the function's table."""

    @lru_cache(maxsize=64)
    def patches(fmt: FloatFormat) -> tuple[Patch, ...]:
        patterns = np.arange(1 << fmt.bits, dtype=fmt.pattern_dtype)
        got, right = function.golden(program)(fmt)(patterns), np.array(table(exact, fmt), dtype=fmt.pattern_dtype)
        return tuple((int(p), int(got[p]), int(right[p])) for p in np.flatnonzero(got != right))

    return patches


def corrections_file(name: str, fmt: FloatFormat) -> Path:
    """Where the inputs that a precise program misses are kept; `scripts/find_corrections.py` writes it."""
    return FOLDER / f"{name}_{fmt}.json"


def stored(name: str) -> Source:
    """What the file of a function says.

    Raises (when called):
        NexusError: there is none for the format.
    """

    @lru_cache(maxsize=8)
    def patches(fmt: FloatFormat) -> tuple[Patch, ...]:
        path = corrections_file(name, fmt)
        if not path.is_file():
            raise NexusError(f"operation '{name}' on {fmt} has no rounding='correct': no corrections are stored for it")
        values = json.loads(path.read_text(encoding="utf-8"))
        return tuple((int(p, 16), int(got, 16), int(right, 16)) for p, got, right in values["missed"])

    return patches


@final
class PatchedGolden(Golden):
    """The program on integers, and the patches."""

    known: Known = "program"

    def __init__(self, program: ProgramGolden, patches: tuple[Patch, ...], fmt: FloatFormat) -> None:
        self.program, self.patches = program, patches
        pairs = [(pattern, right) for pattern, _, right in patches]
        self._table = np.array(pairs, dtype=fmt.pattern_dtype).reshape(-1, 2)

    def __call__(self, *operands: NDArray[Any]) -> NDArray[Any]:
        """Results in the shape of the operand."""
        (patterns,) = operands
        result = self.program(patterns)
        if len(self._table):
            place = np.minimum(np.searchsorted(self._table[:, 0], patterns), len(self._table) - 1)
            result = np.where(self._table[place, 0] == patterns, self._table[place, 1], result)
        return result

    def constant(self, pattern: int, varying: int) -> int | None:
        """As that of the program; None where a patch is among the patterns."""
        if ((self._table[:, 0].astype(np.int64) & ~varying) == (pattern & ~varying)).any():
            return None
        return self.program.constant(pattern, varying)

    @property
    def digest(self) -> str:
        """Name of the content: SHA-256 of the program's and of the patches."""
        return hashlib.sha256(f"{self.program.digest} {self.patches}".encode()).hexdigest()


def patched_golden(program: Program, source: Source) -> Callable[[FloatFormat], PatchedGolden]:
    """The function with its patches: format to (patterns to patterns)."""
    return lambda fmt: PatchedGolden(function.golden(program)(fmt), source(fmt), fmt)


def build_patched(program: Program, source: Source) -> Callable[[Basis, Word, FloatFormat], Word]:
    """The program's neurons, and the patches."""
    circuit = function.build(program)

    def corrected(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
        patches = source(fmt)
        word = circuit(basis, a, fmt)
        lines = [_line(basis, a, pattern) for pattern, _, _ in patches]
        for i, bit in enumerate(word):
            both = zip(lines, patches, strict=True)
            wrong = [(line, right) for line, (_, got, right) in both if (got ^ right) >> i & 1]
            up = _merged(basis, [line for line, right in wrong if right >> i & 1])
            down = _merged(basis, [line for line, right in wrong if not right >> i & 1])
            if wrong:
                # The bit is 0 where `up` fires and 1 where `down` does.
                word[i] = basis.real(basis.one_of(basis.between(bit, basis.or_(*down)), *up))
        return word

    return corrected


def _line(basis: Basis, a: Word, pattern: int) -> Bit:
    """1 where the operand is the pattern."""
    return basis.real(basis.and_(*(bit if pattern >> i & 1 else basis.not_(bit) for i, bit in enumerate(a))))


def _merged(basis: Basis, lines: list[Bit]) -> list[Bit]:
    """One line that fires where one of the given does, or none: the result is late, and one spike is delayed to it."""
    while len(lines) > 1:
        groups = [lines[i : i + _MOST_LINES] for i in range(0, len(lines), _MOST_LINES)]
        lines = [basis.real(basis.or_(*group)) for group in groups]
    return lines
