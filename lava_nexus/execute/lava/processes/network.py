"""Process of a threshold network.

As vectorised neurons in one CPU model, or as Lava's own LIF and DelaySparse in fixed point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.delay_line import DelayLine
from lava_nexus.execute.lava.fixed.process import FixedSparse
from lava_nexus.execute.lava.lif import (
    Level,
    LifPopulation,
    carry_strobe,
    latency,
    output_signals,
    selection,
)
from lava_nexus.execute.lava.process import (
    SPIKES_IN,
    SPIKES_OUT,
    VAR,
    Members,
    Process,
    Readable,
    Reading,
    given,
    lanes_of,
    model_of,
)
from lava_nexus.execute.lava.processes.host import Recorder
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.operands import whole_number
from lava_nexus.neurons import MEMORYLESS, NeuronModel, ThresholdNetwork


class Network(Process):
    """spike_k(t) = [ sum_j weight_j * spike_source_j(t - 1 - delay_j) >= threshold_k ] for each element of `shape`.

    The strobe marks an element that holds an operand set; without it the element must be silent. It travels beside the
    wave on relay neurons of this Process, so that networks, encoders and decoders can be connected in any order.

        encoder = Encoder(adder.network.inputs, 100); process = Network(adder); decoder = Decoder(...)
        encoder.s_out.connect(process.a_in); process.s_out.connect(decoder.a_in)

    Args:
        network: the neurons, or a circuit of them.
        shape: operand sets side by side: copies of the network.
        record_steps: time steps of which every signal's spike is kept, from the first one on.
        name, log_config: of the Process.
        model: of every neuron; only the LIF form knows another than the memoryless one, see `lif.leaky_model`.
        probed: numbers (0-based) of the neurons that `v` and `s` show; all of them if None.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [*shape, 1 + input bits], int8; the strobe, then the bits of the input ports in order, MSB first.",
        "s_out": "out, [*shape, 1 + output bits]; likewise. A wave of step t leaves at step t + `latency`.",
        "v": "Var, [*shape, probed neurons]; potentials of this step before the reset, in unit weights.",
        "s": "Var, [*shape, probed neurons]; their spikes in this step, 0 or 1.",
    }

    def __init__(
        self,
        network: Circuit | ThresholdNetwork,
        shape: tuple[int, ...] = (1,),
        record_steps: int = 0,
        name: str | None = None,
        model: NeuronModel = MEMORYLESS,
        probed: Sequence[int] | NDArray[np.int64] | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        network = network.network if isinstance(network, Circuit) else network
        if not isinstance(network, ThresholdNetwork):
            raise NexusError(
                f"Lava Process Network takes a circuit or its network, not {network!r}; give lava_nexus.circuit(...)"
            )
        lanes = lanes_of(shape, "network")
        given(model, NeuronModel, "Lava Process Network")
        whole_number("record_steps of Lava Process Network", record_steps, 0)
        wired = carry_strobe(network)
        counts = shared_array((wired.n_signals,), np.int64)
        trains = shared_array((record_steps, lanes, wired.n_signals), np.int8)
        reading = _reading(network, shape, probed)
        super().__init__(
            network=network, wired=wired, lanes=lanes, shape=shape, counts=counts, trains=trains, name=name,
            model=model, reading=reading, log_config=log_config,
        )  # fmt: skip
        self.network = network
        self.shape = shape
        self.lanes = lanes
        self.neuron_model = model
        self._counts = counts
        self._trains = trains
        self.a_in = InPort(shape=(*shape, wired.n_inputs))
        self.s_out = OutPort(shape=(*shape, len(output_signals(wired))))
        self.v = Var(shape=reading.shape, init=0)
        self.s = Var(shape=reading.shape, init=0)

    @property
    def spike_counts(self) -> NDArray[np.int64]:
        """int64 [signals], spikes of the strobe, the inputs and each neuron so far, over all lanes."""
        return self._counts[: self.network.n_signals].copy()

    @property
    def spike_trains(self) -> NDArray[np.int8]:
        """int8 [record_steps, lanes, signals], spikes of every signal; row 0 is the first time step."""
        return self._trains[:, :, : self.network.n_signals].copy()

    def latency(self, level: Level = "vectorised") -> int:
        """Time steps from a wave's entry at `a_in` to its exit at `s_out`."""
        return latency(self.network, level)


def _reading(
    network: ThresholdNetwork, shape: tuple[int, ...], probed: Sequence[int] | NDArray[np.int64] | None
) -> Reading:
    chosen = np.arange(network.neurons) if probed is None else np.asarray(probed)
    if chosen.ndim != 1 or not chosen.size or chosen.dtype.kind not in "iu":
        raise NexusError(f"probed neurons {probed!r} are no list of numbers")
    wrong = chosen[(chosen < 0) | (chosen >= network.neurons)]
    if wrong.size:
        raise NexusError(f"probed neuron {wrong[0]} is not in 0 .. {network.neurons - 1}")
    return Reading(chosen.astype(np.int64), (*shape, len(chosen)))


@model_of(Network, "vectorised")
class NetworkVectorised(Readable, PyLoihiProcessModel):
    """Every neuron of every lane in one child process, each step from earlier spikes alone."""

    a_in: PyInPort = SPIKES_IN
    s_out: PyOutPort = SPIKES_OUT
    v: NDArray[np.int32] = VAR
    s: NDArray[np.int32] = VAR

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        network, model = proc_params["wired"], proc_params["model"]
        if not (model.memoryless and model.exact):
            raise NexusError(f"vectorised neurons of a network are memoryless and exact, not {model}; take level lif")
        self._neurons = DelayLine(network, proc_params["lanes"], proc_params["counts"])
        self._outputs = np.array(output_signals(network), np.int64)
        self._signals = np.arange(network.n_signals, dtype=np.int64)
        self._first = network.n_inputs
        self._trains = proc_params["trains"]
        self._reading = proc_params["reading"]

    def run_spk(self) -> None:
        """One time step; sends before it receives, so that networks may be connected in a loop."""
        self._neurons.advance()
        self.s_out.send(self._neurons.read(self._outputs).reshape(self.s_out.shape))
        spikes = self.a_in.recv()
        self._neurons.feed(spikes.reshape(-1, spikes.shape[-1]))
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1] = self._neurons.read(self._signals)

    def refresh(self) -> None:
        neurons, shape = self._reading
        self.v[:] = self._neurons.drive(neurons).reshape(shape)
        self.s[:] = self._neurons.read(self._first + neurons).reshape(shape)


@model_of(Network, "lif")
class NetworkLif(AbstractSubProcessModel):
    """All neurons as one Lava LIF, inputs and neurons reaching it through one DelaySparse each, in fixed point."""

    def __init__(self, proc: Network) -> None:
        network, lanes = proc.proc_params["wired"], proc.lanes
        population = LifPopulation.of(network, lanes, model=proc.neuron_model, reading=proc.proc_params["reading"])
        self.neurons, self.synapses = population.neurons, population.synapses
        (self.synapses_of_inputs,) = population.synapses_of_inputs
        outputs = np.array(output_signals(network)) - network.n_inputs
        self.read_out = FixedSparse(weights=selection(outputs, network.neurons, lanes))
        self.recorder = Recorder(proc.proc_params["counts"], proc.proc_params["trains"], network.n_inputs)

        proc.in_ports.a_in.flatten().connect(self.synapses_of_inputs.s_in)
        proc.in_ports.a_in.reshape((lanes, network.n_inputs)).connect(self.recorder.inputs)
        self.neurons.s_out.connect(self.read_out.s_in)
        self.neurons.s_out.reshape((lanes, network.neurons)).connect(self.recorder.neurons)
        self.read_out.a_out.reshape(proc.s_out.shape).connect(proc.out_ports.s_out)
        proc.vars.v.alias(self.neurons.potential)
        proc.vars.s.alias(self.neurons.fired)
