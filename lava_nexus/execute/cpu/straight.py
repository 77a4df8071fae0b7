"""Word programs as straight-line machine code: look-ups in pieces, values passed from piece to piece through slots.

Within a piece a value is a name that LLVM keeps in a register; a slot is read where a piece first needs it and written
where a later piece does. A look-up is one `vpternlog` with AVX-512, else and, or, xor. Each piece runs on several
vectors before the next, so that its code and its counters are fetched once for all; the slots of a vector lie side by
side, and so in few lines of a cache. Code is kept on disk by the digest of the program and the processor.
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
PIECE, LARGE_PIECE = 64, 256
"""Operations of a piece; of one of a program whose slots do not fit the nearest cache: fewer values pass through them,
and compiling takes longer."""
_MANY_SLOTS = 512

_VECTOR = "<8 x i64>"
_ONES = f"<{', '.join(['i64 -1'] * 8)}>"
_VERSION = source_digest(__file__, vector_ir.__file__, machine_code.__file__)
_ARGUMENTS = "ptr %slots, ptr %counter, i64 %vectors"
_engines: dict[str, tuple[Any, int]] = {}


class _NotKeptError(Exception):
    """No code is on disk."""


def stride(program: WordProgram) -> int:
    """Bytes from vector to vector of slots: an odd number of lines, so that they fall on all sets of a cache."""
    return (program.n_slots | 1) * VECTOR_BYTES


def straight_code(program: WordProgram, build: bool = True) -> int:
    """Address of the code of void run(slots, counter, vectors); 0 where there is none.

    Args:
        program: what to do.
        build: compiles where no code is kept on disk, some 0.1 ms an operation.
    """
    if program.digest not in _engines:
        ternary = "+avx512f" in host().split(",")

        def text() -> str:
            if not build:
                raise _NotKeptError
            return assembly(program, ternary)

        if len(program.operations) > MOST_OPERATIONS:
            return 0
        try:
            made = engine(object_code(f"{program.digest} {_VERSION}", text, passes=False))
        except _NotKeptError:
            return 0
        _engines[program.digest] = made, made.get_function_address("run")
    return _engines[program.digest][1]


def assembly(program: WordProgram, ternary: bool) -> str:
    """LLVM's text of void run(slots, counter, vectors): input bits and operations that count, on so many vectors.

    Slot s of vector v is at v * stride(program) + s * VECTOR_BYTES; the first counter is that of the first input bit.
    """
    lines = [f"declare {_VECTOR} @llvm.ctpop.v8i64({_VECTOR})"]
    if ternary:
        lines.append(f"declare {_VECTOR} @llvm.x86.avx512.pternlog.q.512({_VECTOR}, {_VECTOR}, {_VECTOR}, i32)")
    bodies = [_Piece(ternary).counted(program.input_slots.tolist())] if program.counting else []
    bodies += [_Piece(ternary).lines(operations, kept) for operations, kept in pieces(program)]
    calls, counters = [], 0
    for number, (body, counted) in enumerate(bodies):
        lines += _looped(f"piece{number}", body, stride(program))
        calls.append(f"  %c{number} = getelementptr i8, ptr %counter, i64 {counters * VECTOR_BYTES}")
        calls.append(f"  call void @piece{number}(ptr %slots, ptr %c{number}, i64 %vectors)")
        counters += counted
    return "\n".join([*lines, f"define void @run({_ARGUMENTS}) {{", *calls, "  ret void", "}", ""])


def _looped(name: str, body: Sequence[str], apart: int) -> list[str]:
    """A function that runs a body on vector after vector."""
    return [
        f"define internal void @{name}(ptr noalias %first, ptr noalias %counter, i64 %vectors) noinline {{",
        "entry:",
        "  br label %loop",
        "loop:",
        "  %slots = phi ptr [%first, %entry], [%following, %loop]",
        "  %left = phi i64 [%vectors, %entry], [%fewer, %loop]",
        *body,
        f"  %following = getelementptr i8, ptr %slots, i64 {apart}",
        "  %fewer = sub i64 %left, 1",
        "  %more = icmp ne i64 %fewer, 0",
        "  br i1 %more, label %loop, label %done",
        "done:",
        "  ret void",
        "}",
    ]


def pieces(program: WordProgram) -> Iterator[tuple[list[list[int]], set[int]]]:
    """Runs of operations, and the slots that are read behind each."""
    operations = program.operations.tolist()
    size = PIECE if program.n_slots < _MANY_SLOTS else LARGE_PIECE
    runs = [operations[start : start + size] for start in range(0, len(operations), size)]
    read = set(program.output_slots.tolist())
    behind = []
    for run in reversed(runs):
        behind.append(set(read))
        for _, a, b, c, result in reversed(run):
            read.discard(result)
            read |= {a, b, c}
    yield from zip(runs, reversed(behind), strict=True)


class _Piece:
    """The text of one piece, for one vector of every slot, and how much it counts."""

    def __init__(self, ternary: bool) -> None:
        self._ternary = ternary
        self._names = 0
        self._lines: list[str] = []
        self._held = {ZERO_SLOT: "zeroinitializer", ONE_SLOT: _ONES}

    def counted(self, slots: Sequence[int]) -> tuple[list[str], int]:
        """Slots as they are, counted."""
        for place, slot in enumerate(slots):
            self._count(self._read(slot), place)
        return self._lines, len(slots)

    def lines(self, operations: Sequence[Sequence[int]], kept: set[int]) -> tuple[list[str], int]:
        """Operations."""
        last = {operation[4]: place for place, operation in enumerate(operations)}
        counted = 0
        for place, (code, a, b, c, result) in enumerate(operations):
            found = self._look(code & 0xFF, self._read(a), self._read(b), self._read(c))
            self._held[result] = found
            if last[result] == place and result in kept:
                self._store(found, self._place("slots", result * VECTOR_BYTES))
            if code & COUNTED:
                self._count(found, counted)
                counted += 1
        return self._lines, counted

    def _read(self, slot: int) -> str:
        if slot not in self._held:
            self._held[slot] = self._load(self._place("slots", slot * VECTOR_BYTES))
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
