"""Any number format, and the ways to name one."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.formats.float_format import FORMATS, FloatFormat, format_named
from lava_nexus.formats.integer_format import INTEGER_FORMATS, IntegerFormat

NumberFormat: TypeAlias = FloatFormat | IntegerFormat
"""What a port may carry; both know `bits`, `dtype`, `pattern_dtype`, `to_patterns` and `from_patterns`."""

FormatLike: TypeAlias = Any
"""A number format, its name, or a dtype of NumPy, ml_dtypes or PyTorch that stands for it; see `as_format`."""

_SHORT = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32", "fp64": "float64"}


def number_format_named(name: str) -> NumberFormat:
    """The floating-point or integer format of that name.

    Raises:
        NexusError: there is none of that name.
    """
    return INTEGER_FORMATS[name] if name in INTEGER_FORMATS else format_named(name)


def as_format(given: FormatLike) -> NumberFormat:
    """The number format that is meant: `"float32"`, `"fp32"`, `np.float32`, `ml_dtypes.bfloat16`, `torch.float32`, ...

    Args:
        given: a FloatFormat or IntegerFormat, also one without a name; a name; a NumPy or ml_dtypes scalar type or
            dtype; a PyTorch dtype (known by its text: PyTorch is not imported).

    Raises:
        NexusError: nothing of the kind; the sentence lists the formats that have names.
    """
    if isinstance(given, FloatFormat | IntegerFormat):
        return given
    name = _name(given)
    name = _SHORT.get(name, name)
    known = FORMATS | INTEGER_FORMATS
    if name not in known:
        raise NexusError(f"format {given!r} does not exist; choose one of {', '.join(known)}")
    return known[name]


def _name(given: Any) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, np.dtype) or (isinstance(given, type) and issubclass(given, np.generic)):
        return np.dtype(given).name
    package, _, name = str(given).partition(".")
    return name if package == "torch" else ""
