"""Floating-point and integer formats alike."""

from __future__ import annotations

from typing import TypeAlias

from lava_nexus.formats.float_format import FloatFormat, format_named
from lava_nexus.formats.integer_format import INTEGER_FORMATS, IntegerFormat

NumberFormat: TypeAlias = FloatFormat | IntegerFormat
"""What a port may carry; both know `bits`, `dtype`, `pattern_dtype`, `to_patterns` and `from_patterns`."""


def number_format_named(name: str) -> NumberFormat:
    """The floating-point or integer format of that name.

    Raises:
        NexusError: there is none of that name.
    """
    return INTEGER_FORMATS[name] if name in INTEGER_FORMATS else format_named(name)
