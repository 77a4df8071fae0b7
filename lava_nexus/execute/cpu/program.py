"""A network as a list of word operations on numbered slots: what the kernel runs, in flat arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

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
        state = hashlib.sha256(repr([("n_slots", self.n_slots)]).encode())
        for name in sorted(field.name for field in fields(self) if field.name != "n_slots"):
            array = np.ascontiguousarray(getattr(self, name))
            state.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
            state.update(array.tobytes())
        return state.hexdigest()
