"""LLVM code for one vector of words: look-ups by truth table, spike counts, bit-matrix transposition.

Each function writes instructions into a builder; vectors are <8 x i64>, one register with AVX-512, several elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any

from llvmlite import ir

WORDS = 8
"""Words in a vector."""

VECTOR_BYTES = 8 * WORDS

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
VECTOR = ir.VectorType(_I64, WORDS)

Values = Sequence[Any]


def splat(word: int) -> Any:
    """The vector constant that repeats a 64-bit word."""
    return ir.Constant(VECTOR, [ir.Constant(_I64, word)] * WORDS)


def pointer(builder: Any, address: Any, kind: Any) -> Any:
    """An address, an integer, as a pointer to a type."""
    return builder.inttoptr(address, kind.as_pointer())


def load(builder: Any, address: Any, kind: Any = VECTOR, align: int = 8) -> Any:
    """Loads a vector from an address."""
    value = builder.load(pointer(builder, address, kind))
    value.align = align
    return value


def store(builder: Any, value: Any, address: Any, align: int = 8) -> None:
    """Stores a vector at an address."""
    builder.store(value, pointer(builder, address, value.type)).align = align


def offset(builder: Any, address: Any, by: int) -> Any:
    """An address some bytes further."""
    return builder.add(address, ir.Constant(_I64, by))


def look(builder: Any, table: int, a: Any, b: Any, c: Any, ternary: bool) -> Any:
    """table(a, b, c) on every bit: one instruction of AVX-512 (`ternary`), else and, or, xor."""
    if ternary:
        kind = ir.FunctionType(VECTOR, [VECTOR, VECTOR, VECTOR, _I32])
        function = builder.module.globals.get("llvm.x86.avx512.pternlog.q.512")
        if function is None:
            function = ir.Function(builder.module, kind, "llvm.x86.avx512.pternlog.q.512")
        return builder.call(function, [c, b, a, ir.Constant(_I32, table)])
    return _evaluated(builder, table, {0xAA: a, 0xCC: b, 0xF0: c, 0x00: splat(0), 0xFF: splat(2**64 - 1)})


def spikes(builder: Any, vectors: Values) -> Any:
    """Set bits of several vectors, added up within each word."""
    count = builder.module.declare_intrinsic("llvm.ctpop", [VECTOR])
    total = builder.call(count, [vectors[0]])
    for vector in vectors[1:]:
        total = builder.add(total, builder.call(count, [vector]))
    return total


def transposed(builder: Any, rows: Values) -> list[Any]:
    """n rows (8, 16, 32 or 64) of words, each word a string of n-bit fields: field by field, bit i of row r to bit r of row i."""
    rows = list(rows)
    n = len(rows)
    step = n // 2
    while step:
        keep = sum(((1 << step) - 1) << at for at in range(0, 64, 2 * step))
        shift, mask = splat(step), splat(keep)
        for r in range(n):
            if not r & step:
                low, high = rows[r], rows[r + step]
                swap = builder.and_(builder.xor(builder.lshr(low, shift), high), mask)
                rows[r + step] = builder.xor(high, swap)
                rows[r] = builder.xor(low, builder.shl(swap, shift))
        step //= 2
    return rows


def gathered(builder: Any, address: Any, bits: int, row_elements: int) -> list[Any]:
    """Rows for `transposed`: field g of word w of row r is element w of row (r + g * bits) of elements of that many bits."""
    kind = ir.VectorType(ir.IntType(bits), WORDS)
    rows = []
    for r in range(bits):
        row = None
        for field in range(64 // bits):
            at = (r + field * bits) * row_elements * bits // 8
            part = load(builder, offset(builder, address, at), kind, bits // 8)
            if bits < 64:
                part = builder.zext(part, VECTOR)
            if field:
                part = builder.shl(part, splat(field * bits))
            row = part if row is None else builder.or_(row, part)
        rows.append(row)
    return rows


def scattered(builder: Any, rows: Values, address: Any, bits: int, row_elements: int) -> None:
    """The inverse of `gathered`: stores the fields of the rows as elements."""
    kind = ir.VectorType(ir.IntType(bits), WORDS)
    for r in range(bits):
        for field in range(64 // bits):
            part = builder.lshr(rows[r], splat(field * bits)) if field else rows[r]
            if bits < 64:
                part = builder.trunc(part, kind)
            at = (r + field * bits) * row_elements * bits // 8
            store(builder, part, offset(builder, address, at), bits // 8)


def _evaluated(builder: Any, table: int, known: dict[int, Any]) -> Any:
    """The value of a table from those known, which it joins."""
    if table not in known:
        name, x, y = _formulas()[table]
        known[table] = getattr(builder, name)(_evaluated(builder, x, known), _evaluated(builder, y, known))
    return known[table]


@lru_cache(maxsize=1)
def _formulas() -> dict[int, tuple[str, int, int]]:
    """Truth table to the last step (instruction, table, table) of a shortest formula in and, or, xor and constants."""
    steps: dict[int, tuple[str, int, int]] = {}
    by_cost = [[0xAA, 0xCC, 0xF0, 0x00, 0xFF]]
    found = set(by_cost[0])
    while len(found) < 256:
        new: dict[int, tuple[str, int, int]] = {}
        for left, right in zip(by_cost, reversed(by_cost), strict=True):
            for x, y in product(left, right):
                for name, table in (("xor", x ^ y), ("and_", x & y), ("or_", x | y)):
                    if table not in found:
                        new.setdefault(table, (name, x, y))
        steps.update(new)
        found.update(new)
        by_cost.append(list(new))
    return steps
