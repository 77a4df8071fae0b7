"""A network as a list of word operations on numbered slots: what the kernel runs, in flat arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lava_nexus.disk_cache import Arrays, Metadata
from lava_nexus.lowering.luts import REPRESENTATIVES

Variant = Literal["outputs", "spikes", "activity"]
"""What a program computes: the outputs; every neuron's spikes too; who received a spike too."""

ZERO_SLOT, ONE_SLOT, SPARE_SLOT, RESERVED_SLOTS = 0, 1, 2, 3
"""Slots that always hold 0, always hold 1, and take what nobody reads."""

ZERO_COUNT, ONE_COUNT, RESERVED_COUNTS = 0, 1, 2
"""Counts of a signal that never spikes, and of one that always does."""

COUNTED = 0x100
"""Flag beside the truth table of an operation whose result is counted."""


@dataclass(frozen=True, eq=False)
class WordProgram:
    """Word operations that evaluate a network for as many operand sets as there are bits in a slot.

    Counts are numbered: never, always, the bits of the input ports in order, then the counted operations in order.

    Attributes:
        operations: uint16 [operations, 5]: truth table (one of REPRESENTATIVES) | COUNTED, slots of inputs a, b, c,
            slot of the result.
        input_slots: int32 [input bits], ports in order, each LSB first.
        output_slots: int32 [output bits], ports in order, each LSB first.
        n_slots: slots in use.
        signal_counts: int32 [signals], the count that holds a signal's spikes; empty where spikes are not counted.
        probe_counts: int32 [neurons], the count of a neuron's active updates; empty where they are not counted.
        idle: uint8 [counts]: 1 where an all-zero operand set is counted (the strobe is taken as always there, so a lane
            that pads a block is counted as such a set, to be subtracted).
    """

    operations: NDArray[np.uint16]
    input_slots: NDArray[np.int32]
    output_slots: NDArray[np.int32]
    n_slots: int
    signal_counts: NDArray[np.int32]
    probe_counts: NDArray[np.int32]
    idle: NDArray[np.uint8]

    @property
    def n_counts(self) -> int:
        """Length of the vector of counts."""
        return len(self.idle)

    @property
    def counting(self) -> bool:
        """Whether anything is counted."""
        return len(self.signal_counts) > 0

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all fields: equal digests mean the same program."""
        arrays, metadata = to_arrays(self)
        state = hashlib.sha256(repr(sorted(metadata.items())).encode())
        for name in sorted(arrays):
            state.update(f"{name}:{arrays[name].dtype.str}:{arrays[name].shape};".encode())
            state.update(np.ascontiguousarray(arrays[name]).tobytes())
        return state.hexdigest()


_DTYPES: dict[str, Any] = {
    "operations": np.uint16,
    "input_slots": np.int32,
    "output_slots": np.int32,
    "signal_counts": np.int32,
    "probe_counts": np.int32,
    "idle": np.uint8,
}


def to_arrays(program: WordProgram) -> tuple[Arrays, Metadata]:
    """The program as plain arrays and metadata, for the disk cache."""
    return {name: getattr(program, name) for name in _DTYPES}, {"n_slots": program.n_slots}


def from_arrays(arrays: Arrays, metadata: Metadata) -> WordProgram:
    """The inverse of `to_arrays`.

    Raises:
        ValueError: an array is of another dtype, or an index is out of range (the kernel does not check).
        KeyError: one is missing.
    """
    program = WordProgram(n_slots=int(metadata["n_slots"]), **{name: arrays[name] for name in _DTYPES})
    assert {field.name for field in fields(WordProgram)} == {*_DTYPES, "n_slots"}
    for name, dtype in _DTYPES.items():
        if arrays[name].dtype != dtype or not arrays[name].flags.c_contiguous:
            raise ValueError(f"{name} is not {np.dtype(dtype)}")
    if not np.isin(program.operations[:, 0] & ~np.uint16(COUNTED), REPRESENTATIVES).all():
        raise ValueError("truth table out of range")
    slots: list[NDArray[Any]] = [program.operations[:, 1:].ravel(), program.input_slots, program.output_slots]
    counted_by: list[NDArray[Any]] = [program.signal_counts, program.probe_counts]
    counted = int((program.operations[:, 0] & COUNTED != 0).sum())
    counts = RESERVED_COUNTS + len(program.input_slots) + counted
    if any(array.size and not 0 <= array.min() <= array.max() < program.n_slots for array in slots):
        raise ValueError("slot out of range")
    if program.counting and program.n_counts != counts:
        raise ValueError(f"{program.n_counts} counts instead of {counts}")
    if any(array.size and not 0 <= array.min() <= array.max() < counts for array in counted_by):
        raise ValueError("count out of range")
    return program
