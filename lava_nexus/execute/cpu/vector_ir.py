"""LLVM code for one vector of words: look-ups by truth table, spike counts, bit-matrix transposition.

Each function writes instructions into a builder; vectors are <8 x i64>, one register with AVX-512, several elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


def cases(builder: Any, value: Any, choices: Iterable[int]) -> Iterator[int]:
    """A switch: what is built while a choice is yielded runs where the value is that choice; any other never occurs."""
    never, done = builder.append_basic_block("never"), builder.append_basic_block("done")
    branch = builder.switch(value, never)
    with builder.goto_block(never):
        builder.unreachable()
    for choice in choices:
        block = builder.append_basic_block(f"case{choice}")
        branch.add_case(ir.Constant(value.type, choice), block)
        builder.position_at_end(block)
        yield choice
        builder.branch(done)
    builder.position_at_end(done)


def load(builder: Any, address: Any, index: int = 0, kind: Any = VECTOR) -> Any:
    """Loads the vector at an address, an integer, or that many vectors further; aligned as its elements are."""
    bytes_each = kind.element.width // 8
    value = builder.load(_pointer(builder, address, index * bytes_each * WORDS, kind))
    value.align = bytes_each
    return value


def load_word(builder: Any, address: Any, index: int) -> Any:
    """Loads a word of an array of words."""
    return builder.load(_pointer(builder, address, 8 * index, _I64))


def store(builder: Any, value: Any, address: Any, index: int = 0) -> None:
    """Stores a vector, as `load` loads it."""
    bytes_each = value.type.element.width // 8
    builder.store(value, _pointer(builder, address, index * bytes_each * WORDS, value.type)).align = bytes_each


def masked(builder: Any, vector: Any, word: Any) -> Any:
    """Each word of a vector and a word."""
    first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), word, ir.Constant(_I32, 0))
    everywhere = ir.Constant(ir.VectorType(_I32, WORDS), [ir.Constant(_I32, 0)] * WORDS)
    return builder.and_(vector, builder.shuffle_vector(first, first, everywhere))


def _pointer(builder: Any, address: Any, further: int, kind: Any) -> Any:
    return builder.inttoptr(builder.add(address, ir.Constant(_I64, further)), kind.as_pointer())


def look(builder: Any, table: int, operands: Values, ternary: bool) -> Any:
    """The truth table on every bit of operands a, b, c: one instruction of AVX-512 (`ternary`), else and, or, xor."""
    a, b, c = operands
    if ternary:
        function = _declared(builder, "llvm.x86.avx512.pternlog.q.512", [VECTOR, VECTOR, VECTOR, _I32])
        return builder.call(function, [c, b, a, ir.Constant(_I32, table)])
    return _evaluated(builder, table, {0xAA: a, 0xCC: b, 0xF0: c, 0x00: splat(0), 0xFF: splat(2**64 - 1)})


def add_spikes(builder: Any, vectors: Values, address: Any) -> None:
    """Adds the set bits of several vectors, word by word, to the vector at an address."""
    count = _declared(builder, f"llvm.ctpop.v{WORDS}i64", [VECTOR])
    total = load(builder, address)
    for vector in vectors:
        total = builder.add(total, builder.call(count, [vector]))
    store(builder, total, address)


def _declared(builder: Any, name: str, arguments: Values) -> Any:
    """LLVM's function of that name, from vectors to a vector."""
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(VECTOR, arguments), name)


def transposed(builder: Any, rows: Values) -> list[Any]:
    """n rows (8, 16, 32 or 64) of n-bit fields: in each field bit i of row r becomes bit r of row i."""
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


def gathered(builder: Any, address: Any, bits: int) -> list[Any]:
    """Rows for `transposed`: field g of row r is row r + g * bits of an array [64, WORDS] of elements."""
    kind = ir.VectorType(ir.IntType(bits), WORDS)
    rows = []
    for r in range(bits):
        row = splat(0)
        for field in range(64 // bits):
            part = load(builder, address, r + field * bits, kind)
            if bits < 64:
                part = builder.shl(builder.zext(part, VECTOR), splat(field * bits))
            row = builder.or_(row, part)
        rows.append(row)
    return rows


def scattered(builder: Any, rows: Values, address: Any, bits: int) -> None:
    """The inverse of `gathered`: stores the fields of the rows as elements."""
    kind = ir.VectorType(ir.IntType(bits), WORDS)
    for r in range(bits):
        for field in range(64 // bits):
            part = rows[r]
            if bits < 64:
                part = builder.trunc(builder.lshr(part, splat(field * bits)), kind)
            store(builder, part, address, r + field * bits)


def _evaluated(builder: Any, table: int, known: dict[int, Any]) -> Any:
    """The value of a table from those known, which it joins."""
    if table not in known:
        name, x, y = formulas()[table]
        known[table] = getattr(builder, name)(_evaluated(builder, x, known), _evaluated(builder, y, known))
    return known[table]


@lru_cache(maxsize=1)
def formulas() -> dict[int, tuple[str, int, int]]:
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
