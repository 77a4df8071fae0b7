"""Which units of a GPU multiply matrices of parts, so that every sum is exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.populations.native.limbs import BYTE, Limbs


@dataclass(frozen=True)
class Units:
    """What multiplies matrices of parts.

    Attributes:
        bytes: of a part.
        part, total: types of parts and of their sums, as C names them too.
        exact: whole numbers below this are exact in sums.
    """

    bytes: int
    part: tuple[str, type[np.generic]]
    total: tuple[str, type[np.generic]]
    exact: int

    def positions(self, span: int) -> int:
        """Parts of numbers of so many bytes; digits with a sign can need one more."""
        return -(-span // self.bytes) + (self.bytes == 1)


INTEGERS = Units(1, ("signed char", np.int8), ("int", np.int32), 1 << 31)
DOUBLES = Units(2, ("double", np.float64), ("double", np.float64), 1 << 53)
_WIDE = 16
"""Rows and columns of matrices of parts are filled up to a multiple of this, as integer units want them."""


def units_for(limbs: Limbs) -> Units:
    """Integer units where their sums hold every product of parts, else those of double precision.

    Raises:
        NexusError: neither holds them.
    """
    terms = most_terms(limbs)
    for units in (INTEGERS, DOUBLES):
        largest = 1 << (2 * BYTE * units.bytes - 2 * (units.bytes == 1))
        if terms * units.positions(limbs.span) * largest < units.exact:
            return units
    raise NexusError(
        f"layer '{limbs.layer}': {terms} products of parts at {units.positions(limbs.span)} positions can add up to "
        f"more than the {DOUBLES.exact} up to which sums in double precision are exact"
    )


def filled(size: int) -> int:
    """Rows or columns of a matrix for so many."""
    return -(-size // _WIDE) * _WIDE


def multiplied(left: Any, right: Any, into: Any) -> None:
    """Of each group left [rows, terms] times right [columns, terms], put into [rows, columns]; all contiguous."""
    from cupy.cuda import device
    from cupy_backends.cuda.libs import cublas  # type: ignore[import-not-found]

    (groups, rows, terms), columns = left.shape, right.shape[1]
    part, total, how, scale = _GEMM[left.dtype.type]
    one, none = np.ones(1, scale), np.zeros(1, scale)
    cublas.gemmStridedBatchedEx(
        device.get_cublas_handle(), cublas.CUBLAS_OP_T, cublas.CUBLAS_OP_N, columns, rows, terms,
        one.ctypes.data, right.data.ptr, part, terms, columns * terms, left.data.ptr, part, terms, rows * terms,
        none.ctypes.data, into.data.ptr, total, columns, rows * columns, groups,
        getattr(cublas, how), cublas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip


_GEMM: dict[type[np.generic], tuple[int, int, str, type[np.generic]]] = {
    np.int8: (3, 10, "CUBLAS_COMPUTE_32I", np.int32),
    np.float64: (1, 1, "CUBLAS_COMPUTE_64F", np.float64),
}
"""Types of parts and sums as cuBLAS numbers them (CUDA_R_8I, CUDA_R_32I, CUDA_R_64F), how it computes, its factors."""


def most_terms(limbs: Limbs) -> int:
    """Inputs of the largest group."""
    return max(int(group.stop - group.start) for group in limbs.groups)
