"""A function of one integer array, written in NumPy, recorded as a list of operations.

The function is called once with a `Traced` in place of the array, which answers NumPy's ufuncs and a few of its
functions by writing them down (NEP 13 and NEP 18, as Dask does). What is recorded is done to every element.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

_COMMON = {
    np.bitwise_and: "and",
    np.bitwise_or: "or",
    np.bitwise_xor: "xor",
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.left_shift: "shl",
    np.right_shift: "shr",
    np.minimum: "min",
    np.maximum: "max",
}
_COMPARED = {
    np.equal: "==",
    np.not_equal: "!=",
    np.less: "<",
    np.less_equal: "<=",
    np.greater: ">",
    np.greater_equal: ">=",
}
_GROWING = ("add", "sub", "mul", "shl")


class TraceError(TypeError):
    """The function does something that cannot be recorded."""


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: "input", "constant", "take", "select", "length" (position of the highest 1, from 1), or that of an
            operation on two values; those that compare give bool.
        operands: numbers of earlier operations.
        dtype: in which it takes its operands; words of every dtype but bool are kept in 64 bits, unsigned ones
            zero-extended.
        constant: of "constant" its value modulo 2^64, of "take" where its table begins.
    """

    name: str
    operands: tuple[int, ...]
    dtype: np.dtype[Any]
    constant: int = 0


@dataclass
class Recording:
    """What a function does, in order.

    Attributes:
        operations: each step refers to earlier ones.
        tables: those that "take" looks into, one after the other.
        result: number of the operation whose value is returned.
        dtype: of operand and result.
    """

    dtype: np.dtype[Any]
    operations: list[Step] = field(default_factory=list)
    tables: list[NDArray[np.uint64]] = field(default_factory=list)
    result: int = -1
    _known: dict[Step, int] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)

    def add(self, name: str, operands: Sequence[int], dtype: Any, constant: int = 0) -> int:
        """The number of the operation, an earlier one where there is the same."""
        made = Step(name, tuple(operands), np.dtype(dtype), constant)
        if made not in self._known:
            self._known[made] = len(self.operations)
            self.operations.append(made)
        return self._known[made]

    @property
    def digest(self) -> str:
        """SHA-256 of operations and tables."""
        state = hashlib.sha256()
        for one in self.operations:
            fields = f"operands={one.operands!r}, dtype={one.dtype!r}, constant={one.constant!r}"
            state.update(f"Operation(name={one.name!r}, {fields})".encode())  # certificates hold this digest
        state.update(repr(self.result).encode())
        for table in self.tables:
            state.update(np.ascontiguousarray(table, "<u8").data)
        return state.hexdigest()

    def place(self, table: NDArray[Any]) -> int:
        """Where the table begins among all of them."""
        if id(table) not in self._places:
            self._places[id(table)] = sum(map(len, self.tables))
            self.tables.append(table)
        return self._places[id(table)]


def record(function: Callable[[Any], Any], dtype: Any) -> Recording:
    """What the function does to an array of an unsigned dtype, which is that of its result too.

    Raises:
        TraceError: something that is not element by element, on integers, or known here.
    """
    recording = Recording(np.dtype(dtype))
    argument = Traced(recording, recording.add("input", (), dtype), recording.dtype)
    result = function(argument)
    if not isinstance(result, Traced) or result.dtype != recording.dtype:
        raise TraceError(f"the result is no array of {recording.dtype} that depends on the operand")
    recording.result = result.number
    return recording


class Traced(NDArrayOperatorsMixin):
    """Stands for an array of integers of any length.

    Attributes:
        number: of the operation that it is the result of.
        dtype: of the array.
    """

    def __init__(self, recording: Recording, number: int, dtype: np.dtype[Any]) -> None:
        self._recording, self.number, self.dtype = recording, number, dtype

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TraceError("an array is asked for where its elements are not known yet")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Records a ufunc."""
        if method != "__call__" or options:
            raise TraceError(f"{ufunc.__name__}.{method} with {', '.join(options) or 'no options'} is not recorded")
        if ufunc is np.negative:
            return 0 - inputs[0]
        if ufunc is np.invert and inputs[0].dtype.kind == "b":
            return inputs[0] ^ True
        kind = np.result_type(*(np.empty(1, i.dtype) if isinstance(i, Traced) else i for i in inputs))
        if ufunc not in _COMMON and ufunc not in _COMPARED:
            raise TraceError(f"{ufunc.__name__} is not recorded")
        operands = [self._operand(one, kind) for one in inputs]
        if ufunc in _COMPARED:
            return self._new(_COMPARED[ufunc], operands, kind, gives=bool)
        result = self._new(_COMMON[ufunc], operands, kind)
        return result._cut() if _COMMON[ufunc] in _GROWING else result

    def __array_function__(self, function: Any, _: Any, inputs: Any, options: Any) -> Any:
        """Records `where` and `clip`."""
        if function is np.where and len(inputs) == 3:
            kind = np.result_type(*(np.empty(1, i.dtype) if isinstance(i, Traced) else i for i in inputs[1:]))
            condition = self._operand(inputs[0], np.dtype(bool))
            return self._new("select", [condition, *(self._operand(one, kind) for one in inputs[1:])], kind)
        if function is np.clip and len(inputs) == 3 and not options:
            return np.minimum(np.maximum(inputs[0], inputs[1]), inputs[2])
        raise TraceError(f"{function.__name__} is not recorded so")

    def astype(self, dtype: Any) -> Traced:
        """The words in another dtype, modulo its range."""
        return self._converted(np.dtype(dtype))

    def view(self, dtype: Any) -> Traced:
        """The words read as another dtype of as many bits."""
        if np.dtype(dtype).itemsize != self.dtype.itemsize or self.dtype.kind == "b":
            raise TraceError(f"a view of {self.dtype} as {np.dtype(dtype)} is not recorded")
        return self._converted(np.dtype(dtype))

    def look_up(self, table: NDArray[np.uint64]) -> Traced:
        """table[self]."""
        return self._new("take", [self.number], np.uint64, self._recording.place(table))

    def bit_length(self) -> Traced:
        """Bits up to the highest 1."""
        return self._new("length", [self.number], np.uint64)

    def _converted(self, dtype: np.dtype[Any]) -> Traced:
        if dtype == self.dtype:
            return self
        if dtype.kind == "b":
            different: Traced = self != 0
            return different
        if self.dtype.kind == "b":
            one, zero = (self._operand(np.array(v, dtype), dtype) for v in (1, 0))
            return self._new("select", [self.number, one, zero], dtype)
        return Traced(self._recording, self.number, dtype)._cut()

    def _cut(self) -> Traced:
        """The words modulo the range of the dtype."""
        if self.dtype.kind not in "ui" or (self.dtype.kind == "i" and self.dtype.itemsize < 8):
            raise TraceError(f"words of dtype {self.dtype} are not recorded")
        if self.dtype.itemsize == 8:
            return self
        mask = self._recording.add("constant", (), self.dtype, (1 << 8 * self.dtype.itemsize) - 1)
        return self._new("and", [self.number, mask], self.dtype)

    def _operand(self, value: Any, kind: np.dtype[Any]) -> int:
        if isinstance(value, Traced):
            return value._converted(kind).number
        if np.ndim(value):
            raise TraceError("an array among the operands has elements of its own")
        word = int(np.asarray(value).astype(kind).astype(np.int64 if kind.kind == "i" else np.uint64))
        return self._recording.add("constant", (), kind, word % 2**64)

    def _new(self, name: str, operands: Sequence[int], dtype: Any, constant: int = 0, gives: Any = None) -> Traced:
        number = self._recording.add(name, operands, dtype, constant)
        return Traced(self._recording, number, np.dtype(dtype if gives is None else gives))
