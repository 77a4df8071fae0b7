"""What an integer is: two's complement of a width, or unsigned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError


@dataclass(frozen=True)
class IntegerFormat:
    """Integers of a width; a pattern is the two's complement in an unsigned dtype.

    Attributes:
        bits: width of the pattern, 2..64.
        signed: True for -2^(bits - 1) .. 2^(bits - 1) - 1, False for 0 .. 2^bits - 1.
    """

    bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 64:
            raise NexusError(f"integer format of {self.bits} bits is out of range: 2..64")

    @property
    def name(self) -> str:
        """int8, uint16, int24, ..."""
        return f"{'int' if self.signed else 'uint'}{self.bits}"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest numpy dtype that holds the numbers."""
        return np.dtype(f"{'i' if self.signed else 'u'}{self.pattern_dtype.itemsize}")

    @property
    def pattern_dtype(self) -> np.dtype[Any]:
        """The smallest unsigned integer dtype that holds a pattern."""
        return np.dtype(f"u{next(size for size in (1, 2, 4, 8) if 8 * size >= self.bits)}")

    @property
    def min(self) -> int:
        """The smallest number."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """The largest number."""
        return (1 << (self.bits - self.signed)) - 1

    def to_patterns(self, values: ArrayLike) -> NDArray[Any]:
        """Patterns, dtype `pattern_dtype`, of integers (any shape and dtype).

        Raises:
            NexusError: a value is no integer, or out of range.
        """
        array = np.asarray(values)
        if array.dtype.kind not in "biuf" or (
            array.dtype.kind == "f" and not (np.isfinite(array) & (np.floor(array) == array)).all()
        ):
            raise NexusError(f"operand of dtype {array.dtype} is not an array of integers, as {self.name} asks")
        extremes = [int(array.min()), int(array.max())] if array.size else []
        for value in extremes:
            if not self.min <= value <= self.max:
                raise NexusError(f"operand {value} is out of the range {self.min}..{self.max} of {self.name}")
        exact = np.ascontiguousarray(array.astype(self.dtype)).view(self.pattern_dtype).reshape(array.shape)
        return np.asarray(exact & self.pattern_dtype.type((1 << self.bits) - 1))

    def from_patterns(self, patterns: NDArray[Any]) -> NDArray[Any]:
        """Integers of dtype `dtype`, same shape, of patterns."""
        array = np.asarray(patterns, dtype=self.pattern_dtype)
        spare = 8 * self.pattern_dtype.itemsize - self.bits
        shifted = np.ascontiguousarray(array << self.pattern_dtype.type(spare)).view(self.dtype)
        return np.asarray(shifted >> self.dtype.type(spare)).reshape(np.shape(patterns))

    def __str__(self) -> str:
        return self.name


INT8, INT16, INT32, INT64 = (IntegerFormat(bits) for bits in (8, 16, 32, 64))
UINT8, UINT16, UINT32, UINT64 = (IntegerFormat(bits, signed=False) for bits in (8, 16, 32, 64))

INTEGER_FORMATS: dict[str, IntegerFormat] = {
    f.name: f for f in (INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64)
}
