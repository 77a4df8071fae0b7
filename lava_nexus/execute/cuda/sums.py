"""Sums of products in index order on GPUs: weights as bit planes, 32 columns of a row to a thread, x to all of them.

Where rows and columns are too few to fill a GPU, products of a tile of terms are formed first, none of which waits for
another, and then added in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Protocol

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.execute.cuda.device import cupy, here, launch, placed
from lava_nexus.execute.cuda.kernels import (
    addition_kernel,
    contraction_kernel,
    fold_kernel,
    plane_kernel,
    product_kernel,
)
from lava_nexus.execute.shares import shares
from lava_nexus.execute.tallies import Tallies, Tally
from lava_nexus.lowering.ordered import Variant
from lava_nexus.programs.nodes import Folded
from lava_nexus.programs.order import Sum
from lava_nexus.programs.product import Fused, Product, Rounded


class Gpus(Protocol):
    """What sums need of the executor that runs them.

    Attributes:
        variant: what its kernels compute.
        devices: numbers of its GPUs.
        tallies: to be added to.
    """

    variant: Variant
    devices: tuple[int, ...]
    tallies: Tallies

    def invoke(self, circuit: Circuit, operands: Sequence[Any]) -> Any:
        """As `Executor.invoke`."""

    def kernel_counts(self, *circuits: Circuit) -> Any:
        """Zeros that a kernel of these circuits adds its totals to; None where nothing is counted."""

    def tally(self, circuit: Circuit, sets: int, counted: Sequence[int] | None) -> Tally:
        """Counts of a circuit: totals as they are, without what every operand set adds."""


WORD = 32
"""Columns to a thread."""

_FEW_THREADS = 24_000
"""Threads below which terms are multiplied in parallel: less than a fill of a large GPU."""
_TILE = 1 << 22
"""Products of a tile, in words."""
_MOST_SETS = 1 << 44
"""Operand sets of a launch: its totals stay far below 2^63, and it ends within minutes."""


@dataclass(frozen=True)
class _Problem:
    """y[row, column] = the sum over terms of left[row, term] * right[row // rows_each, column, term].

    Attributes:
        first: circuit of a product.
        then: circuit of what follows.
        fused: whether that is a fused multiply-add.
        left: patterns [rows, terms].
        right: patterns [batch, columns, terms].
        rows_each: rows that read one matrix.
    """

    first: Circuit
    then: Circuit
    fused: bool
    left: Any
    right: Any
    rows_each: int

    @property
    def sums(self) -> int:
        """Results."""
        return len(self.left) * int(self.right.shape[1])


def takes(how: Product, length: int, bias: bool) -> bool:
    """Whether the kind is one of rounded or fused products that are added in index order, from the first on."""
    in_order = isinstance(how, Rounded | Fused) and how.order.tree == Sum((range(length + bias),))
    return in_order and isinstance(how, Rounded | Fused) and not how.order.from_zero


def contracted(executor: Gpus, how: Product, left: Any, right: Any, bias: Any) -> Any:
    """Sums [..., rows, columns] of left [..., rows, terms] and right [..., columns, terms]; None for other orders.

    Adds to the executor's `tallies`.
    """
    if not takes(how, left.shape[-1], bias is not None) or not left.size or not right.size:
        return None
    assert isinstance(how, Rounded | Fused)
    xp, left, right = cupy(), placed(left), placed(right)
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    (rows, terms), columns = left.shape[-2:], right.shape[-2]
    shape = (*lead, rows, columns)
    flat = xp.ascontiguousarray(xp.broadcast_to(left, (*lead, rows, terms))).reshape(-1, terms)
    common = prod(right.shape[:-2]) == 1
    whole = right if common else xp.broadcast_to(right, (*lead, columns, terms))
    matrices = xp.ascontiguousarray(whole).reshape(-1, columns, terms)
    then = how.fma if isinstance(how, Fused) else how.add
    found = xp.empty((len(flat), columns), how.add.output.pattern_dtype)
    unit = 1 if common else rows
    most = max(1, _MOST_SETS // (columns * terms) // unit) * unit
    for start in range(0, len(flat), most):
        part = slice(start, start + most)
        own = matrices if common else matrices[start // unit : (start + most) // unit]
        each = len(flat[part]) if common else rows
        _split(executor, _Problem(how.multiply, then, isinstance(how, Fused), flat[part], own, each), found[part])
    found = found.reshape(shape)
    return found if bias is None else executor.invoke(how.add, [found, placed(bias)[..., None, :]])


def folded(executor: Gpus, how: Folded, values: Any) -> Any:
    """Values [..., terms] folded to [...]; None for other orders than that of index. Adds to `tallies`."""
    terms = values.shape[-1]
    if how.order.tree != Sum((range(terms),)) or how.order.from_zero or terms < 2 or not values.size:
        return None
    xp = cupy()
    flat = xp.ascontiguousarray(placed(values)).reshape(-1, terms)
    rows = len(flat)
    found = xp.empty(rows, how.circuit.output.pattern_dtype)
    kernel = fold_kernel(how.circuit, executor.variant)
    totals, spare = executor.kernel_counts(how.circuit), executor.kernel_counts(how.circuit)
    launch(kernel.source, kernel.key, -(-rows // WORD), [flat, found, terms, rows, totals])
    counted = None
    if totals is not None:
        padding = -rows % WORD
        if padding:  # what rows of zeros count, which fill up the last word
            launch(kernel.source, kernel.key, WORD, [flat, found[:0], terms, 0, spare])
        counted = [int(a) - int(b) * padding // WORD for a, b in zip(totals.get(), spare.get(), strict=True)]
    executor.tallies.add(executor.tally(how.circuit, rows * (terms - 1), counted))
    return found.reshape(values.shape[:-1])


def _split(executor: Gpus, problem: _Problem, found: Any) -> None:
    """Columns shared out among the GPUs; rows few enough for 64-bit totals."""
    xp, columns = cupy(), problem.right.shape[1]
    spans = dict(zip(executor.devices, shares(columns, len(executor.devices), WORD), strict=False))
    rights = {device: xp.ascontiguousarray(problem.right[:, span]) for device, span in spans.items()}
    parts = []
    for device, span in spans.items():
        with xp.cuda.Device(device):
            own = replace(problem, left=here(problem.left), right=here(rights[device]))
            parts.append((device, span, own, *_launched(executor, own)))
    for device, span, own, result, totals in parts:
        with xp.cuda.Device(device):
            counted = None if totals is None else [int(one) for one in totals()]
        found[:, span] = here(result)
        products = own.sums * own.left.shape[1]
        both = None if counted is None else (counted[:3], counted[3:])
        executor.tallies.add(executor.tally(own.first, products if not own.fused else own.sums, both and both[0]))
        if own.left.shape[1] > 1:
            executor.tallies.add(executor.tally(own.then, products - own.sums, both and both[1]))


def _launched(executor: Gpus, problem: _Problem) -> tuple[Any, Any]:
    """Results on the current GPU, and what gives the totals of both circuits when they are there."""
    xp = cupy()
    planes = _planes(problem)
    rows, (columns, terms) = len(problem.left), problem.right.shape[1:]
    result = xp.empty((rows, columns), problem.first.output.pattern_dtype)
    totals = executor.kernel_counts(problem.first, problem.then)
    _run(executor, problem, planes, result, totals)
    if totals is None:
        return result, None
    padding = planes.shape[-1] * WORD - columns
    spare = executor.kernel_counts(problem.first, problem.then)
    if padding:  # what the columns count that fill up the last word: all alike, with weights of zero
        nothing = xp.zeros((1, terms, planes.shape[2], 1), np.uint32)
        alone = replace(problem, rows_each=rows)
        _run(executor, alone, nothing, xp.empty((rows, 1), result.dtype), spare)
    return result, lambda: [int(a) - int(b) * padding // WORD for a, b in zip(totals.get(), spare.get(), strict=True)]


def _planes(problem: _Problem) -> Any:
    """The matrices as uint32 [batch, terms, bits, words]."""
    port = problem.first.inputs[1]
    batch, columns, terms = problem.right.shape
    words = -(-columns // WORD)
    planes = cupy().empty((batch, terms, port.width, words), np.uint32)
    kernel = plane_kernel(port)
    n = batch * terms * words
    launch(kernel.source, kernel.key, n, [problem.right, planes, columns, terms, words, n])
    return planes


def _run(executor: Gpus, problem: _Problem, planes: Any, result: Any, totals: Any) -> None:
    rows, terms = problem.left.shape
    words, columns = planes.shape[-1], result.shape[1]
    pairs = rows * words
    shape = [terms, pairs, words, problem.rows_each]
    if not problem.fused and pairs < _FEW_THREADS and terms > 1:
        _tiled(executor, problem, planes, result, totals, shape)
        return
    kernel = contraction_kernel(problem.first, problem.then, problem.fused, executor.variant)
    launch(kernel.source, kernel.key, pairs, [problem.left, planes, result, *shape, columns, totals])


def _tiled(executor: Gpus, problem: _Problem, planes: Any, result: Any, totals: Any, shape: Sequence[int]) -> None:
    """Products of a tile of terms, then their additions, tile after tile."""
    xp, (terms, pairs, words, rows_each) = cupy(), shape
    width = problem.first.output.width
    tile = min(terms, max(1, _TILE // pairs))
    products, sums = xp.empty((tile, width, pairs), np.uint32), xp.empty((width, pairs), np.uint32)
    multiply, add = product_kernel(problem.first, executor.variant), addition_kernel(problem.then, executor.variant)
    of_add = None if totals is None else totals[3:]
    for begin in range(0, terms, tile):
        count = min(tile, terms - begin)
        n = pairs * count
        launch(multiply.source, multiply.key, n, [problem.left, planes, products, *shape, begin, n, totals])
        into = result if begin + count == terms else None
        launch(
            add.source, add.key, pairs,
            [products, sums, into, count, pairs, words, rows_each, result.shape[1], begin, of_add],
        )  # fmt: skip
