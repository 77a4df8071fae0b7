"""Sums in index order on GPUs: right factors as bit planes, 32 columns of a row to a thread, x to all of them.

Where sums are too few to fill a GPU, products of a tile of terms are formed first, none of which waits for another, and
then added in order while those of the next tile are formed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Protocol

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.execute.cuda.device import aside, cupy, fetched, here, launch, placed, side_stream
from lava_nexus.execute.cuda.kernels import (
    addition_kernel,
    contraction_kernel,
    plane_kernel,
    product_kernel,
    row_kernel,
)
from lava_nexus.execute.cuda.source import look_ups
from lava_nexus.execute.cuda.tables import WORD, Counted, Matrices, Words
from lava_nexus.execute.sampled import GROUPS
from lava_nexus.execute.shares import shares
from lava_nexus.execute.tallies import Tallies, Tally
from lava_nexus.lowering.counting import TOTALS
from lava_nexus.lowering.ordered import Variant
from lava_nexus.neurons import Port
from lava_nexus.programs.nodes import Folded, in_order
from lava_nexus.programs.product import Fused, Product, Rounded

Tell = Callable[[], list[Tally]]
"""Waits for kernels and says what they counted."""


class Sharing(Protocol):
    """What shares sums out among GPUs.

    Attributes:
        devices: numbers of its GPUs.
        tallies: to be added to.
    """

    devices: tuple[int, ...]
    tallies: Tallies

    def invoke(self, circuit: Circuit, operands: Sequence[Any]) -> Any:
        """As `Executor.invoke`."""

    def products(
        self, how: Rounded | Fused, x: Any, parts: Sequence[tuple[Any, Matrices]], words: Words, result: Any
    ) -> Tell:
        """Sums of products with matrices of several arrays; a result is written."""

    def rows(self, circuit: Circuit, x: Any, words: Words, result: Any) -> Tell:
        """Rows of a flat array folded; a result is written."""


class Gpus(Protocol):
    """What sums of neurons need of the executor that runs them.

    Attributes:
        variant: what its kernels compute.
    """

    variant: Variant

    def kernel_counts(self, *circuits: Circuit) -> Any:
        """Zeros that a kernel of these circuits adds its totals to; None where nothing is counted."""

    def counted_words(self, words: Words) -> Words:
        """Those that are to be counted: all, or a sample."""

    def tally(self, circuit: Circuit, sets: int, counted: Counted | None, zeros: int = 0) -> Tally:
        """Counts of a circuit: totals as they are, without what every operand set adds."""


_FEW_WORDS = 32_000
"""Words of sums below which terms are multiplied in parallel: less than a fill of a large GPU."""
_TILE = 1 << 19
"""Products of a tile, in words."""
_MOST_SETS = 1 << 44
"""Operand sets of a launch: its totals stay far below 2^63, and it ends within minutes."""


@dataclass(frozen=True)
class Planes:
    """Right factors as bit planes.

    Attributes:
        array: uint32.
        zeros: lowest bits of every pattern that are 0, and have none.
    """

    array: Any
    zeros: int = 0


def made_planes(port: Port, parts: Sequence[tuple[Any, Matrices]], zeros: int = 0) -> Planes:
    """Planes of the matrices of several arrays, one array's behind another's."""
    bits = port.width - zeros
    array = cupy().empty(bits * sum(matrices.size for _, matrices in parts), np.uint32)
    kernel, behind = plane_kernel(port, zeros), 0
    for patterns, matrices in parts:
        own = array[behind : behind + bits * matrices.size]
        number = matrices.entries.shape[1]
        launch(kernel.source, kernel.key, matrices.size, [patterns, own, matrices.table(bits), number, matrices.size])
        behind += bits * matrices.size
    return Planes(array, zeros)


def summed_products(executor: Gpus, how: Rounded | Fused, x: Any, planes: Planes, words: Words, result: Any) -> Tell:
    """Sums of products of rows of x with columns of planes, put into a flat result."""
    fused, part = isinstance(how, Fused), executor.counted_words(words)
    first, then, zeros = how.multiply, how.fma if isinstance(how, Fused) else how.add, planes.zeros
    totals = executor.kernel_counts(first, then)
    if part is words:
        _sum_products(executor.variant, how, x, planes, words, result, totals)
    else:  # both write the same bits
        with aside() as end:
            _sum_products(executor.variant, how, x, planes, part, result, totals)
        _sum_products("outputs", how, x, planes, words, result, None)
        end()
    of = [(first, zeros, "sums" if fused else "products"), (then, 0, "later")]
    return lambda: _tallies(executor, totals, of, words, part)


def _sum_products(
    variant: Variant, how: Rounded | Fused, x: Any, planes: Planes, words: Words, result: Any, totals: Any
) -> None:
    fused = isinstance(how, Fused)
    first, then, zeros = how.multiply, how.fma if isinstance(how, Fused) else how.add, planes.zeros
    table = words.table(first.inputs[1].width - zeros)
    if not fused and words.number < _FEW_WORDS and words.terms > 1:
        multiply = product_kernel(first, variant, zeros)

        def form(into: Any, begin: int, count: int) -> None:
            n = words.number * count
            launch(multiply.source, multiply.key, n, [x, planes.array, into, table, words.number, begin, n, totals])

        _in_tiles(variant, then, form, words, table, result, None if totals is None else totals[TOTALS * GROUPS :])
    else:
        kernel = contraction_kernel(first, then, fused, variant, 0 if fused else zeros)
        assert not (fused and zeros)
        launch(kernel.source, kernel.key, words.number, [x, planes.array, result, table, words.number, totals])


def summed_rows(executor: Gpus, circuit: Circuit, x: Any, words: Words, result: Any) -> Tell:
    """Rows of a flat array folded in index order, put into a flat result."""
    part, totals = executor.counted_words(words), executor.kernel_counts(circuit)
    if part is words:
        _sum_rows(executor.variant, circuit, x, words, result, totals)
    else:
        with aside() as end:
            _sum_rows(executor.variant, circuit, x, part, result, totals)
        _sum_rows("outputs", circuit, x, words, result, None)
        end()
    return lambda: _tallies(executor, totals, [(circuit, 0, "later")], words, part)


def _sum_rows(variant: Variant, circuit: Circuit, x: Any, words: Words, result: Any, totals: Any) -> None:
    kernel, table = row_kernel(circuit.inputs[0]), words.table()

    def form(into: Any, begin: int, count: int) -> None:
        n = words.number * count
        launch(kernel.source, kernel.key, n, [x, into, table, words.number, begin, n])

    _in_tiles(variant, circuit, form, words, table, result, totals)


def _tallies(
    executor: Gpus, totals: Any, of: Sequence[tuple[Circuit, int, str]], words: Words, part: Words
) -> list[Tally]:
    """Counts without what lanes of zeros add; of circuits, lowest bits that are 0, and which sets of the words."""
    found = None if totals is None else fetched(totals).reshape(-1, GROUPS, TOTALS)
    tallies = []
    for i, (circuit, zeros, which) in enumerate(of):
        sets = int(words.lanes(which)[0].sum())
        counted = None
        if found is not None:
            own, spare = part.lanes(which)
            idle = np.array(look_ups(circuit, executor.variant, zeros).idle)
            counted = Counted(own, found[i] - spare[:, None] * idle)
        if sets or not i:
            tallies.append(executor.tally(circuit, sets, counted, zeros))
    return tallies


def _in_tiles(
    variant: Variant, then: Circuit, form: Callable[[Any, int, int], None], words: Words, table: Any, result: Any,
    totals: Any,
) -> None:  # fmt: skip
    """Terms of a tile formed on a stream beside, then added in order, while those of the next tile are formed."""
    xp, width = cupy(), then.output.width
    tile = min(words.terms, max(1, _TILE // words.number))
    begins = range(0, words.terms, tile)
    terms = [xp.empty(tile * width * words.number, np.uint32) for _ in begins[:2]]
    sums = xp.empty(width * words.number if len(begins) > 1 else 1, np.uint32)
    add = addition_kernel(then, variant)
    main, beside = xp.cuda.get_current_stream(), side_stream("terms")
    free = [main.record() for _ in terms]
    for number, begin in enumerate(begins):
        own, count = number % 2, min(tile, words.terms - begin)
        if len(begins) > 1:
            beside.wait_event(free[own])
            with beside:
                form(terms[own], begin, count)
            main.wait_event(beside.record())
        else:
            form(terms[own], begin, count)
        launch(
            add.source, add.key, words.number,
            [terms[own], sums, result, table, words.number, begin, count, totals],
        )  # fmt: skip
        free[own] = main.record()


def contracted(executor: Sharing, how: Product, left: Any, right: Any, bias: Any) -> Any:
    """Sums [..., rows, columns] of left [..., rows, terms] and right [..., columns, terms]; None for other orders.

    Adds to the executor's `tallies`.
    """
    if not in_order(how, left.shape[-1], bias is not None) or not left.size or not right.size:
        return None
    assert isinstance(how, Rounded | Fused)
    xp, left, right = cupy(), placed(left), placed(right)
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    (rows, terms), columns = left.shape[-2:], right.shape[-2]
    flat = xp.ascontiguousarray(xp.broadcast_to(left, (*lead, rows, terms))).reshape(-1, terms)
    common = prod(right.shape[:-2]) == 1
    matrices = xp.ascontiguousarray(right if common else xp.broadcast_to(right, (*lead, columns, terms)))
    matrices = matrices.reshape(-1, columns, terms)
    found = xp.empty((len(flat), columns), how.add.output.pattern_dtype)
    unit = 1 if common else rows
    most = max(1, _MOST_SETS // (columns * terms) // unit) * unit
    for start in range(0, len(flat), most):
        part = slice(start, start + most)
        own = matrices if common else matrices[start // unit : (start + most) // unit]
        _split(executor, how, flat[part], own, found[part])
    found = found.reshape((*lead, rows, columns))
    return found if bias is None else executor.invoke(how.add, [found, placed(bias)[..., None, :]])


def folded(executor: Sharing, how: Folded, values: Any) -> Any:
    """Values [..., terms] folded to [...]; None for other orders than that of index. Adds to `tallies`."""
    terms = values.shape[-1]
    if not in_order(how, terms) or terms < 2 or not values.size:
        return None
    xp = cupy()
    flat = xp.ascontiguousarray(placed(values)).reshape(-1, terms)
    found = xp.empty(len(flat), how.circuit.output.pattern_dtype)
    words = Words.of_rows(np.arange(len(flat)) * terms, terms, 0)
    for tally in executor.rows(how.circuit, flat, words, found)():
        executor.tallies.add(tally)
    return found.reshape(values.shape[:-1])


@lru_cache(maxsize=32)
def _tables(rows: int, batch: int, columns: int, terms: int) -> tuple[Matrices, Words]:
    """Tables of rows [rows, terms] with matrices [batch, columns, terms], each read by as many rows."""
    one = np.ones(batch, np.int64)
    first = np.arange(batch) * columns * terms
    matrices = Matrices(np.vstack([first, terms * one, one, columns * one, terms * one]))
    start = matrices.starts[np.arange(rows) // (rows // batch)]
    return matrices, Words.of_products(np.arange(rows) * terms, start, columns, terms, 0)


def _split(executor: Sharing, how: Rounded | Fused, left: Any, right: Any, found: Any) -> None:
    """Columns shared out among the GPUs."""
    xp, (rows, terms) = cupy(), left.shape
    spans = dict(zip(executor.devices, shares(right.shape[1], len(executor.devices), WORD), strict=False))
    rights = {device: xp.ascontiguousarray(right[:, span]) for device, span in spans.items()}
    parts = []
    for device, span in spans.items():
        with xp.cuda.Device(device):
            own, x = here(rights[device]), here(left)
            batch, columns, _ = own.shape
            matrices, words = _tables(rows, batch, columns, terms)
            result = xp.empty((rows, columns), found.dtype)
            parts.append((device, span, result, executor.products(how, x, [(own, matrices)], words, result)))
    for device, span, result, tell in parts:
        with xp.cuda.Device(device):
            for tally in tell():
                executor.tallies.add(tally)
        found[:, span] = here(result)
