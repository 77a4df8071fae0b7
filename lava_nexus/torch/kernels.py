"""PyTorch's CPU kernels as what they add, and probes that show in which order each part of their results is formed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.programs.order import Sum
from lava_nexus.torch.revealing import revealed

Values = NDArray[Any]
KernelName = Literal["linear", "matmul", "sum"]

_LARGE = 2.0**60  # + 1 is itself, in FP32 and in FP64
_SIGNATURE = 48
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd; 2^64 over the golden ratio


@dataclass(frozen=True)
class Kernel:
    """One operation of PyTorch on tensors of one shape.

    Attributes:
        name: `linear` (x weight^T + bias), `matmul` (a product of activations), `sum` (over the last axis).
        length: terms of a sum, the bias not among them.
        rows, columns: of the result; a sum over the last axis has one row, its results are columns.
        bias: whether a bias is added.
        matrices: independent products in one call.
        transposed: whether the right operand lies in memory as [columns, length] and is handed over transposed.
    """

    name: KernelName
    length: int
    rows: int
    columns: int
    bias: bool = False
    matrices: int = 1
    transposed: bool = True

    @property
    def terms(self) -> int:
        """Terms of a sum, the bias among them."""
        return self.length + self.bias

    def __str__(self) -> str:
        if self.name == "sum":
            return f"torch.sum of shape ({self.columns}, {self.length})"
        called = "torch.nn.functional.linear" if self.name == "linear" else "torch.matmul"
        heads = f"{self.matrices} x " if self.matrices > 1 else ""
        with_bias = " with a bias" if self.bias else ""
        return f"{called}{with_bias} of shapes {heads}({self.rows}, {self.length}) and ({self.length}, {self.columns})"

    def __call__(self, left: Values, right: Values, bias: Values | None = None) -> Values:
        """The kernel's result [rows, columns] for left [rows, length], right [columns, length] and bias [columns].

        Of several matrices all are the same, and so must be the results: NaN where they are not. A sum adds the
        elements of left * right.
        """
        import torch

        if self.name == "sum":
            found: Values = torch.from_numpy(left * right).sum(-1).numpy()[None]
            return found
        x, w = torch.from_numpy(left), torch.from_numpy(right)
        if self.name == "linear":
            y: Values = torch.nn.functional.linear(x, w, None if bias is None else torch.from_numpy(bias)).numpy()
            return y
        x = x.expand(self.matrices, *x.shape).contiguous()
        w = (w if self.transposed else w.t().contiguous()).expand(self.matrices, -1, -1).contiguous()
        results: Values = (x @ (w.transpose(-1, -2) if self.transposed else w)).numpy()
        same = (results.view(f"u{results.itemsize}") == results[:1].view(f"u{results.itemsize}")).all(axis=0)
        return np.where(same, results[0], np.nan)


@dataclass(frozen=True)
class Region:
    """Results that are formed in the same order: rows and columns start .. stop (exclusive)."""

    rows: tuple[int, int]
    columns: tuple[int, int]


class Probe:
    """A kernel fed with numbers that show its order: each column of its result answers a question about two terms."""

    def __init__(self, kernel: Kernel, dtype: np.dtype[Any]) -> None:
        self.kernel = kernel
        self._rows = kernel.columns if kernel.name == "sum" else kernel.rows
        self._dtype = dtype
        self._epsilon = float(np.finfo(dtype).eps)

    def regions(self) -> list[Region]:
        """The result cut into blocks in which a number of random pairs of terms meet alike."""
        kernel, n = self.kernel, self.kernel.terms
        drawn = np.random.default_rng(0).integers(0, n, size=(_SIGNATURE, 2))
        pairs = [*drawn.tolist(), *((0, j) for j in (*range(1, min(n, 20)), n // 2, n - 1))]
        asked = [(i, j) for i, j in pairs if i != j]
        met = np.zeros((kernel.rows, kernel.columns), np.uint64)  # all answers, hashed: a result may be large
        for pair in asked:
            answers = self._answers([pair] * kernel.columns, 0, 1.0, _LARGE, -_LARGE)
            met = met * _MULTIPLIER + answers.view(np.uint64)
        columns = _runs(met.T)
        return [Region(span, column) for span in _runs(met) for column in columns]

    def tree(self, region: Region) -> Sum | None:
        """The tree of additions in a region, or None where there is none."""

        def meeting(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
            left_out = self._asked(region, pairs.tolist(), 1.0, _LARGE, -_LARGE)
            return np.nan_to_num(self.kernel.terms - left_out, nan=-1, posinf=-1, neginf=-1).astype(np.int64)

        return revealed(self.kernel.terms, meeting)

    def fused(self, region: Region, pairs: Sequence[tuple[int, int]]) -> list[bool]:
        """For each (term, other): whether the term's product is added unrounded to what holds the other term.

        With e the distance from 1 to the next number, (1 + e)^2 - (1 + e) is e + e^2, and e if the product is rounded.
        """
        if self.kernel.name == "sum":
            return [False] * len(pairs)
        above = 1 + self._epsilon
        found = self._asked(region, pairs, 0.0, above, -1.0, above)
        return [bool(value != self._epsilon) for value in found]

    def _asked(
        self, region: Region, pairs: Sequence[tuple[int, int]], rest: float, first: float, second: float, x: float = 1.0
    ) -> NDArray[Any]:
        """A result of the region for each pair, as many pairs a call as there are columns."""
        size = region.columns[1] - region.columns[0]
        answers = [np.zeros(0)]
        for start in range(0, len(pairs), size):
            part = pairs[start : start + size]
            result = self._answers(part, region.columns[0], rest, first, second, x)
            answers.append(result[region.rows[0], region.columns[0] :][: len(part)])
        return np.concatenate(answers)

    def _answers(
        self,
        pairs: Sequence[tuple[int, int]],
        start: int,
        rest: float,
        first: float,
        second: float,
        x: float = 1.0,
    ) -> NDArray[np.float64]:
        """The result where column start + c has the weights `first`, `second` at the terms of pair c, else `rest`.

        All inputs are x; a bias has the weight of its term, times x.
        """
        kernel = self.kernel
        right = np.full((kernel.columns, kernel.terms), rest, self._dtype)
        columns = np.arange(start, start + len(pairs))
        terms = np.array(pairs).reshape(-1, 2)
        right[columns, terms[:, 0]], right[columns, terms[:, 1]] = first, second
        left = np.full((self._rows, kernel.length), x, self._dtype)
        bias = right[:, -1] * self._dtype.type(x) if kernel.bias else None
        with np.errstate(all="ignore"):
            weights = np.ascontiguousarray(right[:, : kernel.length])
            return np.asarray(kernel(left, weights, bias), np.float64)


def _runs(signature: NDArray[Any]) -> list[tuple[int, int]]:
    """Neighbours along the first axis that are alike: (start, stop) of each run."""
    flat = signature.reshape(len(signature), -1)
    starts = [0, *(np.nonzero((flat[1:] != flat[:-1]).any(axis=1))[0] + 1).tolist()]
    return list(zip(starts, [*starts[1:], len(flat)], strict=True))
