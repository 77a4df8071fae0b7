"""Sums of products in index order by straight-line code: 512 columns to a vector, a row's factor given to all of them.

    y[r, c] = (..((x[r, 0] * w[c, 0]) + x[r, 1] * w[c, 1]) + ..) + x[r, n - 1] * w[c, n - 1]

One compiled loop turns a tile of weights, transposes it to bit planes term by term, and runs the code of the product
and of the addition (or of the fused multiply-add) on the vectors of some rows and columns; sums stay bit planes. Values
that are folded are such terms without a product.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product as every
from math import prod
from typing import Any

import numba
import numpy as np
from numba.core import types
from numpy.typing import NDArray

from lava_nexus.disk_cache import source_digest
from lava_nexus.execute.cpu import kernel as packing
from lava_nexus.execute.cpu import vector_ir
from lava_nexus.execute.cpu.blocks import BlockRunner, Workers, aligned
from lava_nexus.execute.cpu.kernel import VECTOR_LANES, move, pack_vector, straight, unpack_vector
from lava_nexus.execute.cpu.program import ONE_COUNT, RESERVED_COUNTS
from lava_nexus.execute.cpu.vector_ir import VECTOR_BYTES, WORDS
from lava_nexus.execute.shares import shares
from lava_nexus.neurons.compiled import kept, within

_VECTORS = 8
"""Vectors on which code runs at once, of some rows and columns."""
_TERMS = 16
"""Terms of a tile of weights: a line of FP32."""
_PAD = 16
"""Elements between rows of a tile: rows of a power of two would fall on few lines of a cache."""
_FULL = 0.75
"""Share of the lanes that must have a column."""

CODE, SLOTS, APART, COUNTER = range(4)
"""What is known of a program in the loop: addresses of code, slots and counter, bytes from vector to vector."""


def fits(columns: int) -> bool:
    """Whether so many columns fill vectors well."""
    return columns >= _FULL * VECTOR_LANES * -(-columns // VECTOR_LANES)


def sums_in_order(
    runners: Sequence[BlockRunner],
    codes: Sequence[int],
    x: NDArray[Any],
    w: NDArray[Any],
    workers: Workers,
) -> tuple[NDArray[Any], list[NDArray[np.int64]]]:
    """Sums of products of rows x [rows, terms] with w [columns, terms]: patterns [rows, columns], counts of each.

    Args:
        runners: of the product, then of sum and product, or of a fused multiply-add (of three operands); or of a sum
            and a value of w alone, where x tells rows and terms.
        codes: their straight-line code.
        x: contiguous.
        w: of any strides.
        workers: threads to use.
    """
    then = runners[-1]
    (rows, terms), columns, fused = x.shape, len(w), then.n_inputs == 3
    y = np.empty((rows, columns), then.dtypes[-1])
    vectors, together = -(-columns // VECTOR_LANES), min(rows, _VECTORS)
    jobs = workers.threads * -(-vectors // (workers.threads * (_VECTORS // together)))
    parts = list(every(range(0, rows, together), shares(columns, min(jobs, vectors), VECTOR_LANES)))

    def run(part: tuple[int, slice]) -> list[NDArray[np.int64]]:
        return _part(runners, codes, x[part[0] : part[0] + together], w[part[1]], y[part[0] :, part[1]])

    few = workers.threads == 1 or len(parts) == 1
    found = [run(part) for part in parts] if few else list(workers.pool().map(run, parts))
    counts = [sum(of[1:], of[0]) for of in zip(*found, strict=True)]
    spare = rows * (vectors * VECTOR_LANES - columns)
    times = [1 if fused else terms, terms - 1][-len(runners) :]
    for runner, count, each in zip(runners, counts, times, strict=True):
        if len(count):
            count -= spare * each * runner.program.idle.astype(np.int64)
            count[ONE_COUNT] = rows * columns * each
    return y, counts


def _part(
    runners: Sequence[BlockRunner], codes: Sequence[int], x: NDArray[Any], w: NDArray[Any], y: NDArray[Any]
) -> list[NDArray[np.int64]]:
    """Some rows and columns in this thread; counts of the programs, pads included."""
    then, vectors = runners[-1], -(-len(w) // VECTOR_LANES)
    planes = _zeros(vectors, 8 * w.itemsize)
    programs, places = np.zeros((2, 4), np.int64), np.zeros((2, 4, 64), np.int64)
    # Without a product the planes themselves are what is added.
    programs[_FIRST, SLOTS], programs[_FIRST, APART] = planes.ctypes.data, planes[0].nbytes
    places[_FIRST, _RESULT] = np.arange(64) * VECTOR_BYTES
    counts, held = [runner.counters() for runner in runners], []
    for i, runner, code, count in zip((_FIRST, _THEN)[-len(runners) :], runners, codes, counts, strict=True):
        slots, apart, at = runner.slots(len(x) * vectors, code)
        held.append(slots)
        programs[i] = (
            code,
            slots.ctypes.data,
            apart,
            count.ctypes.data + RESERVED_COUNTS * VECTOR_BYTES * (len(count) > 0),
        )
        places[i, : runner.n_inputs], places[i, 3] = at[:-1], at[-1]
    tile = np.zeros((_TERMS, vectors * VECTOR_LANES + _PAD), w.dtype)
    totals = _zeros(len(x) * vectors, 8 * y.itemsize)
    live = _zeros(1, vectors)[0]
    for v, lanes in enumerate(np.arange(vectors * VECTOR_LANES).reshape(vectors, 64, WORDS) < len(w)):
        live[v] = (lanes.astype(np.uint64) << np.arange(64, dtype=np.uint64)[:, None]).sum(axis=0).view(np.int64)
    widths = np.array([*runners[0].widths[:2], then.widths[-1]])
    loop = _loop(x.dtype, w.dtype, y.dtype)
    line = np.zeros(VECTOR_LANES, y.dtype)
    loop(x, w, y, programs, places, widths, tile, planes, totals, live, line, then.n_inputs == 3)
    return [np.asarray(count.sum(axis=1)) for count in counts]


def _zeros(*shape: int) -> NDArray[np.int64]:
    """Vectors of zeros: [*shape, WORDS]."""
    found = aligned(prod(shape) * WORDS).reshape(*shape, WORDS)
    found[:] = 0
    return found


_FIRST, _THEN, _RESULT = 0, 1, 3
"""Programs, and the place of the result among the ports of one."""

# numba keeps compiled functions by what they close over: this ties them to the sources of all the code they draw in.
_VERSION = source_digest(__file__, packing.__file__, vector_ir.__file__)


@within
def _turned(w, tile, begin, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Terms of all columns, term by term."""
    for c in range(w.shape[0]):
        for k in range(count):
            tile[k, c] = w[c, begin + k]


@within
def _copied(into, places, source, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Planes side by side into slots of a vector."""
    for i in range(bits):
        move(into + places[i], source + i * VECTOR_BYTES, -1)


@within
def _given(into, places, value, live, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The bits of one pattern, to the lanes that have a column."""
    for i in range(bits):
        move(into + places[i], live, -(np.int64(value >> i) & 1))


@within
def _read(into, source, places, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Slots of a vector into planes side by side."""
    for i in range(bits):
        move(into + i * VECTOR_BYTES, source + places[i], -1)


@within
def _added(programs, places, widths, totals, rows, vectors, what):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The products of a term, added to the totals; what: 0 they are the totals, 1 to be added, 2 added already."""
    first, then, bits = programs[_FIRST], programs[_THEN], widths[2]
    held = VECTOR_BYTES * totals.shape[1]
    number = rows * vectors
    if what == 1:
        for v in range(number):
            into, source = then[SLOTS] + v * then[APART], first[SLOTS] + v * first[APART]
            _copied(into, places[_THEN, 0], totals.ctypes.data + v * held, bits)
            for i in range(bits):
                move(into + places[_THEN, 1, i], source + places[_FIRST, _RESULT, i], -1)
        straight(then[CODE], then[SLOTS], then[COUNTER], number)
    which = _THEN if what else _FIRST
    for v in range(number):
        source = programs[which, SLOTS] + v * programs[which, APART]
        _read(totals.ctypes.data + v * held, source, places[which, _RESULT], bits)


def _looping(version: str) -> Any:
    """The Python function to compile: sums of some rows and columns.

    Args of that function:
        x, w, y: factors [rows, terms] and [columns, terms], and where sums go.
        programs: int64 [2, 4], CODE, SLOTS, APART and COUNTER of both; no code of the first where w is added as it is.
        places: int64 [2, 4, 64], bytes from a vector's first slot to those of the bits of inputs and result.
        widths: bits of x, w and a sum.
        tile: [_TERMS, vectors * VECTOR_LANES + _PAD], zeros where there is no column.
        planes, totals: int64 [vectors, bits, WORDS] of a term of w, and of the sums, row by row; zeros.
        live: int64 [vectors, WORDS], the lanes that have a column.
        line: room for the sums of a vector.
        fused: whether the second program is a fused multiply-add.
    """

    def run(x, w, y, programs, places, widths, tile, planes, totals, live, line, fused):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        assert version
        (rows, terms), vectors = x.shape, live.shape[0]
        side = np.arange(64) * VECTOR_BYTES
        bits = 8 * tile.itemsize
        for k in range(terms):
            at = k % _TERMS
            if not at:
                _turned(w, tile, k, min(_TERMS, terms - k))
            for v in range(vectors):
                elements = tile.ctypes.data + (at * tile.shape[1] + v * VECTOR_LANES) * tile.itemsize
                pack_vector(tile, elements, side.ctypes.data, planes.ctypes.data + v * bits * VECTOR_BYTES)
            which = _THEN if fused and k else _FIRST
            program, where = programs[which], places[which]
            for row in range(rows if program[CODE] else 0):
                for v in range(vectors):
                    number = row * vectors + v
                    into = program[SLOTS] + number * program[APART]
                    _given(into, where[0], x[row, k], live.ctypes.data + v * VECTOR_BYTES, widths[0])
                    _copied(into, where[1], planes.ctypes.data + v * bits * VECTOR_BYTES, widths[1])
                    if which == _THEN:
                        _copied(into, where[2], totals.ctypes.data + number * totals.shape[1] * VECTOR_BYTES, widths[2])
            if program[CODE]:
                straight(program[CODE], program[SLOTS], program[COUNTER], rows * vectors)
            _added(programs, places, widths, totals, rows, vectors, 0 if not k else 2 if fused else 1)
        for row in range(rows):
            for v in range(vectors):
                source = totals.ctypes.data + (row * vectors + v) * totals.shape[1] * VECTOR_BYTES
                unpack_vector(line, line.ctypes.data, side.ctypes.data, source)
                for c in range(v * VECTOR_LANES, min((v + 1) * VECTOR_LANES, w.shape[0])):
                    y[row, c] = line[c - v * VECTOR_LANES]

    return run


@lru_cache(maxsize=8)
def _loop(*dtypes: np.dtype[Any]) -> Any:
    """The loop compiled for dtypes of x, w and y, from numba's cache where there is one; it holds no lock."""
    given, weights, found = (numba.from_dtype(dtype) for dtype in dtypes)
    matrix, flags = types.Array(types.int64, 2, "C"), types.Array(types.int64, 1, "C")
    signature = types.void(
        types.Array(given, 2, "A"), types.Array(weights, 2, "A"), types.Array(found, 2, "A"),
        matrix, types.Array(types.int64, 3, "C"), flags, types.Array(weights, 2, "C"), types.Array(types.int64, 3, "C"),
        types.Array(types.int64, 3, "C"), matrix, types.Array(found, 1, "C"), types.boolean,
    )  # fmt: skip
    return kept(_looping(_VERSION), signature)
