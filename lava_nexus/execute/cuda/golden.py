"""Functions of one operand held against their golden functions on a GPU, on all patterns or runs of them.

The golden function is the recording of its integer program, a step a statement of 64-bit words, an operand to a thread:
what the host compiles from the same recording. It shares nothing with the look-ups that stand for neurons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.circuits.compiled.trace import Recording, Step
from lava_nexus.circuits.functions.function import ProgramGolden
from lava_nexus.errors import NexusError
from lava_nexus.execute.cuda.device import cupy, digest_of, launch
from lava_nexus.execute.cuda.source import c_word, head

_RUN = 1 << 28
"""Operand sets held against the golden function at a time."""
_COMPARED = ("==", "!=", "<", "<=", ">", ">=")
_PLAIN = {"and": "&", "or": "|", "xor": "^", "add": "+", "sub": "-", "mul": "*"}


class Invokes(Protocol):
    """What runs circuits on a GPU."""

    def invoke(self, circuit: Circuit, operands: Any) -> Any:
        """As `Executor.invoke`."""


@dataclass(frozen=True)
class Held:
    """What was found.

    Attributes:
        sets: operand sets.
        mismatches: of them with other bits.
        first: operand of the first of those; None where there is none.
    """

    sets: int
    mismatches: int
    first: int | None


def against_golden(executor: Invokes, circuit: Circuit, first: int = 0, sets: int | None = None) -> Held:
    """The circuit's neurons against its golden function on patterns from `first` on, all of them where left out.

    Raises:
        NexusError: the circuit has more operands than one, or its golden function is no integer program.
    """
    if len(circuit.inputs) != 1 or not isinstance(circuit.golden, ProgramGolden):
        raise NexusError(f"circuit '{circuit.label}' has no golden function of one operand that is an integer program")
    xp, port = cupy(), circuit.inputs[0]
    behind = 1 << port.width if sets is None else first + sets
    recording = circuit.golden._recorded()  # what the host compiles too
    tables = xp.asarray(np.concatenate([np.zeros(1, np.uint64), *recording.tables]))
    key = digest_of("golden", recording.digest, port.pattern_dtype, source(recording))
    found = xp.zeros(2, np.uint64)
    found[1] = ~np.uint64(0)
    for start in range(first, behind, _RUN):
        n = min(_RUN, behind - start)
        operands = xp.arange(start, start + n, dtype=port.pattern_dtype)
        results = executor.invoke(circuit, [operands])
        launch(lambda: source(recording), key, n, [operands, results, tables, n, found])
    mismatches, least = (int(one) for one in found.tolist())
    return Held(behind - first, mismatches, least if mismatches else None)


def source(recording: Recording) -> str:
    """Kernel `run`: results that differ from those of a recording are counted.

    run(const T *operands, const T *results, const u64 *tables, long long n, u64 *found): found[0] grows by the number,
    found[1] is the least operand of them.
    """
    of = c_word(8 * recording.dtype.itemsize)
    lines = [
        "typedef unsigned long long u64;",
        head("run", [f"const {of} *x", f"const {of} *y", "const u64 *tables", "long long n", "u64 *found"]),
        "  const long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
        "  if (t >= n) return;",
    ]
    lines += [
        *evaluated(recording, "x[t]"),
        f"  if (({of})v{recording.result} != y[t]) {{ atomicAdd(found, 1ull); atomicMin(found + 1, (u64)x[t]); }}",
        "}",
    ]
    return "\n".join([*lines, ""])


def evaluated(recording: Recording, operand: str) -> list[str]:
    """Statements that make `v<number>` of every step; `tables` holds a 0, then those of the recording."""
    lines = []
    for i, operation in enumerate(recording.operations):
        flag = operation.name in _COMPARED or (operation.name != "take" and operation.dtype.kind == "b")
        lines.append(f"  const {'bool' if flag else 'u64'} v{i} = {_expression(operation, operand)};")
    return lines


def _expression(operation: Step, operand: str) -> str:
    """One step in C; shifts by 64 and more leave nothing, or the sign, as NumPy's do."""
    name, signed = operation.name, operation.dtype.kind == "i"
    given = [f"v{i}" for i in operation.operands]
    as_signed = [f"(long long){one}" for one in given] if signed else given
    if name == "input":
        return operand
    if name == "constant":
        return f"{operation.constant}ull"
    if name == "take":
        return f"tables[{operation.constant + 1} + {given[0]}]"
    if name == "length":
        return f"(u64)(64 - __clzll({given[0]}))"
    if name == "select":
        return f"{given[0]} ? {given[1]} : {given[2]}"
    if name in ("min", "max"):
        return f"{as_signed[0]} {'<' if name == 'min' else '>'} {as_signed[1]} ? {given[0]} : {given[1]}"
    if name == "shl":
        return f"{given[1]} < 64 ? {given[0]} << {given[1]} : 0"
    if name == "shr":
        rest = f"{as_signed[0]} >> 63" if signed else "0"
        return f"(u64)({given[1]} < 64 ? {as_signed[0]} >> {given[1]} : {rest})"
    if name in _COMPARED:
        return f"{as_signed[0]} {name} {as_signed[1]}"
    return f"{given[0]} {_PLAIN[name]} {given[1]}"
