"""Processes of population networks: any network, and NLSpike's operators division, exponentiation and l2 norm.

Each as vectorised neurons in one CPU model, or as Lava's own LIF and graded neurons. Operators: arXiv 2605.20289.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.decorator import requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.resources import CPU
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava import population_lif
from lava_nexus.execute.lava.process import LAVA_TAGS, Members, Process, lanes_of, models_of
from lava_nexus.execute.lava.processes.host import Probe
from lava_nexus.execute.lava.processes.stateful import StatefulNeurons
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.operands import whole_number
from lava_nexus.execute.populations import PopulationStepper
from lava_nexus.populations.catalogue import division, exponentiation, l2_norm
from lava_nexus.populations.division import Ladders
from lava_nexus.populations.network import PopulationNetwork, Readout
from lava_nexus.populations.operator import DEFAULT, Operator, Options
from lava_nexus.populations.stateful import StatefulNeuron
from lava_nexus.populations.vectoring import Tree


class PopulationProcess(Process):
    """Neurons of a population network, `lanes` copies side by side.

    Args:
        network: the neurons, or an operator of them, such as `lava_nexus.populations.operator("softmax", 4)`.
        shape: of the operand sets of a time step.
        record_steps: time steps of which every signal's value is kept, from the first one on.
        name, log_config: of the Process.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [*shape, inputs], int32; the strobe, then the values of every input in order.",
        "s_out": "out, [*shape, outputs], int32; the signals of every read-out, and after them those of its "
        "negative part. A set that enters at step t leaves at t + depth, and one step later as Lava's neurons, whose "
        "outputs go through one more synapse.",
    }

    def __init__(
        self,
        network: PopulationNetwork | Operator,
        shape: tuple[int, ...] = (1,),
        record_steps: int = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        network = network.network if isinstance(network, Operator) else network
        if not isinstance(network, PopulationNetwork):
            raise NexusError(
                f"Lava Process {type(self).__name__} takes a network of populations, or an operator of them, "
                f"not {network!r}"
            )
        lanes = lanes_of(shape, "population network")
        whole_number("record_steps of a population network", record_steps, 0)
        counts = shared_array((network.n_signals,), np.int64)
        trains = shared_array((record_steps, lanes, network.n_signals), np.int32)
        super().__init__(network=network, lanes=lanes, counts=counts, trains=trains, name=name, log_config=log_config)
        self.network = network
        self.lanes = lanes
        self._counts = counts
        self._trains = trains
        self.a_in = InPort(shape=(*shape, network.n_inputs))
        self.s_out = OutPort(shape=(*shape, sum(len(signals) for signals in output_signals(network))))

    @property
    def spike_counts(self) -> NDArray[np.int64]:
        """int64 [signals], spikes of every signal so far, over all lanes."""
        return self._counts.copy()

    @property
    def spike_trains(self) -> NDArray[np.int32]:
        """int32 [record_steps, lanes, signals], what every signal sent; row 0 is the first time step."""
        return self._trains.copy()


def output_signals(network: PopulationNetwork) -> list[NDArray[np.int64]]:
    """Signals of every read-out, and after them those of its negative part, where it has one."""

    def of(number: int) -> NDArray[np.int64]:
        return np.arange(network.offsets[number], network.offsets[number + 1])

    def both(readout: Readout) -> list[NDArray[np.int64]]:
        return [of(readout.population), *([] if readout.negative is None else [of(readout.negative)])]

    return [signals for readout in network.outputs for signals in both(readout)]


class Populations(PopulationProcess):
    """The neurons of the network that it is given; see `PopulationProcess`."""


class Division(PopulationProcess):
    """quotient = count of neurons i of 2^bits with dividend >= i * step, the step being a shift of the divisor.

    Args:
        how: bits, digits and whether a leading-one detector shifts the operands; the published ladder of 2^8 with the
            shift if not given.
        dividends: how many share the divisor.
        shape, record_steps, name: see `PopulationProcess`.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [*shape, 1 + dividends + 1]; strobe, dividends, divisor: 0 .. 2^22 - 1 (2^17 - 1 without shift).",
        "s_out": "out, [*shape, dividends]; quotients 0 .. 2^bits.",
    }

    def __init__(
        self,
        how: Ladders | None = None,
        dividends: int = 1,
        shape: tuple[int, ...] = (1,),
        record_steps: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(division(how or Ladders(), dividends).network, shape, record_steps, name)


class Exponentiation(PopulationProcess):
    """exp(x) by K chords on [-H, H]; 0 below, clamped above.

    Args:
        options: H, K and the widths of the table.
        size: operands.
        shape, record_steps, name: see `PopulationProcess`.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [*shape, 1 + size]; strobe, then x with `in_fraction` fraction bits.",
        "s_out": "out, [*shape, size]; exp(x) with 14 fraction bits, or as many as let exp(H) fit 22 bits.",
    }

    def __init__(
        self,
        options: Options = DEFAULT,
        size: int = 1,
        shape: tuple[int, ...] = (1,),
        record_steps: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(exponentiation(options, size).network, shape, record_steps, name)


class L2Norm(PopulationProcess):
    """tree.gain * sqrt(sum of x_i^2).

    Args:
        tree: values and CORDIC steps.
        shape, record_steps, name: see `PopulationProcess`.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [*shape, 1 + tree.size]; strobe, then x, integers whose norm is below 2^21.",
        "s_out": "out, [*shape, 1]; the norm times the tree's gain, which is in 1..2.",
    }

    def __init__(
        self, tree: Tree, shape: tuple[int, ...] = (1,), record_steps: int = 0, name: str | None = None
    ) -> None:
        super().__init__(l2_norm(tree).network, shape, record_steps, name)


_JOINED = StatefulNeuron("joined", (), (("sent", "a"),), "sent")


@requires(CPU)
@tag("vectorised", *LAVA_TAGS)
class Vectorised(PyLoihiProcessModel):
    """Every neuron in one child process; sends before it receives, so that networks may be connected in a loop."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._network = network = proc_params["network"]
        self._neurons = PopulationStepper(network, proc_params["lanes"])
        self._outputs = np.concatenate(output_signals(network)) - network.n_inputs
        self._counts = proc_params["counts"]
        self._trains = proc_params["trains"]

    def run_spk(self) -> None:
        if not self._network.wave and (self.time_step - 1) % self._network.window == 0:
            self._neurons.clear()
        sent = np.concatenate(self._neurons.advance())
        self.s_out.send(sent[self._outputs].T.astype(np.int32).reshape(self.s_out.shape))
        given = self.a_in.recv().astype(np.int64)
        everything = self._neurons.feed(given.reshape(-1, given.shape[-1]))
        self._counts[:] = self._neurons.counts
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1] = everything


@tag("lif", *LAVA_TAGS)
class Lif(AbstractSubProcessModel):
    """The same neurons as Lava's LIF, GradedReluVec and GradedVec, with one Sparse for each sign and exponent."""

    def __init__(self, proc: PopulationProcess) -> None:
        network, lanes = proc.network, proc.lanes
        population_lif.check_lif(network)
        places = population_lif.Places.of(network)
        self.neurons = population_lif.neurons(network, lanes)
        self.synapses = population_lif.synapses(network, lanes)
        self.read_out = population_lif.selection(network, lanes)
        counts, trains = proc.proc_params["counts"], proc.proc_params["trains"]
        for kind, process in self.neurons.items():
            setattr(self, f"{kind}_neurons", process)
        for i, (source, target, matrix) in enumerate(self.synapses):
            setattr(self, f"synapses{i}", matrix)
            spikes = proc.in_ports.a_in.flatten() if source == population_lif.INPUT else self.neurons[source].s_out
            spikes.connect(matrix.s_in)
            matrix.a_out.connect(self.neurons[target].a_in)
        for kind, size in places.size.items():
            probe = Probe(counts, trains, places.signals(network, kind))
            setattr(self, f"probe_of_{kind}", probe)
            sent = proc.in_ports.a_in if kind == population_lif.INPUT else self.neurons[kind].s_out
            sent.reshape((lanes, size)).connect(probe.a_in)
        # Lava 0.10.0 reshapes one source of a port alone: where outputs are of several kinds they are joined first.
        self.joined = StatefulNeurons(_JOINED, (proc.s_out.size,), 1)
        for kind, matrix in self.read_out:
            setattr(self, f"read_out_of_{kind}", matrix)
            self.neurons[kind].s_out.connect(matrix.s_in)
            matrix.a_out.connect(self.joined.a_in)
        self.joined.s_out.reshape(proc.s_out.shape).connect(proc.out_ports.s_out)


for _process in (Populations, Division, Exponentiation, L2Norm):
    globals().update(models_of(_process, Vectorised, Lif))
