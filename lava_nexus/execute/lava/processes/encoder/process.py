"""Process that turns numbers into spikes by spatial bit encoding, one operand set a lane and time step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import OutPort
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.shared import shared_array, shared_patterns
from lava_nexus.neurons import Port

LOADED, SENT = 0, 1


class Encoder(Process):
    """channel[i] = bit (bits - 1 - i) of the pattern: every bit of an operand set spikes in one time step.

    Sends the sets loaded, `lanes` a step from the next step on, then silence.

    Ports:
        s_out: [lanes, 1 + bits]; the strobe (1 where the lane holds a set), then each operand's bits, MSB first.

    Args:
        operands: name, width and format of each operand; for a network `network.inputs`.
        capacity: operand sets that can be loaded at a time.
        lanes: operand sets a time step.
        name: of the Process.
    """

    def __init__(self, operands: Sequence[Port], capacity: int, lanes: int = 1, name: str | None = None) -> None:
        progress = shared_array((2,), np.int64)
        patterns = shared_patterns(operands, capacity)
        super().__init__(
            operands=tuple(operands), lanes=lanes, progress=progress, patterns=patterns, capacity=capacity, name=name
        )
        self.operands = tuple(operands)
        self.capacity = capacity
        self._progress = progress
        self._patterns = patterns
        self.s_out = OutPort(shape=(lanes, 1 + sum(port.width for port in operands)))

    def load(self, *patterns: NDArray[Any]) -> None:
        """Bit patterns [sets] of each operand, sent by the next run; what was loaded and not sent is dropped.

        Raises:
            NexusError: arrays missing, of unequal length, not of unsigned patterns, or more sets than the capacity.
        """
        if len(patterns) != len(self.operands):
            raise NexusError(f"encoder of {len(self.operands)} operands was given {len(patterns)} arrays")
        sets = len(patterns[0]) if patterns else 0
        for port, array in zip(self.operands, patterns, strict=True):
            if np.shape(array) != (sets,):
                raise NexusError(f"operand {port.name} has shape {np.shape(array)}, not ({sets},)")
            if np.asarray(array).dtype.kind not in "iu" or (sets and np.min(array) < 0):
                raise NexusError(f"operand {port.name} of dtype {np.asarray(array).dtype} holds no bit patterns")
            if sets and int(np.max(array)) >> port.width:
                raise NexusError(f"operand {port.name} holds {int(np.max(array))}, more than its {port.width} bits")
        if sets > self.capacity:
            raise NexusError(f"encoder was given {sets} operand sets, more than its capacity of {self.capacity}")
        for column, array in enumerate(patterns):
            self._patterns[:sets, column] = array
        self._progress[:] = (sets, 0)

    def load_values(self, *values: ArrayLike) -> None:
        """Numbers [sets] of each operand, which must have formats; otherwise as `load`."""
        named = zip(self.operands, values, strict=False)
        self.load(*(port.format.to_patterns(v) if port.format else np.asarray(v) for port, v in named))
