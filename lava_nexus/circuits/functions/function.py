"""A function of one operand: a fixed-point program between an unpacked operand and the rounder, built or evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_nexus.cells import Basis, Word
from lava_nexus.circuits.circuit import Golden
from lava_nexus.circuits.floating.operand import unpack
from lava_nexus.circuits.floating.scale import round_scaled
from lava_nexus.circuits.functions.build import Build
from lava_nexus.circuits.functions.evaluate import Evaluate, Number, signed
from lava_nexus.circuits.functions.integers import Integers, Sum
from lava_nexus.circuits.functions.rounding import round_integers
from lava_nexus.compiled.trace import Recording, record
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat

W = TypeVar("W")
T = TypeVar("T")
Program = Callable[[Integers[Any], "Argument[Any]", FloatFormat], "Result[Any]"]

_BLOCK = 1 << 14  # patterns evaluated together: their words stay in the cache
_WORTH_COMPILING = 1 << 17  # patterns


@dataclass(frozen=True)
class Argument(Generic[W]):
    """The fields of the operand.

    Attributes:
        sign, normal, infinite, nan: bits (normal is the hidden bit).
        exponent, fraction: the fields.
    """

    sign: W
    exponent: W
    fraction: W
    normal: W
    infinite: W
    nan: W

    def significand(self, on: Integers[W]) -> W:
        """Fraction and hidden bit."""
        return on.join(self.fraction, self.normal)

    def scale(self, on: Integers[W]) -> Sum[W]:
        """The biased exponent, 1 for subnormals."""
        return on.value(self.exponent) + (-on.value(self.normal)) + 1

    def at_least(self, on: Integers[W], magnitude: int) -> W:
        """1 where the operand without its sign is at least the pattern."""
        return on.at_least(on.value(on.join(self.fraction, self.exponent)), magnitude)


@dataclass(frozen=True)
class Result(Generic[W]):
    """The value (-1)^sign * 2^(exponent - bias) * significand, not yet rounded.

    Attributes:
        exponent: biased, of the first bit of the significand.
        bounds: least and largest value of the exponent where nothing in `instead` applies.
        significand: its first bit weighs 1.
        most_zeros: leading zeros that a significand other than 0 can have, beyond those of a subnormal result.
        nan: bit.
        infinite: bit.
        inexact: bit, 1 where something lies below the significand.
        instead: (bit, pattern without sign): what replaces the rounded result where the bit is 1, unless that is NaN.
    """

    sign: W
    exponent: Sum[W]
    bounds: tuple[int, int]
    significand: W
    most_zeros: int
    nan: W
    infinite: W
    inexact: W
    instead: list[tuple[W, int]] = field(default_factory=list)


def widths_for(name: str, table: Mapping[int, T], fmt: FloatFormat) -> T:
    """The entry of a function's table of widths, which goes by the fraction bits of the format.

    Raises:
        NexusError: there is none.
    """
    if fmt.fraction_bits not in table:
        raise NexusError(f"{name} has no widths for {fmt}; it is there for fractions of {sorted(table)} bits")
    return table[fmt.fraction_bits]


def build(program: Program) -> Callable[[Basis, Word, FloatFormat], Word]:
    """The function's neurons: (basis, operand word, format) to the output word."""

    def circuit(basis: Basis, a: Word, fmt: FloatFormat) -> Word:
        on, x = Build(basis), unpack(basis, a, fmt)
        argument: Argument[Word] = Argument([a[-1]], x.exponent, x.fraction, [x.normal], [x.infinite], [x.nan])
        result: Result[Word] = program(on, argument, fmt)
        word = round_scaled(
            basis,
            fmt,
            sign=result.sign[0],
            exponent=on.terms(result.exponent),
            bounds=result.bounds,
            significand=result.significand[::-1],
            most_zeros=result.most_zeros,
            sticky=result.inexact,
            infinite=result.infinite[0],
            nan=result.nan[0],
        )
        for condition, pattern in result.instead:
            where = basis.real(basis.and_not(condition[0], result.nan[0]))
            word = [_forced(basis, bit, where, pattern >> i & 1) for i, bit in enumerate(word[:-1])] + word[-1:]
        return word

    return circuit


def _forced(basis: Basis, bit: Any, where: Any, value: int) -> Any:
    return basis.or_(bit, where) if value else basis.and_not(bit, where)


class ProgramGolden:
    """The reference of a program: patterns to patterns by its integers, compiled where there are many of them."""

    def __init__(self, program: Program, fmt: FloatFormat) -> None:
        self._program, self._fmt = program, fmt
        self._compiled: Golden | None = None

    def __call__(self, patterns: NDArray[Any]) -> NDArray[Any]:
        """Results in the shape of the operands."""
        many = np.size(patterns) >= _WORTH_COMPILING and self._fmt.bits <= 32
        if self._compiled is None and many:
            from lava_nexus.compiled.machine_code import MachineCode  # heavy

            self._compiled = MachineCode(self._recorded())
        if self._compiled is not None:
            return self._compiled(patterns)
        flat = np.asarray(patterns).ravel()
        out = np.empty(flat.shape, dtype=self._fmt.pattern_dtype)
        for start in range(0, len(flat), _BLOCK):
            out[start : start + _BLOCK] = _evaluated(self._program, flat[start : start + _BLOCK], self._fmt)
        return out.reshape(np.shape(patterns))

    @property
    def digest(self) -> str:
        """Name of the content: SHA-256 of the integer operations and tables."""
        return self._recorded().digest

    def _recorded(self) -> Recording:
        return record(lambda patterns: _evaluated(self._program, patterns, self._fmt), self._fmt.pattern_dtype)


def golden(program: Program) -> Callable[[FloatFormat], ProgramGolden]:
    """The function on integers: format to (patterns to patterns)."""
    return lru_cache(maxsize=16)(lambda fmt: ProgramGolden(program, fmt))


def _evaluated(program: Program, patterns: NDArray[Any], fmt: FloatFormat) -> NDArray[Any]:
    on, nan = Evaluate(), fmt.is_nan(patterns)
    word = Number(patterns.astype(np.uint64), fmt.bits)
    exponent, fraction = on.part(word, fmt.fraction_bits, fmt.bits - 1), on.part(word, 0, fmt.fraction_bits)
    infinite = (patterns & fmt.pattern_dtype.type(fmt.sign_mask - 1)) == fmt.exponent_mask
    argument = Argument(
        on.part(word, fmt.bits - 1, fmt.bits),
        exponent,
        fraction,
        on.at_least(on.value(exponent), 1),
        Number((infinite & fmt.inf).astype(np.uint64), 1),
        Number(nan.astype(np.uint64), 1),
    )
    result: Result[Number] = program(on, argument, fmt)
    rounded = round_integers(
        fmt,
        result.sign.values,
        signed(result.exponent),
        result.significand.values,
        result.significand.width - 1,
        result.inexact.values,
    )
    over = np.uint64(fmt.exponent_mask if fmt.inf else fmt.canonical_nan)
    magnitude = np.where(result.infinite.values > 0, over, rounded & np.uint64(fmt.sign_mask - 1))
    for condition, pattern in result.instead:
        magnitude = np.where(condition.values > 0, np.uint64(pattern), magnitude)
    magnitude = magnitude | (rounded & np.uint64(fmt.sign_mask))
    nan = nan | (result.nan.values > 0) | fmt.is_nan(magnitude.astype(fmt.pattern_dtype))
    return np.where(nan, np.uint64(fmt.canonical_nan), magnitude).astype(fmt.pattern_dtype)
