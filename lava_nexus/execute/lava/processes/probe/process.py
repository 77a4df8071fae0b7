"""Process that watches neurons: counts every signal's spikes and keeps what was sent in the first steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import InPort
from numpy.typing import NDArray

from lava_nexus.execute.lava.process import Process


class Probe(Process):
    """Adds what it sees to shared memory; it is no part of the network.

    Ports:
        a_in: [lanes, channels], int32.

    Args:
        counts: shared int64 [signals].
        trains: shared int32 [steps, lanes, signals].
        signals: int64 [channels]; which signal each channel is.
    """

    def __init__(self, counts: NDArray[np.int64], trains: NDArray[Any], signals: NDArray[np.int64]) -> None:
        super().__init__(counts=counts, trains=trains, signals=signals)
        self.a_in = InPort(shape=(trains.shape[1], len(signals)))
