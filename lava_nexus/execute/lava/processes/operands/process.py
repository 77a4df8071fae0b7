"""Process that feeds operand sets to a population network."""

from __future__ import annotations

import numpy as np
from lava.magma.core.process.ports.ports import OutPort
from numpy.typing import NDArray

from lava_nexus.execute.lava.process import Process


class Operands(Process):
    """Sends one wave of operand sets every `window` steps from the first step on, then silence.

    Ports:
        s_out: [lanes, 1 + values], int32; the strobe (1 where the lane holds a set), then the set's values.

    Args:
        waves: int32 [waves, lanes, 1 + values].
        window: steps from one wave to the next.
        name: of the Process.
    """

    def __init__(self, waves: NDArray[np.int32], window: int, name: str | None = None) -> None:
        super().__init__(waves=waves, window=window, name=name)
        self.s_out = OutPort(shape=waves.shape[1:])
