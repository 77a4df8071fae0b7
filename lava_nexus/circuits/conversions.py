"""Conversion between any two number formats: which circuit and which reference."""

from __future__ import annotations

from lava_nexus.cells import Basis, Word
from lava_nexus.circuits import reference, reference_integers, reference_sums
from lava_nexus.circuits.circuit import Golden
from lava_nexus.circuits.floating import convert as floating
from lava_nexus.circuits.floating import integers
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS, FloatFormat, IntegerFormat, NumberFormat


def convert(basis: Basis, a: Word, fmt: NumberFormat, to: NumberFormat, rounding: str = "nearest") -> Word:
    """a as a word of the format `to`."""
    if isinstance(fmt, FloatFormat):
        if isinstance(to, FloatFormat):
            return floating.convert(basis, a, fmt, to)
        return integers.to_integer(basis, a, fmt, to, rounding)
    if isinstance(to, FloatFormat):
        return integers.from_integer(basis, a, fmt, to)
    return integers.between_integers(basis, a, fmt, to)


def golden(fmt: NumberFormat, to: NumberFormat, rounding: str = "nearest") -> Golden:
    """The reference of a conversion.

    Raises:
        NexusError: a rounding other than to nearest, where the result is no integer made of a floating-point number.
    """
    if rounding != "nearest" and not (isinstance(fmt, FloatFormat) and isinstance(to, IntegerFormat)):
        raise NexusError(
            f"rounding '{rounding}' is for conversions of floating-point numbers to integers, not {fmt} to {to}"
        )
    if isinstance(fmt, FloatFormat):
        if isinstance(to, FloatFormat):
            known = fmt in FORMATS.values() and to in FORMATS.values()
            return reference.convert(fmt, to) if known else reference_sums.total(fmt, to)
        return reference_integers.to_integer(fmt, to, rounding)
    if isinstance(to, FloatFormat):
        return reference_integers.from_integer(fmt, to)
    return reference_integers.between_integers(fmt, to)
