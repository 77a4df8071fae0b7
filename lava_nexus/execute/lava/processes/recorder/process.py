"""Process that watches a population: counts every signal's spikes and keeps the first steps of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import InPort
from numpy.typing import NDArray

from lava_nexus.execute.lava.process import Process


class Recorder(Process):
    """Adds what it sees to shared memory; it is a probe and no part of the network.

    Ports:
        inputs: [lanes, n_inputs]; inputs: signals 0 .. n_inputs - 1.
        neurons: [lanes, neurons]; neurons: the signals after them.

    Args:
        counts: shared int64 [signals].
        trains: shared int8 [steps, lanes, signals].
        n_inputs: input signals.
    """

    def __init__(self, counts: NDArray[np.int64], trains: NDArray[Any], n_inputs: int) -> None:
        super().__init__(counts=counts, trains=trains, n_inputs=n_inputs)
        lanes = trains.shape[1]
        self.inputs = InPort(shape=(lanes, n_inputs))
        self.neurons = InPort(shape=(lanes, len(counts) - n_inputs))
