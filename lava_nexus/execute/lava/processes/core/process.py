"""Process of the neurons that live on one core."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from numpy.typing import NDArray

from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.neurons.split import Subnetwork


class Core(Process):
    """spike_k(t) = [ sum_j weight_j * spike_source_j(t - 1 - delay_j) >= threshold_k ] for the neurons of one core.

    Ports:
        v<i>_in: [lanes, n]; what comes from source i: 0 is the outside (strobe, then input bits), i + 1 is core i.
        v0_out: [lanes, neurons]; all its neurons.

    Args:
        subnetwork: its neurons and axons.
        sources: for each source number, channels that it has, and for each axon from there (channel, axon).
        lanes: operand sets side by side.
        record_steps: time steps of which every neuron's spike is kept.
        name: of the Process.
    """

    def __init__(
        self,
        subnetwork: Subnetwork,
        sources: Mapping[int, tuple[int, NDArray[np.int64], NDArray[np.int64]]],
        lanes: int,
        record_steps: int,
        name: str,
    ) -> None:
        trains = shared_array((record_steps, lanes, subnetwork.neurons), np.int8)
        super().__init__(subnetwork=subnetwork, sources=dict(sources), lanes=lanes, trains=trains, name=name)
        self.subnetwork = subnetwork
        self.sources = dict(sources)
        self.lanes = lanes
        self.trains = trains
        for source, (channels, _, _) in sources.items():
            setattr(self, f"v{source}_in", InPort(shape=(lanes, channels)))
        self.v0_out = OutPort(shape=(lanes, subnetwork.neurons))
