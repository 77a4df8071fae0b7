"""Which operand sets are tried: all of them in order of their patterns, or corners and random ones. Both in chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons import Port
from lava_nexus.verify import operands

Patterns = NDArray[Any]

MOST_BITS = 32
"""Bits of all operands together up to which every combination is tried: 2^32 sets take a minute."""

_WEYL = 0x9E3779B97F4A7C15 | 1
"""Odd, near 2^64 divided by the golden ratio: its multiples spread evenly."""

_NAMES = {1: "input", 2: "pair", 3: "triple"}


class OperandSets(ABC):
    """Operand sets of a circuit, by number.

    Attributes:
        ports: input ports of the circuit.
        chunk: sets taken together.
    """

    ports: tuple[Port, ...]
    chunk: int

    @property
    @abstractmethod
    def sets(self) -> int:
        """How many."""

    @property
    def whole(self) -> bool:
        """Whether they are all there are, in order of their patterns."""
        return False

    @property
    @abstractmethod
    def how(self) -> str:
        """In words, for the table."""

    @abstractmethod
    def take(self, number: int, xp: Any = np) -> list[Patterns]:
        """Patterns of each port in one chunk, 0 <= number < chunks, where `xp`, NumPy or CuPy, has its arrays."""

    @property
    @abstractmethod
    def chunks(self) -> int:
        """Chunks, which may be smaller than `chunk`."""


@dataclass(frozen=True)
class Exhaustive(OperandSets):
    """Every combination of patterns, the last port fastest; with `most`, so many of them, evenly spread."""

    ports: tuple[Port, ...]
    chunk: int
    most: int | None = None

    @property
    def bits(self) -> int:
        """Of all operands together."""
        return sum(port.width for port in self.ports)

    @property
    def whole(self) -> bool:
        return self.sets == 1 << self.bits

    @property
    def sets(self) -> int:
        return min(1 << self.bits, self.most or 1 << self.bits)

    @property
    def how(self) -> str:
        name = _NAMES.get(len(self.ports), "operand set")
        return f"every {name}" if self.whole else f"{self.sets:,} of {1 << self.bits:,} {name}s, evenly spread"

    @property
    def chunks(self) -> int:
        return -(-self.sets // self.chunk)

    def take(self, number: int, xp: Any = np) -> list[Patterns]:
        start = number * self.chunk
        index = xp.arange(start, min(start + self.chunk, self.sets), dtype=np.uint64)
        if not self.whole:
            index = index * np.uint64(_WEYL)  # modulo 2^bits a one-to-one map
        return _split(index, self.ports)


@dataclass(frozen=True)
class Sample(OperandSets):
    """Corners crossed with corners, then `size` random sets; the same seed gives the same sets."""

    ports: tuple[Port, ...]
    chunk: int
    size: int
    corners: int
    seed: int

    @cached_property
    def _lists(self) -> list[Patterns]:
        return [operands.port_corners(port) for port in self.ports]

    @cached_property
    def _crossed(self) -> int:
        return prod(len(one) for one in self._lists)

    @property
    def _corner_sets(self) -> int:
        return min(self._crossed, self.corners)

    @property
    def _corner_chunks(self) -> int:
        return -(-self._corner_sets // self.chunk)

    @property
    def sets(self) -> int:
        return self._corner_sets + self.size

    @property
    def how(self) -> str:
        crossed = "all" if self._crossed <= self.corners else "drawn"
        return f"{self._corner_sets:,} combinations of corners ({crossed}), {self.size:,} random; seed {self.seed}"

    @property
    def chunks(self) -> int:
        return self._corner_chunks + -(-self.size // self.chunk)

    def take(self, number: int, xp: Any = np) -> list[Patterns]:
        return [xp.asarray(one) for one in self._drawn(number, self.seed + (number << 32))]

    def _drawn(self, number: int, seed: int) -> list[Patterns]:
        if number >= self._corner_chunks:
            start = (number - self._corner_chunks) * self.chunk
            return operands.hard(self.ports, min(self.chunk, self.size - start), seed)
        start = number * self.chunk
        count = min(self.chunk, self._corner_sets - start)
        if self._crossed <= self.corners:
            return _combinations(self._lists, start, count)
        rng = np.random.default_rng(seed)
        return [rng.choice(one, count) for one in self._lists]


def _split(index: NDArray[np.uint64], ports: Sequence[Port]) -> list[Patterns]:
    """The bits of each index shared out among the ports, the lowest to the last port."""
    found: list[Patterns] = []
    for port in reversed(ports):
        found.append((index & np.uint64((1 << port.width) - 1)).astype(port.pattern_dtype))
        index = index >> np.uint64(port.width)
    return found[::-1]


def _combinations(lists: Sequence[Patterns], start: int, count: int) -> list[Patterns]:
    """Combinations start .. start + count - 1 of the lists, the last list fastest."""
    index = np.arange(start, start + count)
    found: list[Patterns] = []
    for one in reversed(lists):
        found.append(one[index % len(one)])
        index = index // len(one)
    return found[::-1]
