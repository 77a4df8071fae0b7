"""Arrays of unsigned integers of any width: a list of uint64 arrays, 64 bits to a limb, lowest first.

All arrays of a list have one length n, or are scalars. Results are modulo 2^(64 * number of limbs).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.functions.evaluate import bit_length

Limb = NDArray[np.uint64]
Limbs = list[Limb]

SIZE = 64
_FULL = (1 << SIZE) - 1


def count(width: int) -> int:
    """Limbs of a width."""
    return max(1, -(-width // SIZE))


def constant(value: int, limbs: int) -> Limbs:
    """An integer, also a negative one, as scalars."""
    return [np.array(value >> (SIZE * i) & _FULL, dtype=np.uint64) for i in range(limbs)]


def masked(a: Limbs, width: int) -> Limbs:
    """The value modulo 2^width, in the limbs of that width."""
    rest = width - SIZE * (count(width) - 1)
    kept = resized(a, count(width))
    return kept if rest == SIZE else [*kept[:-1], kept[-1] & np.uint64((1 << rest) - 1)]


def resized(a: Limbs, limbs: int) -> Limbs:
    """The same value in so many limbs, zeros above."""
    return [*a[:limbs], *([np.zeros((), dtype=np.uint64)] * (limbs - len(a)))]


def shifted(a: Limbs, shift: int, limbs: int) -> Limbs:
    """a * 2^shift, cut off, in so many limbs."""
    words, bits = divmod(shift, SIZE)
    out = []
    for i in range(limbs):
        low, high = i - words - 1, i - words
        parts = [a[high] << np.uint64(bits)] if 0 <= high < len(a) else []
        parts += [a[low] >> np.uint64(SIZE - bits)] if bits and 0 <= low < len(a) else []
        out.append(parts[0] | parts[1] if len(parts) == 2 else parts[0] if parts else np.zeros((), dtype=np.uint64))
    return out


def added(a: Limbs, b: Limbs) -> Limbs:
    """a + b for as many limbs of each."""
    out: Limbs = []
    carry: Any = None
    for x, y in zip(a, b, strict=True):
        total = x + y
        over: Any = total < x
        if carry is not None:
            total = total + carry
            over = over | (total < carry)
        out.append(total)
        if len(out) < len(a):
            carry = over.astype(np.uint64)
    return out


def subtracted(a: Limbs, b: Limbs) -> Limbs:
    """a - b for as many limbs of each."""
    if len(a) == 1:
        return [a[0] - b[0]]
    return added(added(a, [limb ^ np.uint64(_FULL) for limb in b]), constant(1, len(a)))


def shifted_by(a: Limbs, amount: Limb, right: bool = False) -> Limbs:
    """a * 2^amount, or a / 2^amount cut off, for an amount of each element below 64 times the limbs."""
    if len(a) == 1:
        return [a[0] >> amount if right else a[0] << amount]
    bits, words = amount & np.uint64(SIZE - 1), amount >> np.uint64(6)
    rest = np.uint64(SIZE) - bits  # NumPy's shifts by 64 give 0
    out: Limbs = []
    for i in range(len(a)):
        total: Any = np.uint64(0)
        for step in range(len(a)):
            near, far = (i + step, i + step + 1) if right else (i - step, i - step - 1)
            part: Any = np.uint64(0)
            if 0 <= near < len(a):
                part = a[near] >> bits if right else a[near] << bits
            if 0 <= far < len(a):
                part = part | (a[far] << rest if right else a[far] >> rest)
            total = total | np.where(words == np.uint64(step), part, np.uint64(0))
        out.append(total)
    return out


def length(a: Limbs) -> Any:
    """Bits of each value up to its highest 1, int64 [n]."""
    found: Any = np.int64(0)
    for i, limb in enumerate(a):
        found = np.where(limb > np.uint64(0), bit_length(limb).astype(np.int64) + SIZE * i, found)
    return found


def mask(bit: Limb) -> Limb:
    """All ones where the bit is 1."""
    masked_out: Limb = np.uint64(0) - bit
    return masked_out
