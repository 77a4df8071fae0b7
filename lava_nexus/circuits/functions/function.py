"""A function of one operand: a fixed-point program between an unpacked operand and the rounder.

The program is written once over `Integers`. `build` makes neurons of it, `golden` evaluates it in integers; both round
through the same rule, so that the neurons are held against the very program they are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.cells import Basis, Bit, Word
from lava_nexus.circuits.compiled.known_bits import KnownBits
from lava_nexus.circuits.compiled.trace import Recording, record
from lava_nexus.circuits.floating.operand import unpack
from lava_nexus.circuits.floating.rounder import Scaled, round_scaled
from lava_nexus.circuits.functions.build import Build
from lava_nexus.circuits.functions.evaluate import Evaluate, round_integers
from lava_nexus.circuits.functions.integers import Integers, Sum
from lava_nexus.circuits.functions.multi_limb import EvaluateMultiLimb
from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons.built import Golden, Known

W = TypeVar("W")
T = TypeVar("T")
Program = Callable[[Integers[Any], "Argument[Any]", FloatFormat], "FunctionValue[Any]"]

_NARROW = 32  # bits of a format whose words all pass in 63
_WIDE_OR = 1000  # lines to one neuron where tables are large
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
class FunctionValue(Generic[W]):
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
        on, x = Build(basis, _WIDE_OR) if fmt.bits > _NARROW else Build(basis), unpack(basis, a, fmt)
        argument: Argument[Word] = Argument([a[-1]], x.exponent, x.fraction, [x.normal], [x.infinite], [x.nan])
        result: FunctionValue[Word] = program(on, argument, fmt)
        value = Scaled(
            sign=result.sign[0],
            exponent=on.terms(result.exponent),
            bounds=result.bounds,
            significand=result.significand[::-1],
            most_zeros=result.most_zeros,
            sticky=result.inexact,
            infinite=result.infinite[0],
            nan=result.nan[0],
        )
        word = round_scaled(basis, value, fmt)
        for condition, pattern in result.instead:
            where = basis.real(basis.and_not(condition[0], result.nan[0]))
            word = [_forced(basis, bit, where, pattern >> i & 1) for i, bit in enumerate(word[:-1])] + word[-1:]
        return word

    return circuit


def _forced(basis: Basis, bit: Bit, where: Bit, value: int) -> Bit:
    return basis.or_(bit, where) if value else basis.and_not(bit, where)


@final
class ProgramGolden(Golden):
    """Patterns to patterns by a program's integers, compiled where there are many of them."""

    known: Known = "program"

    def __init__(self, program: Program, fmt: FloatFormat) -> None:
        self._program, self._fmt = program, fmt
        self._compiled: Callable[[NDArray[Any]], NDArray[Any]] | None = None
        self._known: KnownBits | None = None

    def __call__(self, *operands: NDArray[Any]) -> NDArray[Any]:
        """Results in the shape of the operand."""
        (patterns,) = operands
        many = np.size(patterns) >= _WORTH_COMPILING
        if self._compiled is None and many:
            from lava_nexus.circuits.compiled.machine_code import MachineCode  # heavy

            self._compiled = MachineCode(self._recorded())
        if self._compiled is not None:
            return self._compiled(patterns)
        flat = np.asarray(patterns).ravel()
        out = np.empty(flat.shape, dtype=self._fmt.pattern_dtype)
        for start in range(0, len(flat), _BLOCK):
            out[start : start + _BLOCK] = _evaluated(self._program, flat[start : start + _BLOCK], self._fmt)
        return out.reshape(np.shape(patterns))

    def constant(self, pattern: int, varying: int) -> int | None:
        """The one result of all patterns that differ from the given one in bits of `varying` alone.

        None where they have several, or where what is known of the bits does not tell.
        """
        if self._known is None:
            self._known = KnownBits(self._recorded())
        return self._known.result(pattern, varying)

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
    on: Any = EvaluateMultiLimb() if fmt.bits > _NARROW else Evaluate()
    nan, word = fmt.is_nan(patterns), on.word(patterns, fmt.bits)
    exponent, fraction = on.part(word, fmt.fraction_bits, fmt.bits - 1), on.part(word, 0, fmt.fraction_bits)
    infinite = (patterns & fmt.pattern_dtype.type(fmt.sign_mask - 1)) == fmt.exponent_mask
    argument = Argument(
        on.part(word, fmt.bits - 1, fmt.bits),
        exponent,
        fraction,
        on.at_least(on.value(exponent), 1),
        on.word(infinite & fmt.inf, 1),
        on.word(nan, 1),
    )
    result: FunctionValue[Any] = program(on, argument, fmt)
    significand, exponent, inexact = on.to_round(result.significand, result.exponent, result.inexact)
    rounded = round_integers(
        fmt,
        on.bits(result.sign),
        exponent,
        significand,
        on.width(result.significand) - 1,
        inexact,
    )
    over = np.uint64(fmt.exponent_mask if fmt.inf else fmt.canonical_nan)
    magnitude = np.where(on.bits(result.infinite) > 0, over, rounded & np.uint64(fmt.sign_mask - 1))
    for condition, pattern in result.instead:
        magnitude = np.where(on.bits(condition) > 0, np.uint64(pattern), magnitude)
    magnitude = magnitude | (rounded & np.uint64(fmt.sign_mask))
    nan = nan | (on.bits(result.nan) > 0) | fmt.is_nan(magnitude.astype(fmt.pattern_dtype))
    return np.where(nan, np.uint64(fmt.canonical_nan), magnitude).astype(fmt.pattern_dtype)
