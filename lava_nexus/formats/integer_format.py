"""What an integer is: two's complement of a width, or unsigned; numbers as they were given, none of them rounded."""

from __future__ import annotations

import sys
from collections import UserList, deque
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError, brief
from lava_nexus.shown import Shown


@dataclass(frozen=True)
class IntegerFormat(Shown):
    """Integers of a width; a pattern is the two's complement in an unsigned dtype.

    Attributes:
        bits: width of the pattern, 2..64.
        signed: True for -2^(bits - 1) .. 2^(bits - 1) - 1, False for 0 .. 2^bits - 1.
    """

    bits: int
    signed: bool = True

    def _facts(self) -> tuple[str, dict[str, Any]]:
        return self.name, {"bits": self.bits, "values": f"{self.min:,} to {self.max:,}"}

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
        array = exact_array("operand", values)
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


def exact_array(what: str, values: Any) -> NDArray[Any]:
    """An array of numbers as they were given: what numpy would round or mask is kept exact or refused.

    numpy makes float64 of a list that mixes integers with numbers beyond 64 signed bits or with fractions; integers
    that it would round are put into an integer dtype, where one holds all of them.

    Raises:
        NexusError: a masked element, rows of different lengths, what is no number, or integers that no dtype holds.
    """
    if type(values) is np.ndarray:
        return values
    values = _host(what, values) if hasattr(values, "detach") else values
    if _masked(values):
        raise NexusError(f"{what} is a masked array with masked elements, which are no numbers; fill them first")
    try:
        array = np.asarray(values)
    except Exception as error:  # a container may raise what it likes
        raise NexusError(f"{what} is not an array of numbers: {_words(error)}") from None
    if array.dtype.kind not in "fO" or not (isinstance(values, int) or _sequence(values)):
        return array
    return _exact(what, values, array)


_CONTAINERS = (list, tuple, deque, UserList)


def _sequence(values: Any) -> bool:
    """Whether numpy chooses a dtype for what is inside; arrays and buffers have their own."""
    return isinstance(values, _CONTAINERS)


def _masked(values: Any) -> bool:
    """Whether an element is masked, at any depth."""
    if _sequence(values):
        return any(_masked(part) for part in values)
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


def _host(what: str, tensor: Any) -> Any:
    """A tensor of PyTorch as an array: bf16 and FP8, which numpy lacks, by their bits; gradients stay behind.

    Raises:
        NexusError: a tensor that has no values, such as one on device meta, or none that numpy has a form of.
    """
    dtype = str(tensor.dtype).removeprefix("torch.")
    try:
        plain = tensor.detach().resolve_conj().resolve_neg().cpu()
        plain = plain.to_dense() if plain.is_sparse else plain
        if not hasattr(ml_dtypes, dtype):
            return plain.numpy()
        bits = next(getattr(sys.modules["torch"], f"int{8 * size}") for size in (1, 2) if size == plain.element_size())
        return plain.contiguous().view(bits).numpy().view(getattr(ml_dtypes, dtype))
    except Exception as error:
        device = getattr(tensor, "device", "?")
        raise NexusError(
            f"{what} is a tensor of {dtype} on device {device}, which numpy cannot take: {_words(error)}"
        ) from None


def _words(error: Exception) -> str:
    try:
        return brief(str(error), 100) or type(error).__name__
    except Exception:
        return type(error).__name__


def _exact(what: str, values: Any, array: NDArray[Any]) -> NDArray[Any]:
    """The array, or one of integers where it would have rounded them."""
    each = np.asarray(values, dtype=object)
    each = np.array([x.item() if hasattr(x, "item") else x for x in each.flat], object).reshape(each.shape)
    integers = [isinstance(x, int | np.integer) for x in each.flat]
    pairs = zip(each.flat, array.ravel().tolist(), integers, strict=True)
    same = all(int(x) == y for x, y, integer in pairs if integer)  # Python compares int and float exactly
    if not any(integers) or (same and array.dtype.kind == "f"):
        return array
    if all(integers):
        for dtype in (np.int64, np.uint64):
            if all(np.iinfo(dtype).min <= x <= np.iinfo(dtype).max for x in each.flat):
                return each.astype(dtype)
    raise NexusError(f"{what} holds integers that no dtype of numpy holds exactly beside the rest; give arrays instead")
