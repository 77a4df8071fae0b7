"""Weights that an executor keeps or has elsewhere: which rows of a tensor, and what stands for them in feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.operands import Patterns, check_rounded
from lava_nexus.formats import BFLOAT16, FLOAT32, FloatFormat
from lava_nexus.neurons import Port
from lava_nexus.programs.program import Contract, Program


class Source(Protocol):
    """Where rows of a tensor come from."""

    def rows(self, name: str, shape: tuple[int, ...], rows: slice) -> NDArray[np.float32]:
        """Some rows of a tensor."""


@runtime_checkable
class Halves(Protocol):
    """A source some of whose weights are BF16 numbers as they are stored."""

    def halved(self, name: str) -> bool:
        """Whether a tensor is of these."""

    def upper_halves(self, name: str, shape: tuple[int, ...], rows: slice, out: NDArray[np.uint16]) -> None:
        """Some rows of such a tensor as BF16 patterns, put into an array [rows, ...]."""


@dataclass(frozen=True)
class Rows:
    """Rows of a weight matrix.

    Attributes:
        name, shape: of the tensor.
        rows: which.
        format: of the patterns.
        rounded: what matrices are rounded to first; None for `format`.
    """

    name: str
    shape: tuple[int, ...]
    rows: slice
    format: FloatFormat
    rounded: FloatFormat | None = None

    @property
    def unrounded(self) -> Rows:
        """The same as they are, where they are no matrix of products."""
        return replace(self, rounded=None)

    def part(self, share: slice) -> Rows:
        """Some of them."""
        first = self.rows.start
        return replace(self, rows=slice(first + share.start, first + share.stop))

    def carried(self, source: Source) -> np.dtype[Any]:
        """Of what says all of a pattern: its upper half where the numbers are BF16 ones in FP32, else itself."""
        halved = self.format == FLOAT32 and (self.rounded == BFLOAT16 or self._stored_halved(source))
        return np.dtype(np.uint16) if halved else self.format.pattern_dtype

    def carry(self, source: Source, out: Patterns) -> None:
        """Puts them into an array [rows, terms] of dtype `carried`; raises what `read` does."""
        if out.dtype == self.format.pattern_dtype:
            out[...] = self.read(source)
        elif self._stored_halved(source):
            source.upper_halves(self.name, self.shape, self.rows, out)  # type: ignore[attr-defined]
        else:
            out[...] = self.read(source) >> np.uint32(16)

    def _stored_halved(self, source: Source) -> bool:
        as_stored = self.rounded in (None, self.format, BFLOAT16)
        return as_stored and isinstance(source, Halves) and source.halved(self.name)

    def read(self, source: Source) -> Patterns:
        """Their patterns [rows, terms].

        Raises:
            NexusError: a weight becomes infinite, or what it is rounded to is no number of `format`.
        """
        found = source.rows(self.name, self.shape, self.rows)
        check_rounded(found, self.name, self.format)
        held = found.astype(self.format.dtype)
        if self.rounded is not None and self.rounded != self.format:
            check_rounded(found, self.name, self.rounded)
            exact = held.astype(self.rounded.dtype)
            held = exact.astype(self.format.dtype)
            if not np.array_equal(held.astype(self.rounded.dtype), exact):
                raise NexusError(
                    f"tensor '{self.name}': weights in {self.rounded} are no numbers of {self.format}, in which they "
                    "are multiplied"
                )
        return self.format.to_patterns(held)


class Remote(np.ndarray[Any, Any]):
    """Stands for a weight matrix that is elsewhere: its shape and dtype in no memory, which rows, of what source."""

    of: Rows
    source: Source

    @classmethod
    def standing_for(cls, of: Rows, source: Source) -> Remote:
        """[1, rows, terms]."""
        shape = (1, of.rows.stop - of.rows.start, *of.shape[1:])
        made = np.broadcast_to(np.zeros((), of.format.pattern_dtype), shape).view(cls)
        made.of, made.source = of, source
        return made

    def __array_finalize__(self, made_from: Any) -> None:
        self.of = getattr(made_from, "of", None)  # type: ignore[assignment]
        self.source = getattr(made_from, "source", None)  # type: ignore[assignment]

    def read(self) -> Patterns:
        """The patterns [rows, terms]."""
        return self.of.read(self.source)

    @property
    def key(self) -> tuple[Source, str]:
        """What is equal for equal weights."""
        return self.source, str(self.of)


def only_right(program: Program) -> set[str]:
    """Inputs that are right factors of sums of products and nothing else, as matrices of weights are."""
    matrices: set[int] = set()
    other = {value.number for value in program.outputs.values()}
    for node in program.nodes:
        for place, value in enumerate(node.operands):
            (matrices if isinstance(node, Contract) and place == 1 else other).add(value.number)
    return {
        name for name, value in program.inputs.items() if len(value.shape) == 2 and value.number in matrices - other
    }


def low_zeros(port: Port, arrays: Sequence[Any]) -> int:
    """How many of the lowest bits of all patterns are 0: half of the port's, or none; looks at every one."""
    half = port.width // 2
    mask = (1 << half) - 1
    low = any(bool((array & array.dtype.type(mask)).any()) for array in arrays)
    return 0 if low or port.width < 32 else half
