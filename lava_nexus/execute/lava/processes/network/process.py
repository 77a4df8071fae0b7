"""Process of a whole threshold network, in whichever form the run configuration chooses."""

from __future__ import annotations

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.lava.strobe import carry_strobe, output_signals
from lava_nexus.neurons import MEMORYLESS, NeuronModel, ThresholdNetwork


class Network(Process):
    """spike_k(t) = [ sum_j weight_j * spike_source_j(t - 1 - delay_j) >= threshold_k ] in every lane.

    Ports:
        a_in: [lanes, 1 + input bits]; the strobe, then the bits of the input ports in order, each MSB first.
        s_out: [lanes, 1 + output bits]; likewise. A wave that enters at step t leaves at t + `timing.latency`.

    The strobe marks a lane that holds an operand set; without it the lane must be silent. It travels beside the wave on
    relay neurons of this Process, so that networks, encoders and decoders can be connected in any order.

    Args:
        network: the neurons.
        lanes: operand sets side by side: copies of the network.
        record_steps: time steps of which every signal's spike is kept, from the first one on.
        name: of the Process.
        model: of every neuron; only the LIF form knows another than the memoryless one, see `lif.leaky_model`.
    """

    def __init__(
        self,
        network: ThresholdNetwork,
        lanes: int = 1,
        record_steps: int = 0,
        name: str | None = None,
        model: NeuronModel = MEMORYLESS,
    ) -> None:
        if lanes < 1:
            raise NexusError(f"network of {lanes} lanes is below 1")
        wired = carry_strobe(network)
        counts = shared_array((wired.n_signals,), np.int64)
        trains = shared_array((record_steps, lanes, wired.n_signals), np.int8)
        super().__init__(
            network=network, wired=wired, lanes=lanes, counts=counts, trains=trains, name=name, model=model
        )
        self.network = network
        self.lanes = lanes
        self.neuron_model = model
        self._counts = counts
        self._trains = trains
        self.a_in = InPort(shape=(lanes, wired.n_inputs))
        self.s_out = OutPort(shape=(lanes, len(output_signals(wired))))

    @property
    def spike_counts(self) -> NDArray[np.int64]:
        """int64 [signals], spikes of the strobe, the inputs and each neuron so far, over all lanes."""
        return self._counts[: self.network.n_signals].copy()

    @property
    def spike_trains(self) -> NDArray[np.int8]:
        """int8 [record_steps, lanes, signals], spikes of every signal; row 0 is the first time step."""
        return self._trains[:, :, : self.network.n_signals].copy()
