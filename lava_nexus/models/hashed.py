"""Seeded weights that are BF16 numbers, made by a hash of their place on all cores: billions of them a second."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.models.spec import Shape
from lava_nexus.models.tensors import TensorSource, Weights, centre_of
from lava_nexus.store import processors

_PIECE = 1 << 20  # weights that one core makes at a time


class HashedTensors(TensorSource):
    """Weights of mean 0 (norms 1) and deviation 0.02, each a sum of four uniform numbers rounded to BF16.

    A weight depends on seed, name and its place alone, so that any part is made without the others, and nothing of a
    model has to be held. The hash is SplitMix64's (Steele, Lea and Flood, 2014).
    """

    def __init__(self, seed: int) -> None:
        self.name = f"hashed BF16 weights of seed {seed}"
        self._seed = seed

    def check(self, expected: Mapping[str, Shape], ignored: Iterable[str] = ()) -> None:
        """Nothing: it has every tensor."""

    def identity(self) -> Any:
        """The seed."""
        return self.name

    def rows(self, name: str, shape: Shape, rows: slice | NDArray[np.int64]) -> Weights:
        """As FP32."""
        numbers = np.arange(shape[0])[rows]
        width = int(np.prod(shape[1:]))
        out = np.empty((len(numbers), width), np.uint16)
        if isinstance(rows, slice) and rows.step in (None, 1):
            self.upper_halves(name, shape, rows, out)
        else:
            for row, into in zip(numbers.tolist(), out, strict=True):
                self.upper_halves(name, shape, slice(row, row + 1), into)
        words = out.astype(np.uint32) << np.uint32(16)
        return words.view(np.float32).reshape(len(numbers), *shape[1:])

    def halved(self, name: str) -> bool:
        """Every one."""
        return True

    def upper_halves(self, name: str, shape: Shape, rows: slice, out: NDArray[np.uint16]) -> None:
        """As BF16 patterns, put into a contiguous array."""
        start, _, _ = rows.indices(shape[0])
        first = start * int(np.prod(shape[1:]))
        key = int.from_bytes(hashlib.sha256(f"{self._seed} {name}".encode()).digest()[:8], "little")
        centre, flat, make = np.float32(centre_of(name)), out.reshape(-1), _kernel()
        parts = range(0, flat.size, _PIECE)
        if len(parts) == 1:
            make(np.uint64(key), first, centre, flat)
            return
        done = [_pool().submit(make, np.uint64(key), first + i, centre, flat[i : i + _PIECE]) for i in parts]
        for one in done:
            one.result()


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(processors())


@lru_cache(maxsize=1)
def _kernel() -> Any:
    from lava_nexus.neurons.compiled import kept

    def hashed(key: Any, first: Any, centre: Any, out: Any) -> None:
        scale = np.float32(0.02 / 37837.2)  # the deviation of a sum of four 16-bit numbers
        for i in range(out.size):
            z = key + np.uint64(first + i + 1) * np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
            low, high = z & np.uint64(0x0000FFFF0000FFFF), (z >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
            both = low + high
            total = np.int64(both & np.uint64(0xFFFFFFFF)) + np.int64(both >> np.uint64(32)) - 131070
            word = np.float32(centre + np.float32(total) * scale).view(np.uint32)
            up = np.uint32(0x7FFF) + ((word >> np.uint32(16)) & np.uint32(1))
            out[i] = np.uint16((word + up) >> np.uint32(16))

    return kept(hashed)
