"""PyTorch's CPU kernels as what they add, and probes that show in which order each part of their results is formed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.programs.order import Sum
from lava_nexus.torch.revealing import revealed

Values = NDArray[Any]
KernelName = Literal["linear", "matmul", "sum"]

_LARGE = 2.0**60  # + 1 is itself, in FP32 and in FP64
_SIGNATURE = 48  # pairs of terms
_DRAWS = 16  # random sums, their terms of ever more sizes
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
        interleaved: whether the matrices of the left and those of the right operand lie in memory beside each other, as
            [rows, matrices, columns], instead of one after the other.
    """

    name: KernelName
    length: int
    rows: int
    columns: int
    bias: bool = False
    matrices: int = 1
    transposed: bool = True
    interleaved: tuple[bool, bool] = (False, False)

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
        shapes = f"{heads}({self.rows}, {self.length}) and ({self.length}, {self.columns})"
        beside = " and ".join(side for side, yes in zip(("left", "right"), self.interleaved, strict=True) if yes)
        return f"{called}{with_bias} of shapes {shapes}{beside and f', {beside} interleaved'}"

    def __call__(self, left: Values, right: Values, bias: Values | None = None) -> Values:
        """The results [matrices, rows, columns] for left [rows, length], right [columns, length] and bias [columns].

        All matrices are given the same operands, in memory that PyTorch allocates (at a multiple of 64 bytes): where a
        kernel's order follows the addresses of its operands, results depend on their matrix. A sum adds the elements of
        left * right.
        """
        import torch

        if self.name == "sum":
            found: Values = torch.from_numpy(left * right).clone().sum(-1).numpy()[None, None]
            return found
        x, w = torch.from_numpy(left), torch.from_numpy(right)
        if self.name == "linear":
            with_bias = None if bias is None else torch.from_numpy(bias).clone()
            y: Values = torch.nn.functional.linear(x.clone(), w.clone(), with_bias).numpy()[None]
            return y
        x = self._repeated(x, self.interleaved[0])
        w = self._repeated(w if self.transposed else w.t(), self.interleaved[1])
        results: Values = (x @ (w.transpose(-1, -2) if self.transposed else w)).numpy()
        return results

    def _repeated(self, matrix: Any, interleaved: bool) -> Any:
        """The same matrix so many times [matrices, ...]."""
        if interleaved:
            return matrix[:, None].repeat(1, self.matrices, 1).transpose(0, 1)
        return matrix.repeat(self.matrices, 1, 1)


@dataclass(frozen=True)
class Region:
    """Results that are formed in the same order.

    Attributes:
        rows, columns: start .. stop (exclusive).
        matrices: numbers of the matrices, rising.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    matrices: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        (top, bottom), (left, right) = self.rows, self.columns
        return f"rows {top} to {bottom - 1}, columns {left} to {right - 1} of matrix {self.matrices[0]}"


class Probe:
    """A kernel fed with numbers that show its order: each column of its result answers a question about two terms."""

    def __init__(self, kernel: Kernel, dtype: np.dtype[Any]) -> None:
        self.kernel = kernel
        self._rows = kernel.columns if kernel.name == "sum" else kernel.rows
        self._dtype = dtype
        self._epsilon = float(np.finfo(dtype).eps)

    def regions(self) -> list[Region]:
        """The results cut into blocks that are formed alike: random pairs of terms meet alike, random sums are equal.

        Matrices that are formed alike need not be neighbours: every second one may lie at another alignment.
        """
        kernel, found = self.kernel, []
        alike = [(tuple(range(kernel.matrices)), np.zeros((kernel.rows, kernel.columns), np.uint64))]
        for results in self._signatures():
            alike = _told_apart(alike, results)
        for matrices, met in alike:
            columns = _runs(met.T)
            found += [Region(span, column, matrices) for span in _runs(met) for column in columns]
        return found

    def _signatures(self) -> Iterator[Values]:
        """Results [matrices, rows, columns] that are all equal if all are formed in one order."""
        kernel, n = self.kernel, self.kernel.terms
        drawn = np.random.default_rng(0).integers(0, n, size=(_SIGNATURE, 2))
        pairs = [*drawn.tolist(), *((0, j) for j in (*range(1, min(n, 20)), n // 2, n - 1))]
        for i, j in pairs:
            if i != j:
                yield self._answers([(i, j)] * kernel.columns, 0, 1.0, _LARGE, -_LARGE)
        rng = np.random.default_rng(1)
        for spread in np.linspace(0.0, 4.0, _DRAWS):
            drawn = rng.standard_normal((2, n)) * np.exp2(spread * rng.standard_normal((2, n)))
            yield self._sums(*drawn.astype(self._dtype))
        yield self._sums(*np.array([[-0.0], [1.0]], self._dtype).repeat(n, axis=1))

    def _sums(self, left: Values, right: Values) -> Values:
        """The same sum of products everywhere; a bias is the last of `right`."""
        kernel = self.kernel
        bias = np.full(kernel.columns, right[-1]) if kernel.bias else None
        x, weights = left[: kernel.length], right[: kernel.length]
        return kernel(np.tile(x, (self._rows, 1)), np.tile(weights, (kernel.columns, 1)), bias)

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
            answers.append(result[region.matrices[0], region.rows[0], region.columns[0] :][: len(part)])
        return np.concatenate(answers).astype(np.float64)

    def _answers(
        self, pairs: Sequence[tuple[int, int]], start: int, rest: float, first: float, second: float, x: float = 1.0
    ) -> Values:
        """The results where column start + c has the weights `first`, `second` at the terms of pair c, else `rest`.

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
            return kernel(left, weights, bias)


def _told_apart(
    alike: list[tuple[tuple[int, ...], NDArray[np.uint64]]], results: Values
) -> list[tuple[tuple[int, ...], NDArray[np.uint64]]]:
    """(matrices, all their results so far [rows, columns], hashed: a result may be large), with one result more."""
    found = []
    for matrices, met in alike:
        groups: dict[bytes, list[int]] = {}
        for number in matrices:
            groups.setdefault(results[number].tobytes(), []).append(number)
        for numbers in groups.values():
            bits = results[numbers[0]].view(f"u{results.itemsize}").astype(np.uint64)
            found.append((tuple(numbers), met * _MULTIPLIER + bits))
    return found


def _runs(signature: NDArray[Any]) -> list[tuple[int, int]]:
    """Neighbours along the first axis that are alike: (start, stop) of each run."""
    flat = signature.reshape(len(signature), -1)
    starts = [0, *(np.nonzero((flat[1:] != flat[:-1]).any(axis=1))[0] + 1).tolist()]
    return list(zip(starts, [*starts[1:], len(flat)], strict=True))
