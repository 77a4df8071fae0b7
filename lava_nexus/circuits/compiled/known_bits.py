"""A recording on a set of operands at once: which bits of every value are the same for all of them, and its range.

What is found is so for every operand of the set; what is not found may still be so. Carries follow LLVM's KnownBits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lava_nexus.circuits.compiled.trace import Recording, Step

_ALL = 2**64 - 1
_SIGN = 1 << 63
_MOST_VARYING = 8  # bits of an index into a table up to which its entries are compared


class Known(NamedTuple):
    """What is known of a 64-bit word.

    Attributes:
        word: its bits, 0 where they vary.
        varying: 1 where a bit may vary.
        low, high: bounds of the word as a signed integer.
    """

    word: int
    varying: int
    low: int
    high: int


class KnownBits:
    """A recording, asked about sets of operands."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._tables: list[int] = [entry for table in recording.tables for entry in table.tolist()]

    def result(self, word: int, varying: int) -> int | None:
        """The result of all operands that differ from `word` in bits of `varying` alone; None where it may vary."""
        values: list[Known] = []
        for operation in self._recording.operations:
            if operation.name == "input":
                values.append(_of_bits(word, varying))
            else:
                values.append(_value(operation, [values[i] for i in operation.operands], self._tables))
        result = values[self._recording.result]
        return None if result.varying & ((1 << 8 * self._recording.dtype.itemsize) - 1) else result.word


def _value(operation: Step, operands: list[Known], tables: list[int]) -> Known:
    name, signed = operation.name, operation.dtype.kind == "i"
    if name == "constant":
        return _of_bits(operation.constant)
    if name == "take":
        return _taken(operands[0], operation.constant, tables)
    if name == "select":
        return _chosen(*operands)
    if name == "length":
        low, high = ((operands[0].word | part).bit_length() for part in (0, operands[0].varying))
        return _between(low, high)
    if name in ("shl", "shr"):
        return _shifted(name, signed, operands[0], operands[1])
    if name in ("min", "max"):
        return _extremum(name, signed, operands[0], operands[1])
    if name in _SIMPLE:
        return _SIMPLE[name](operands[0], operands[1])
    return _compared(name, signed, operands[0], operands[1])


def _signed(word: int) -> int:
    return word - ((word & _SIGN) << 1)


def _of_bits(word: int, varying: int = 0) -> Known:
    word &= ~varying
    ends = sorted(_signed(word | part) for part in (varying & _SIGN, varying & ~_SIGN))
    return Known(word, varying, ends[0], ends[1])


def _between(low: int, high: int) -> Known:
    """All that is known of a signed integer between two."""
    if low < -_SIGN or high >= _SIGN or (low < 0) != (high < 0):
        return Known(0, _ALL, max(low, -_SIGN), min(high, _SIGN - 1)) if -_SIGN <= low <= high < _SIGN else _ANY
    varying = (1 << (low ^ high).bit_length()) - 1
    return Known(low & _ALL & ~varying, varying, low, high)


_ANY = _of_bits(0, _ALL)


def _both(a: Known, b: Known) -> Known:
    """What two ways say of one word."""
    varying = a.varying & b.varying
    return Known((a.word | b.word) & ~varying, varying, max(a.low, b.low), min(a.high, b.high))


def _either(a: Known, b: Known) -> Known:
    varying = a.varying | b.varying | (a.word ^ b.word)
    return Known(a.word & ~varying, varying, min(a.low, b.low), max(a.high, b.high))


def _chosen(condition: Known, a: Known, b: Known) -> Known:
    return _either(a, b) if condition.varying else a if condition.word else b


def _and(a: Known, b: Known) -> Known:
    return _of_bits(a.word & b.word, (a.varying | b.varying) & (a.word | a.varying) & (b.word | b.varying))


def _or(a: Known, b: Known) -> Known:
    return _of_bits(a.word | b.word, (a.varying & ~b.word) | (b.varying & ~a.word))


def _xor(a: Known, b: Known) -> Known:
    return _of_bits(a.word ^ b.word, a.varying | b.varying)


def _added(a: Known, b: Known, carry: int = 0) -> Known:
    """The bits of a + b + carry: a carry into a bit is known where the extremes agree on it."""
    high_a, high_b = a.word | a.varying, b.word | b.varying
    low, high = a.word + b.word + carry, high_a + high_b + carry
    carries = (low ^ a.word ^ b.word) ^ (high ^ high_a ^ high_b)
    return _of_bits(low & _ALL, (a.varying | b.varying | carries) & _ALL)


def _add(a: Known, b: Known) -> Known:
    return _both(_added(a, b), _between(a.low + b.low, a.high + b.high))


def _sub(a: Known, b: Known) -> Known:
    flipped = _of_bits(~b.word & _ALL, b.varying)
    return _both(_added(a, flipped, 1), _between(a.low - b.high, a.high - b.low))


def _mul(a: Known, b: Known) -> Known:
    for one, other in ((a, b), (b, a)):
        if not one.varying and one.word == _ALL:
            return _sub(_of_bits(0), other)
        if not one.varying and one.word & (one.word - 1) == 0:
            shift = _of_bits(one.word.bit_length() - 1) if one.word else _of_bits(64)
            return _shifted("shl", False, other, shift)
    if not a.varying and not b.varying:
        return _of_bits(a.word * b.word & _ALL)
    return _between(a.low * b.low, a.high * b.high) if min(a.low, b.low) >= 0 else _ANY


def _shifted(name: str, signed: bool, value: Known, amount: Known) -> Known:
    if not value.word and not value.varying:
        return value
    if amount.varying:
        least = max(amount.low, 0)
        return _between(0, value.high >> min(least, 64)) if name == "shr" and value.low >= 0 else _ANY
    by = min(amount.word, 64)
    if name == "shl":
        return _of_bits(value.word << by & _ALL, value.varying << by & _ALL)
    if signed:
        return _of_bits(_signed(value.word) >> by & _ALL, _signed(value.varying) >> by & _ALL)
    return _of_bits(value.word >> by, value.varying >> by)


def _taken(index: Known, start: int, tables: list[int]) -> Known:
    if index.varying.bit_count() > _MOST_VARYING:
        return _ANY
    choice = index.varying
    found = _of_bits(tables[start + (index.word | choice)])
    while choice:
        choice = (choice - 1) & index.varying
        found = _either(found, _of_bits(tables[start + (index.word | choice)]))
    return found


def _extremum(name: str, signed: bool, a: Known, b: Known) -> Known:
    first = _compared("<" if name == "min" else ">", signed, a, b)
    if first.varying and (signed or min(a.low, b.low) >= 0):
        pick = min if name == "min" else max
        return _both(_either(a, b), _between(pick(a.low, b.low), pick(a.high, b.high)))
    return _chosen(first, a, b)


def _compared(name: str, signed: bool, a: Known, b: Known) -> Known:
    if name in ("==", "!="):
        if (a.word ^ b.word) & ~(a.varying | b.varying) or a.high < b.low or b.high < a.low:
            return _of_bits(int(name == "!="))
        return _of_bits(0, 1) if a.varying | b.varying else _of_bits(int(name == "=="))
    if name in (">", "<="):
        return _compared("<" if name == ">" else ">=", signed, b, a)
    if name == ">=":
        return _xor(_compared("<", signed, a, b), _of_bits(1))
    low_a, high_a, low_b, high_b = a.low, a.high, b.low, b.high
    if not signed and min(low_a, low_b) < 0:
        low_a, high_a, low_b, high_b = a.word, a.word | a.varying, b.word, b.word | b.varying
    if high_a < low_b:
        return _of_bits(1)
    return _of_bits(0) if low_a >= high_b else _of_bits(0, 1)


_SIMPLE: dict[str, Callable[[Known, Known], Known]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
}
