"""The compiled loop over the operations of a word program, packing and unpacking included.

A block is LANES operand sets, VECTOR_LANES to a vector. Element e of a vector is bit e // WORDS of word e % WORDS, so
that elements next to each other in memory stand in words next to each other, whatever their size. Where few sets are
left, only the first vectors of a block are run.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from lava_nexus.disk_cache import source_digest
from lava_nexus.execute.cpu import program, vector_ir
from lava_nexus.execute.cpu.program import COUNTED, RESERVED_COUNTS
from lava_nexus.execute.cpu.vector_ir import VECTOR_BYTES
from lava_nexus.lowering import luts
from lava_nexus.lowering.luts import REPRESENTATIVES
from lava_nexus.neurons.compiled import kept

VECTORS = 8
FEW_VECTORS = 2
WORDS_A_SLOT = VECTORS * vector_ir.WORDS
VECTOR_LANES = 64 * vector_ir.WORDS
LANES = VECTORS * VECTOR_LANES
FEW_LANES = FEW_VECTORS * VECTOR_LANES
SLOT_BYTES = 8 * WORDS_A_SLOT
ELEMENT_BITS = (8, 16, 32, 64)


@intrinsic
def _operate(_: Any, vectors: Any, table: Any, a: Any, b: Any, c: Any, result: Any, count: Any) -> Any:
    """Stores table(a, b, c) at `result`, adds its set bits to the vector at `count` unless that is 0; all addresses."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, table, *operands, result, count = arguments
        ternary = "+avx512f" in context.codegen().magic_tuple()[2].split(",")
        for number in vector_ir.cases(builder, vectors, (FEW_VECTORS, VECTORS)):
            loaded = [[vector_ir.load(builder, at, v) for v in range(number)] for at in operands]
            looked = _looked(builder, table, loaded, ternary)
            for v, vector in enumerate(looked):
                vector_ir.store(builder, vector, result, v)
            with builder.if_then(builder.icmp_unsigned("!=", count, ir.Constant(count.type, 0))):
                vector_ir.add_spikes(builder, looked, count)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 7), generate


def _looked(builder: Any, table: Any, loaded: list[list[Any]], ternary: bool) -> list[Any]:
    """The truth table, known when it runs, of each vector of three operands."""
    values: dict[Any, list[Any]] = {}
    for code in vector_ir.cases(builder, table, REPRESENTATIVES):
        looked = [vector_ir.look(builder, code, abc, ternary) for abc in zip(*loaded, strict=True)]
        values[builder.block] = looked
    vectors = [builder.phi(vector_ir.VECTOR) for _ in loaded[0]]
    for v, vector in enumerate(vectors):
        for block, looked in values.items():
            vector.add_incoming(looked[v], block)
    return vectors


@intrinsic
def _count(_: Any, vectors: Any, slot: Any, count: Any) -> Any:
    """Adds the set bits of the slot at one address to the vector at another."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, slot, count = arguments
        for number in vector_ir.cases(builder, vectors, (FEW_VECTORS, VECTORS)):
            vector_ir.add_spikes(builder, [vector_ir.load(builder, slot, v) for v in range(number)], count)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), generate


@intrinsic
def straight(_: Any, code: Any, slots: Any, counter: Any, vectors: Any) -> Any:
    """Calls void code(slots, counter, vectors), two addresses and a number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code, *given = arguments
        function = ir.FunctionType(ir.VoidType(), [code.type] * len(given))
        builder.call(builder.inttoptr(code, function.as_pointer()), given)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


def _pack_rows(builder: Any, width: int, elements: Any, offsets: Any, slots: Any) -> None:
    rows = vector_ir.gathered(builder, elements, width)
    for i, row in enumerate(vector_ir.transposed(builder, rows)):
        vector_ir.store(builder, row, builder.add(slots, vector_ir.load_word(builder, offsets, i)))


def _unpack_rows(builder: Any, width: int, elements: Any, offsets: Any, slots: Any) -> None:
    places = [builder.add(slots, vector_ir.load_word(builder, offsets, i)) for i in range(width)]
    rows = vector_ir.transposed(builder, [vector_ir.load(builder, place) for place in places])
    vector_ir.scattered(builder, rows, elements, width)


def _of_any_width(how: Any) -> Any:
    """For a width that is known when it runs, the first argument."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits, *addresses = arguments
        for width in vector_ir.cases(builder, bits, ELEMENT_BITS):
            how(builder, width, *addresses)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


def _of_an_array(how: Any, array: Any) -> Any:
    """For the elements of an array, the first argument."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        how(builder, array.dtype.bitwidth, *arguments[1:])
        return context.get_dummy_value()

    return types.void(array, *[types.int64] * 3), generate


@intrinsic
def _pack(_: Any, bits: Any, elements: Any, offsets: Any, slots: Any) -> Any:
    """Transposes the `bits`-bit elements of a vector into slots; bit i goes `offsets[i]` bytes up."""
    return _of_any_width(_pack_rows)


@intrinsic
def _unpack(_: Any, bits: Any, elements: Any, offsets: Any, slots: Any) -> Any:
    """The inverse of `_pack`: slots into elements."""
    return _of_any_width(_unpack_rows)


@intrinsic
def pack_vector(_: Any, array: Any, elements: Any, offsets: Any, slots: Any) -> Any:
    """As `_pack`, of elements of an array."""
    return _of_an_array(_pack_rows, array)


@intrinsic
def unpack_vector(_: Any, array: Any, elements: Any, offsets: Any, slots: Any) -> Any:
    """The inverse of `pack_vector`."""
    return _of_an_array(_unpack_rows, array)


@intrinsic
def move(_: Any, into: Any, source: Any, mask: Any) -> Any:
    """Copies the vector at an address to another, each word and a mask."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into, source, mask = arguments
        vector_ir.store(builder, vector_ir.masked(builder, vector_ir.load(builder, source), mask), into)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), generate


# numba keeps compiled functions by what they close over: this ties them to the sources of all the code they draw in.
_VERSION = source_digest(__file__, vector_ir.__file__, program.__file__, luts.__file__)


def _kernel(version: str) -> Any:
    """The Python function to compile: blocks first .. last - 1 of a word program.

    Args of that function:
        operations: of the program.
        slots: uint64, on a vector's boundary, the constant slots set: for the loop [slots, WORDS_A_SLOT], for code
            vectors as it wants them.
        ports: int64 [ports, 4], inputs first: address of the first element, bytes from block to block, bits of an
            element, bits that have a slot.
        offsets: int64 [ports, 64]: bytes from the first slot to that of each bit, LSB first.
        n_inputs: input ports.
        first, last: blocks.
        vectors: of a block to run, for the loop VECTORS or FEW_VECTORS; the others are left as they are.
        counts: int64 [n_counts, 8], to be added to, or of length 0.
        apart: bytes from vector to vector of slots.
        code: address of what counts the inputs and does the operations, or 0 for the loop over them.
    """

    def run(operations, slots, ports, offsets, n_inputs, first, last, vectors, counts, apart, code):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        assert version
        base = slots.ctypes.data
        counting = counts.shape[0] > 0
        for block in range(first, last):
            for port in range(n_inputs):
                at = ports[port, 0] + block * ports[port, 1]
                for v in range(vectors):
                    bits = ports[port, 2]  # and so many bytes to the next vector of elements
                    _pack(bits, at + v * 64 * bits, offsets[port].ctypes.data, base + v * apart)
            counter = counts.ctypes.data + RESERVED_COUNTS * VECTOR_BYTES
            if code:
                straight(code, base, counter, vectors)
            elif counting:
                for port in range(n_inputs):
                    for bit in range(ports[port, 3]):
                        _count(vectors, base + offsets[port, bit], counter)
                        counter += VECTOR_BYTES
            for i in range(0 if code else operations.shape[0]):
                what = np.int64(operations[i, 0])
                count = 0
                if what & COUNTED:
                    count = counter
                    counter += VECTOR_BYTES
                _operate(
                    vectors,
                    what & 0xFF,
                    base + np.int64(operations[i, 1]) * SLOT_BYTES,
                    base + np.int64(operations[i, 2]) * SLOT_BYTES,
                    base + np.int64(operations[i, 3]) * SLOT_BYTES,
                    base + np.int64(operations[i, 4]) * SLOT_BYTES,
                    count,
                )
            for port in range(n_inputs, ports.shape[0]):
                at = ports[port, 0] + block * ports[port, 1]
                for v in range(vectors):
                    bits = ports[port, 2]
                    _unpack(bits, at + v * 64 * bits, offsets[port].ctypes.data, base + v * apart)

    return run


_SIGNATURE = types.void(
    types.Array(types.uint16, 2, "C", readonly=True),
    types.Array(types.uint64, 1, "C"),
    types.Array(types.int64, 2, "C", readonly=True),
    types.Array(types.int64, 2, "C", readonly=True),
    types.int64,
    types.int64,
    types.int64,
    types.int64,
    types.Array(types.int64, 2, "C"),
    types.int64,
    types.int64,
)


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The compiled function, from numba's cache where there is one; it holds no lock while it runs."""
    return kept(_kernel(_VERSION), _SIGNATURE)
