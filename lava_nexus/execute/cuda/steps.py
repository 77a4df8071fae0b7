"""Steps of a plan: what each reads and writes, and how it runs on a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from lava_nexus.circuits import Circuit
from lava_nexus.execute.cuda.device import cupy
from lava_nexus.execute.cuda.sums import Tell
from lava_nexus.execute.cuda.tables import Elements, Kept, Matrices, Words
from lava_nexus.execute.executor import Count
from lava_nexus.execute.tallies import Tally
from lava_nexus.programs.product import Fused, Rounded

Operand: TypeAlias = tuple[Elements, ...]
"""Elements of one buffer, or of several one after the other."""
Buffers = Mapping[int, Any]


class Placing(Protocol):
    """What steps need of the executor that runs them.

    Attributes:
        count: what is counted.
    """

    count: Count

    def flat(self, patterns: Any) -> Any:
        """Patterns, flat on the current GPU, or what stands for weights."""

    def applied(self, circuit: Circuit, operands: Sequence[Any], results: Sequence[Any]) -> Tally:
        """A circuit on flat operands; results are written."""

    def shared_products(
        self, how: Rounded | Fused, x: Any, parts: Sequence[tuple[Any, Matrices]], words: Words, result: Any
    ) -> Tell:
        """Sums of products with matrices of several arrays, or of what stands for weights; a result is written."""

    def rows(self, circuit: Circuit, x: Any, words: Words, result: Any) -> Tell:
        """Rows of a flat array folded; a result is written."""


def read(operand: Operand, buffers: Buffers) -> Any:
    """The elements, flat and contiguous."""
    parts = [elements.read(buffers) for elements in operand]
    return parts[0] if len(parts) == 1 else cupy().concatenate(parts)


@dataclass(frozen=True, eq=False)
class Step:
    """Writes a buffer.

    Attributes:
        layer: that its counts are of.
        buffer: number of what it writes.
    """

    layer: str
    buffer: int

    @property
    def reads(self) -> set[int]:
        """Numbers of the buffers that it reads."""
        raise NotImplementedError

    def run(self, executor: Placing, buffers: dict[int, Any]) -> Iterable[Tally]:
        """Runs on the current GPU; counts, where they are kept by step."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Copied(Step):
    """Elements of several buffers one after the other, or in an order."""

    parts: Operand
    order: Kept | None = None

    @property
    def reads(self) -> set[int]:
        """As of every step."""
        return {elements.buffer for elements in self.parts}

    def run(self, executor: Placing, buffers: dict[int, Any]) -> Iterable[Tally]:
        """As of every step."""
        there = read(self.parts, buffers)
        buffers[self.buffer] = there if self.order is None else there.take(self.order.here())
        return ()


@dataclass(frozen=True, eq=False)
class Applied(Step):
    """A circuit on operand sets."""

    circuit: Circuit
    operands: Sequence[Operand]
    size: int
    counting: bool

    @property
    def reads(self) -> set[int]:
        """As of every step."""
        return {elements.buffer for operand in self.operands for elements in operand}

    def run(self, executor: Placing, buffers: dict[int, Any]) -> Iterable[Tally]:
        """As of every step."""
        result = cupy().empty(self.size, self.circuit.output.pattern_dtype)
        tally = executor.applied(self.circuit, [read(operand, buffers) for operand in self.operands], [result])
        buffers[self.buffer] = result
        return [tally] if self.counting else ()


@dataclass(frozen=True, eq=False)
class Added(Step):
    """A bias on sums that are there."""

    circuit: Circuit
    bias: Operand
    counting: bool

    @property
    def reads(self) -> set[int]:
        """As of every step."""
        return {self.buffer, *(elements.buffer for elements in self.bias)}

    def run(self, executor: Placing, buffers: dict[int, Any]) -> Iterable[Tally]:
        """As of every step."""
        sums = buffers[self.buffer]
        result = cupy().empty_like(sums)
        tally = executor.applied(self.circuit, [sums, read(self.bias, buffers)], [result])
        buffers[self.buffer] = result
        return [tally] if self.counting else ()


@dataclass(frozen=True, eq=False)
class Folding(Step):
    """Rows folded in index order."""

    circuit: Circuit
    operand: Operand
    words: Words
    size: int
    counting: bool

    @property
    def reads(self) -> set[int]:
        """As of every step."""
        return {elements.buffer for elements in self.operand}

    def run(self, executor: Placing, buffers: dict[int, Any]) -> Iterable[Tally]:
        """As of every step."""
        result = cupy().empty(self.size, self.circuit.output.pattern_dtype)
        tell = executor.rows(self.circuit, read(self.operand, buffers), self.words, result)
        buffers[self.buffer] = result
        return tell() if self.counting else ()


@dataclass(frozen=True, eq=False)
class Summing(Step):
    """Sums of products in index order.

    Attributes:
        product: how they are formed.
        left: rows of the left factor, terms side by side.
        matrices: of the right factor, by buffer.
        words: which sums; their `start`s run over the planes of all buffers.
    """

    product: Rounded | Fused
    left: Operand
    matrices: Mapping[int, Matrices]
    words: Words
    size: int
    counting: bool

    @property
    def reads(self) -> set[int]:
        """As of every step."""
        return {*self.matrices, *(elements.buffer for elements in self.left)}

    def run(self, executor: Placing, buffers: dict[int, Any]) -> Iterable[Tally]:
        """As of every step."""
        parts = [(buffers[number], matrices) for number, matrices in self.matrices.items()]
        result = cupy().empty(self.size, self.product.add.output.pattern_dtype)
        tell = executor.shared_products(self.product, read(self.left, buffers), parts, self.words, result)
        buffers[self.buffer] = result
        return tell() if self.counting else ()
