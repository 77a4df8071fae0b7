"""A word program with some input bits held constant: what they decide is folded away, the same outputs remain.

On operand sets in order of their patterns the upper bits hardly change, and most of a circuit hangs on them: its
special cases, its shifts, which segment of a table is read. An exhaustive check so takes a fraction of the operations.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.cpu.program import ONE_SLOT, RESERVED_SLOTS, SPARE_SLOT, ZERO_SLOT, WordProgram
from lava_nexus.lowering.luts import PROJECTIONS, representative
from lava_nexus.neurons.compiled import kept

UNKNOWN = -1
_NONE = -1  # no input at this place of a look-up
_NEVER = -1  # not read


def restricted(program: WordProgram, known: NDArray[np.int8]) -> WordProgram:
    """The program on operand sets that agree in some input bits.

    Args:
        program: one that counts nothing.
        known: int8 [input bits], ports in order, each LSB first: 0, 1, or UNKNOWN.

    Returns:
        Outputs in the same places; known input bits are packed into the spare slot.

    Raises:
        ValueError: the program counts spikes, or `known` has another length.
    """
    if program.counting or len(known) != len(program.input_slots):
        raise ValueError(f"a program that counts nothing and {len(program.input_slots)} input bits are needed")
    least, order = _representatives()
    operations, inputs, outputs, n_slots = _restricted(
        program.operations, program.input_slots, program.output_slots, program.n_slots, known, least, order
    )
    return WordProgram(
        operations, inputs, outputs, int(n_slots), program.signal_counts, program.probe_counts, program.idle
    )


@lru_cache(maxsize=1)
def _representatives() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Of every truth table the least one with inputs in another order, and that order."""
    found = [representative(table) for table in range(256)]
    return np.array([least for least, _ in found], np.uint8), np.array([order for _, order in found], np.uint8)


# A literal is twice the number of a node, plus 1 where it is negated; node 0 is the constant 0.


@kept
def _restricted(
    operations: Any, input_slots: Any, output_slots: Any, n_slots: int, known: Any, least: Any, order: Any
) -> Any:
    first = 1 + len(known)  # node of the first look-up
    tables, reads, outputs = _folded(operations, input_slots, output_slots, n_slots, known, first)
    _merge(tables, reads, first)
    last = _last_reads(reads, outputs, first)
    return _written(tables, reads, outputs, last, known, first, least, order)


@kept
def _folded(operations: Any, input_slots: Any, output_slots: Any, n_slots: int, known: Any, first: int) -> Any:
    """Truth tables and input literals of the look-ups that are not decided, and the literals of the outputs."""
    at = np.zeros(n_slots, np.int32)
    at[ONE_SLOT] = 1
    for i in range(len(known)):
        at[input_slots[i]] = 2 * (1 + i) if known[i] < 0 else known[i]
    tables = np.empty(len(operations) + len(output_slots), np.uint8)
    reads = np.empty((len(tables), 3), np.int32)
    n = 0
    inputs = np.empty(3, np.int32)
    for i in range(len(operations)):
        for p in range(3):
            inputs[p] = at[operations[i, 1 + p]]
        table = _trimmed(operations[i, 0] & 0xFF, inputs)
        literal = _single(table, inputs)
        if literal == _NONE:
            tables[n], reads[n] = table, inputs
            literal = 2 * (first + n)
            n += 1
        at[operations[i, 4]] = literal
    outputs = np.empty(len(output_slots), np.int32)
    for i in range(len(output_slots)):
        outputs[i] = at[output_slots[i]]
        if outputs[i] > 1 and outputs[i] & 1:  # a negated output takes a look-up of its own
            tables[n] = 0x55
            reads[n] = (outputs[i] - 1, _NONE, _NONE)
            outputs[i] = 2 * (first + n)
            n += 1
    return tables[:n], reads[:n], outputs


@kept
def _half(table: int, position: int, value: int) -> int:
    """The table where the input at the position has that value, for both its values."""
    shift = 1 << position
    if value:
        high = table & PROJECTIONS[position]
        return high | high >> shift
    low = table & ~PROJECTIONS[position] & 0xFF
    return low | low << shift


@kept
def _trimmed(table: int, inputs: Any) -> int:
    """The table with constants, negations, repeated and unused inputs folded in; such inputs become _NONE."""
    for p in range(3):
        if inputs[p] < 0:
            continue
        if inputs[p] <= 1:
            table = _half(table, p, inputs[p])
            inputs[p] = _NONE
        elif inputs[p] & 1:
            shift = 1 << p
            table = (table & PROJECTIONS[p]) >> shift | (table & ~PROJECTIONS[p] & 0xFF) << shift
            inputs[p] -= 1
    for p in range(2):
        for q in range(p + 1, 3):
            if inputs[p] >= 0 and inputs[p] == inputs[q]:
                high, low = _half(_half(table, p, 1), q, 1), _half(_half(table, p, 0), q, 0)
                table = high & PROJECTIONS[p] | low & ~PROJECTIONS[p] & 0xFF
                inputs[q] = _NONE
    for p in range(3):
        if inputs[p] >= 0 and _half(table, p, 0) == _half(table, p, 1):
            inputs[p] = _NONE
    return table


@kept
def _single(table: int, inputs: Any) -> int:
    """The literal that a trimmed look-up is, if it has at most one input."""
    found = _NONE
    for p in range(3):
        if inputs[p] >= 0:
            if found != _NONE:
                return _NONE
            found = inputs[p] if table == PROJECTIONS[p] else inputs[p] ^ 1
    return table & 1 if found == _NONE else found


@kept
def _merge(tables: Any, reads: Any, first: int) -> None:
    """Draws look-ups into those that read them as long as three inputs remain."""
    inner, leaves = np.empty(3, np.int32), np.empty(3, np.int32)
    for i in range(len(tables)):
        p = 0
        while p < 3:
            source = (reads[i, p] >> 1) - first
            if reads[i, p] < 0 or source < 0:
                p += 1
                continue
            inner[:] = reads[source]
            n = 0
            fits = True
            for k in range(6):
                leaf = reads[i, k] if k < 3 else inner[k - 3]
                if leaf < 0 or k == p or _place(leaf, leaves, n) >= 0:
                    continue
                if n == 3:
                    fits = False
                    break
                leaves[n] = leaf
                n += 1
            if not fits:
                p += 1
                continue
            table = _composed(tables[i], reads[i], p, tables[source], inner, leaves, n)
            leaves[n:] = _NONE
            tables[i] = _trimmed(table, leaves)
            reads[i] = leaves
            p = 0


@kept
def _place(leaf: int, leaves: Any, n: int) -> int:
    for k in range(n):
        if leaves[k] == leaf:
            return k
    return -1


@kept
def _composed(outer: int, read: Any, p: int, table: int, inner: Any, leaves: Any, n: int) -> int:
    """The outer table over the leaves, its input p being the inner table over them."""
    result = 0
    for minterm in range(8):
        index = 0
        for k in range(3):
            if inner[k] >= 0 and minterm >> _place(inner[k], leaves, n) & 1:
                index |= 1 << k
        value = table >> index & 1
        index = value << p
        for k in range(3):
            if k != p and read[k] >= 0 and minterm >> _place(read[k], leaves, n) & 1:
                index |= 1 << k
        result |= (outer >> index & 1) << minterm
    return result


@kept
def _last_reads(reads: Any, outputs: Any, first: int) -> Any:
    """For every node the last look-up that needs it, the number of look-ups for an output, _NEVER for none."""
    last = np.full(first + len(reads), _NEVER, np.int32)
    for literal in outputs:
        last[literal >> 1] = len(reads)
    for i in range(len(reads) - 1, -1, -1):
        if last[first + i] != _NEVER:
            for p in range(3):
                if reads[i, p] >= 0 and last[reads[i, p] >> 1] == _NEVER:
                    last[reads[i, p] >> 1] = i
    return last


@kept
def _written(tables: Any, reads: Any, outputs: Any, last: Any, known: Any, first: int, least: Any, order: Any) -> Any:
    """Operations of the look-ups that are needed, in their order; slots are used again after a last read."""
    slot = np.full(len(last), ZERO_SLOT, np.int32)
    inputs = np.full(len(known), SPARE_SLOT, np.int32)
    free = np.empty(len(last), np.int32)
    n_free, n_slots, n = 0, RESERVED_SLOTS, 0
    for i in range(len(known)):
        if known[i] < 0 and last[1 + i] != _NEVER:
            inputs[i] = slot[1 + i] = n_slots
            n_slots += 1
    operations = np.empty((len(tables), 5), np.uint16)
    for i in range(len(tables)):
        if last[first + i] == _NEVER:
            continue
        operations[n, 0] = least[tables[i]]
        for p in range(3):
            literal = reads[i, order[tables[i], p]]
            operations[n, 1 + p] = slot[literal >> 1] if literal >= 0 else ZERO_SLOT
        for p in range(3):
            if reads[i, p] >= 0 and last[reads[i, p] >> 1] == i:
                free[n_free] = slot[reads[i, p] >> 1]
                n_free += 1
        if n_free:
            n_free -= 1
            slot[first + i] = free[n_free]
        else:
            slot[first + i] = n_slots
            n_slots += 1
        operations[n, 4] = slot[first + i]
        n += 1
    found = np.empty(len(outputs), np.int32)
    for i in range(len(outputs)):
        found[i] = outputs[i] if outputs[i] <= 1 else slot[outputs[i] >> 1]
    return operations[:n].copy(), inputs, found, n_slots
