"""Compiled loops that spread the bytes of numbers over their positions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons.compiled import kept


def _extent(first: NDArray[np.int64], value: NDArray[np.uint64]) -> tuple[Any, Any]:
    """(lowest, highest) position of a byte that is not 0; the highest is -1 where there is none."""
    lowest, highest = np.int64(1 << 40), np.int64(-1)
    for r in range(first.shape[0]):
        for i in range(first.shape[1]):
            rest, at = value[r, i], first[r, i]
            while rest:
                if rest & np.uint64(255):
                    lowest, highest = min(lowest, at), max(highest, at)
                rest >>= np.uint64(8)
                at += 1
    return lowest, highest


def _spread(
    first: NDArray[np.int64],
    value: NDArray[np.uint64],
    negative: NDArray[np.bool_],
    base: int,
    limbs: NDArray[np.int16],
) -> None:
    """limbs[position - base, ...] = the signed bytes of the values."""
    for r in range(first.shape[0]):
        for i in range(first.shape[1]):
            rest, at = value[r, i], first[r, i] - base
            while rest:
                byte = np.int16(rest & np.uint64(255))
                if byte:
                    limbs[at, r, i] = -byte if negative[r, i] else byte
                rest >>= np.uint64(8)
                at += 1


extent, spread = kept(_extent), kept(_spread)
