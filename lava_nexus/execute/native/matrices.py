"""What arrives at the accumulators of a native layer, from products of matrices in double precision.

Digits are taken two at a time, below 2^15.1, and limbs three at a time, whose sizes over a group add up to less than
2^16 * 2^16 (`Limbs.groups`): every partial sum lies below 2^48, so that products of matrices in double precision are
exact, in whatever order. A layer's matrices are kept, at several times the size of its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lava_nexus.neurons.compiled import kept
from lava_nexus.populations.native.core import NativeCore
from lava_nexus.populations.native.limbs import BYTE

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Words = NDArray[np.uint64]

_DIGITS, _LIMBS = 2, 3  # in one number of a matrix
_FEW, _MANY = 4, 32  # rows at once, and in all, for which matrices are made: making them takes as long as 20 to 40 rows
_SPARSE = 32  # a matrix with fewer than one entry in so many is multiplied entry by entry


@dataclass(frozen=True, eq=False)
class Matrices:
    """The limbs of a group of inputs.

    Attributes:
        dense: float64 [inputs, outputs] of so many limbs as one number, from the lowest on; None where all are 0.
        used: of each limb, uint64 [outputs, words], bits of the inputs whose limb is not 0.
    """

    dense: tuple[Reals | None, ...]
    used: Words


_known: WeakKeyDictionary[NativeCore, dict[int, Matrices]] = WeakKeyDictionary()
_came: WeakKeyDictionary[NativeCore, int] = WeakKeyDictionary()  # rows, `_FEW` or more at once


def worth_making(core: NativeCore, rows: int) -> bool:
    """Whether so many rows at once, with those that came before, are worth a layer's matrices."""
    if rows < _FEW:
        return False
    _came[core] = _came.get(core, 0) + rows
    return _came[core] >= _MANY


def _matrices(core: NativeCore, group: int) -> Matrices:
    """Made once a layer, and gone with it."""
    of_layer = _known.setdefault(core, {})
    if group not in of_layer:
        of_layer[group] = _made(core, group)
    return of_layer[group]


def _made(core: NativeCore, group: int) -> Matrices:
    limbs = core.limbs
    inputs = limbs.groups[group]
    found = [limbs.at(a)[:, inputs] for a in range(limbs.span)]
    dense = tuple(_joined(found[a : a + _LIMBS]) for a in range(0, limbs.span, _LIMBS))
    return Matrices(dense, np.array([_packed(limb != 0) for limb in found]))


def _joined(limbs: list[NDArray[np.int16]]) -> Reals | None:
    """Limbs as one number."""
    if not any(limb.any() for limb in limbs):
        return None
    return np.ascontiguousarray(sum(limb.T.astype(np.float64) * float(1 << BYTE * k) for k, limb in enumerate(limbs)))


def _packed(bits: NDArray[np.bool_]) -> Words:
    """uint64 [rows, words]."""
    padded = np.zeros((len(bits), -(-bits.shape[1] // 64) * 64), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1).view(np.uint64)


def add_products(
    core: NativeCore, sent: Integers, at: Integers, first: int, arrived: Reals, met: NDArray[np.bool_]
) -> None:
    """Adds products to arrived [digits from `first` on, groups, rows, outputs]; marks in `met` where spikes come.

    Args:
        core: the layer.
        sent: digits [digits, rows, inputs] of the activations.
        at: int64 [rows, inputs], positions of the first of them.
        first: number of the first digit to arrive.
        arrived: float64, 0 where nothing is added.
        met: as large, or empty.
    """
    for g, group in enumerate(core.limbs.groups):
        matrices, parts, places = _matrices(core, g), sent[:, :, group], at[:, group]
        for q in range(0, len(arrived), _DIGITS):
            now = np.zeros((_DIGITS, *places.shape), np.float64)
            for b in range(_DIGITS):
                for k, part in enumerate(parts):
                    np.copyto(now[b], part, where=places == first + q + b - k, casting="unsafe")
                if met.size and now[b].any():
                    bits = _packed(now[b] != 0)
                    for a, used in enumerate(matrices.used):
                        if used.any():
                            _reach(bits, used, met[q + b + a, g])
            if not now.any():
                continue
            x = _sparse(now[0] + float(1 << BYTE) * now[1])
            for a, dense in enumerate(matrices.dense):
                if dense is not None:
                    target = arrived[q + _LIMBS * a, g]
                    target += x @ dense


def _sparse(x: Reals) -> Any:
    """The matrix, entry by entry where it has few."""
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

    return csr_matrix(x) if np.count_nonzero(x) * _SPARSE < x.size else x


def _reach_loop(bits: NDArray[np.uint64], used: NDArray[np.uint64], met: NDArray[np.bool_]) -> None:
    """Marks sums to which an activation's digit comes through a limb."""
    rows, outputs = met.shape
    for r in range(rows):
        for j in range(outputs):
            if met[r, j]:
                continue
            for w in range(bits.shape[1]):
                if bits[r, w] & used[j, w]:
                    met[r, j] = True
                    break


_reach = kept(_reach_loop)
