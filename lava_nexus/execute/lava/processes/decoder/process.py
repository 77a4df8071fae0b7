"""Process that turns the spikes of valid waves back into numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import InPort
from numpy.typing import NDArray

from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.shared import shared_array, shared_patterns
from lava_nexus.neurons import Port

STORED, LAST_STEP = 0, 1


class Decoder(Process):
    """pattern = sum of channel[i] * 2^(bits - 1 - i), for every lane whose strobe spikes; the inverse of `Encoder`.

    Ports:
        a_in: [lanes, 1 + bits]; the strobe, then each result's bits, MSB first.

    Args:
        results: name, width and format of each result; for a network `network.outputs`.
        capacity: result sets kept until they are taken.
        lanes: result sets a time step.
        name: of the Process.
    """

    def __init__(self, results: Sequence[Port], capacity: int, lanes: int = 1, name: str | None = None) -> None:
        progress = shared_array((2,), np.int64)
        patterns = shared_patterns(results, capacity)
        super().__init__(
            results=tuple(results), lanes=lanes, progress=progress, patterns=patterns, capacity=capacity, name=name
        )
        self.results = tuple(results)
        self._progress = progress
        self._patterns = patterns
        self.a_in = InPort(shape=(lanes, 1 + sum(port.width for port in results)))

    @property
    def last_step(self) -> int:
        """Time step, counted from 1, in which the last result came; 0 before any."""
        return int(self._progress[LAST_STEP])

    def take(self) -> list[NDArray[Any]]:
        """Bit patterns [sets] of each result, in order of arrival; empties the store."""
        sets = int(self._progress[STORED])
        self._progress[STORED] = 0
        return [self._patterns[:sets, i].astype(port.pattern_dtype) for i, port in enumerate(self.results)]

    def take_values(self) -> list[NDArray[Any]]:
        """Numbers [sets] of each result, patterns where it has no format; empties the store."""
        pairs = zip(self.results, self.take(), strict=True)
        return [port.format.from_patterns(found) if port.format else found for port, found in pairs]
