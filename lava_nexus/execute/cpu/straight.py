"""Word programs as straight-line machine code: look-ups in pieces, values passed from piece to piece through slots.

Within a piece a value is a name that LLVM keeps in a register; a slot is read where a piece first needs it and written
where a later piece does. A look-up is one `vpternlog` with AVX-512, else and, or, xor. Each piece runs on all vectors
of a slot before the next, so that its code and its counters stay in the nearest cache. Code is kept on disk by the
digest of the program and the processor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lava_nexus.circuits.compiled import machine_code
from lava_nexus.circuits.compiled.machine_code import engine, host, object_code
from lava_nexus.disk_cache import source_digest
from lava_nexus.execute.cpu import vector_ir
from lava_nexus.execute.cpu.program import COUNTED, ONE_SLOT, ZERO_SLOT, WordProgram
from lava_nexus.execute.cpu.vector_ir import VECTOR_BYTES, formulas

MOST_OPERATIONS = 60_000
"""A longer program is left to the loop over its operations: its code is larger than a processor's caches."""
PIECE = 64
"""Operations of a piece."""

_VECTOR = "<8 x i64>"
_ONES = f"<{', '.join(['i64 -1'] * 8)}>"
_VERSION = source_digest(__file__, vector_ir.__file__, machine_code.__file__)
_engines: dict[tuple[str, int], tuple[Any, int]] = {}


class _NotKeptError(Exception):
    """No code is on disk."""


def straight_code(program: WordProgram, vectors: int, build: bool = True) -> int:
    """Address of the code of void run(slots, counter) for that many vectors of every slot; 0 where there is none.

    Args:
        program: what to do.
        vectors: of a slot.
        build: compiles where no code is kept on disk, some 0.3 ms an operation.
    """
    name = (program.digest, vectors)
    if name not in _engines:
        ternary = "+avx512f" in host().split(",")

        def text() -> str:
            if not build:
                raise _NotKeptError
            return assembly(program, vectors, ternary)

        if len(program.operations) > MOST_OPERATIONS:
            return 0
        try:
            made = engine(object_code(f"{program.digest} {vectors} {_VERSION}", text, passes=False))
        except _NotKeptError:
            return 0
        _engines[name] = made, made.get_function_address("run")
    return _engines[name][1]


def assembly(program: WordProgram, vectors: int, ternary: bool) -> str:
    """LLVM's text of void run(slots, counter): the first counter is that of the first operation that counts."""
    lines = [f"declare {_VECTOR} @llvm.ctpop.v8i64({_VECTOR})"]
    if ternary:
        lines.append(f"declare {_VECTOR} @llvm.x86.avx512.pternlog.q.512({_VECTOR}, {_VECTOR}, {_VECTOR}, i32)")
    counted = 0
    calls = [f"  %s{v} = getelementptr i8, ptr %slots, i64 {v * VECTOR_BYTES}" for v in range(vectors)]
    for number, (operations, kept) in enumerate(_pieces(program)):
        lines.append(f"define internal void @piece{number}(ptr noalias %slots, ptr noalias %counter) noinline {{")
        lines += _Piece(vectors * VECTOR_BYTES, ternary).lines(operations, kept)
        calls.append(f"  %c{number} = getelementptr i8, ptr %counter, i64 {counted * VECTOR_BYTES}")
        calls += [f"  call void @piece{number}(ptr %s{v}, ptr %c{number})" for v in range(vectors)]
        counted += sum(bool(operation[0] & COUNTED) for operation in operations)
    return "\n".join([*lines, "define void @run(ptr %slots, ptr %counter) {", *calls, "  ret void", "}", ""])


def _pieces(program: WordProgram) -> Iterator[tuple[list[list[int]], set[int]]]:
    """Runs of operations, and the slots that are read behind each."""
    operations = program.operations.tolist()
    runs = [operations[start : start + PIECE] for start in range(0, len(operations), PIECE)]
    read = set(program.output_slots.tolist())
    behind = []
    for run in reversed(runs):
        behind.append(set(read))
        for _, a, b, c, result in reversed(run):
            read.discard(result)
            read |= {a, b, c}
    yield from zip(runs, reversed(behind), strict=True)


class _Piece:
    """The text of one piece, for one vector of every slot; slots are `stride` bytes apart."""

    def __init__(self, stride: int, ternary: bool) -> None:
        self._stride, self._ternary = stride, ternary
        self._names = 0
        self._lines: list[str] = []
        self._held = {ZERO_SLOT: "zeroinitializer", ONE_SLOT: _ONES}

    def lines(self, operations: Sequence[Sequence[int]], kept: set[int]) -> list[str]:
        """The body."""
        last = {operation[4]: place for place, operation in enumerate(operations)}
        counted = 0
        for place, (code, a, b, c, result) in enumerate(operations):
            found = self._look(code & 0xFF, self._read(a), self._read(b), self._read(c))
            self._held[result] = found
            if last[result] == place and result in kept:
                self._store(found, self._place("slots", result * self._stride))
            if code & COUNTED:
                self._count(found, counted)
                counted += 1
        return [*self._lines, "  ret void", "}"]

    def _read(self, slot: int) -> str:
        if slot not in self._held:
            self._held[slot] = self._load(self._place("slots", slot * self._stride))
        return self._held[slot]

    def _look(self, table: int, a: str, b: str, c: str) -> str:
        if self._ternary:
            operands = f"{_VECTOR} {c}, {_VECTOR} {b}, {_VECTOR} {a}, i32 {table}"
            return self._made(f"call {_VECTOR} @llvm.x86.avx512.pternlog.q.512({operands})")
        return self._formula(table, {0xAA: a, 0xCC: b, 0xF0: c, 0x00: "zeroinitializer", 0xFF: _ONES})

    def _formula(self, table: int, known: dict[int, str]) -> str:
        if table not in known:
            name, x, y = formulas()[table]
            operands = f"{self._formula(x, known)}, {self._formula(y, known)}"
            known[table] = self._made(f"{name.rstrip('_')} {_VECTOR} {operands}")
        return known[table]

    def _count(self, value: str, place: int) -> None:
        at = self._place("counter", place * VECTOR_BYTES)
        bits = self._made(f"call {_VECTOR} @llvm.ctpop.v8i64({_VECTOR} {value})")
        self._store(self._made(f"add {_VECTOR} {self._load(at)}, {bits}"), at)

    def _place(self, base: str, further: int) -> str:
        return self._made(f"getelementptr i8, ptr %{base}, i64 {further}")

    def _load(self, at: str) -> str:
        return self._made(f"load {_VECTOR}, ptr {at}, align 64")

    def _store(self, value: str, at: str) -> None:
        self._lines.append(f"  store {_VECTOR} {value}, ptr {at}, align 64")

    def _made(self, instruction: str) -> str:
        name = f"%v{self._names}"
        self._names += 1
        self._lines.append(f"  {name} = {instruction}")
        return name
