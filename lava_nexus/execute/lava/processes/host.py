"""Processes that stand for the host around a network: what feeds it, what watches it, what sequences it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.process import Members, Process, SpikePortTypes, model_of
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.formats import patterns_to_spikes, spikes_to_patterns
from lava_nexus.programs.schedule import Operations, Schedule

_INTEGERS_IN = LavaPyType(PyInPort.VEC_DENSE, np.int32)
NEVER = np.iinfo(np.int64).max // 2


class Operands(Process):
    """Sends one wave of operand sets every `window` steps from the first step on, then silence.

    Args:
        waves: int32 [waves, lanes, 1 + values].
        window: steps from one wave to the next.
        name: of the Process.
    """

    members: ClassVar[Members] = {
        "s_out": "out, [lanes, 1 + values], int32; the strobe (1 where the lane holds a set), then the set's values.",
    }

    def __init__(self, waves: NDArray[np.int32], window: int, name: str | None = None) -> None:
        super().__init__(waves=waves, window=window, name=name)
        self.s_out = OutPort(shape=waves.shape[1:])


@model_of(Operands, "vectorised", "lif")
class OperandsModel(PyLoihiProcessModel):
    """Sends the next wave, or zeros."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._waves = proc_params["waves"]
        self._window = proc_params["window"]
        self._silence = np.zeros(self._waves.shape[1:], np.int32)

    def run_spk(self) -> None:
        wave, between = divmod(self.time_step - 1, self._window)
        self.s_out.send(self._silence if between or wave >= len(self._waves) else self._waves[wave])


class Probe(Process):
    """Adds what it sees to shared memory; it is no part of the network.

    Args:
        counts: shared int64 [signals].
        trains: shared int32 [steps, lanes, signals].
        signals: int64 [channels]; which signal each channel is.
    """

    members: ClassVar[Members] = {
        "a_in": "in, [lanes, channels], int32.",
    }

    def __init__(self, counts: NDArray[np.int64], trains: NDArray[Any], signals: NDArray[np.int64]) -> None:
        super().__init__(counts=counts, trains=trains, signals=signals)
        self.a_in = InPort(shape=(trains.shape[1], len(signals)))


@model_of(Probe, "vectorised", "lif")
class ProbeModel(PyLoihiProcessModel):
    """Counts non-zero messages."""

    a_in: PyInPort = _INTEGERS_IN

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._counts = proc_params["counts"]
        self._trains = proc_params["trains"]
        self._signals = proc_params["signals"]

    def run_spk(self) -> None:
        sent = self.a_in.recv()
        self._counts[self._signals] += np.count_nonzero(sent, axis=0)
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1][:, self._signals] = sent


class Recorder(Process):
    """Adds what it sees to shared memory; it is a probe and no part of the network.

    Args:
        counts: shared int64 [signals].
        trains: shared int8 [steps, lanes, signals].
        n_inputs: input signals.
    """

    members: ClassVar[Members] = {
        "inputs": "in, [lanes, n_inputs]; inputs: signals 0 .. n_inputs - 1.",
        "neurons": "in, [lanes, neurons]; neurons: the signals after them.",
    }

    def __init__(self, counts: NDArray[np.int64], trains: NDArray[Any], n_inputs: int) -> None:
        super().__init__(counts=counts, trains=trains, n_inputs=n_inputs)
        lanes = trains.shape[1]
        self.inputs = InPort(shape=(lanes, n_inputs))
        self.neurons = InPort(shape=(lanes, len(counts) - n_inputs))


@model_of(Recorder, "vectorised", "lif")
class RecorderModel(PyLoihiProcessModel):
    """Counts non-zero messages."""

    inputs: PyInPort = _INTEGERS_IN
    neurons: PyInPort = _INTEGERS_IN

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._counts = proc_params["counts"]
        self._trains = proc_params["trains"]

    def run_spk(self) -> None:
        fired = np.concatenate([self.inputs.recv(), self.neurons.recv()], axis=1) != 0
        self._counts += fired.sum(axis=0)
        if self.time_step <= len(self._trains):
            self._trains[self.time_step - 1] = fired


class Sequencer(Process):
    """Sends each pool the operands that the schedule names for this step, and keeps the results that come back.

    An operand must have been there for `handover` steps, and a result must come `depth` steps after its operands; else
    the run ends with an error.

    Args:
        schedule: what to do when.
        operations: the schedule written out.
    """

    members: ClassVar[Members] = {
        "v<i>_out": "out, [instances, 1 + bits of the operands] of pool i, strobe first.",
        "v<i>_in": "in, [instances, 1 + bits of the result] of pool i, strobe first.",
    }

    def __init__(self, schedule: Schedule, operations: Operations) -> None:
        memory = shared_array((operations.addresses,), np.uint64)
        there = shared_array((operations.addresses,), np.int64)
        super().__init__(schedule=schedule, operations=operations, memory=memory, there=there)
        self.memory = memory
        self.there = there
        for i, pool in enumerate(schedule.pools):
            network = pool.gates.network
            setattr(self, f"v{i}_out", OutPort(shape=(pool.instances, network.n_inputs)))
            setattr(self, f"v{i}_in", InPort(shape=(pool.instances, 1 + pool.gates.output.width)))


@model_of(Sequencer, "vectorised", "lif")
class SequencerModel(PyLoihiProcessModel, metaclass=SpikePortTypes):
    """Registers as an array of patterns; one address a result."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._schedule: Schedule = proc_params["schedule"]
        self._operations: Operations = proc_params["operations"]
        self._memory: NDArray[np.uint64] = proc_params["memory"]
        self._there: NDArray[np.int64] = proc_params["there"]
        pools = len(self._schedule.pools)
        keys = self._operations.step * pools + self._operations.pool
        steps = int(self._operations.step.max(initial=-1)) + 1
        self._bounds = np.searchsorted(keys, np.arange(steps * pools + 1))
        self._steps = steps

    def run_spk(self) -> None:
        """One time step; receives before it sends, networks the other way round."""
        step = (self.time_step - 1) % self._schedule.steps
        for i in range(len(self._schedule.pools)):
            self._keep(i, step, getattr(self, f"v{i}_in").recv())
        for i in range(len(self._schedule.pools)):
            getattr(self, f"v{i}_out").send(self._operand_spikes(i, step))

    def _issued(self, pool: int, step: int) -> slice:
        if not 0 <= step < self._steps:
            return slice(0, 0)
        key = step * len(self._schedule.pools) + pool
        return slice(int(self._bounds[key]), int(self._bounds[key + 1]))

    def _keep(self, pool: int, step: int, spikes: NDArray[Any]) -> None:
        circuit = self._schedule.pools[pool].gates
        issued = self._issued(pool, step - circuit.depth)
        lanes = self._operations.instance[issued]
        if not np.array_equal(np.flatnonzero(spikes[:, 0]), np.sort(lanes)):
            raise NexusError(f"results of '{circuit.label}' at step {step} are not those that the schedule expects")
        results = self._operations.result[issued]
        self._memory[results] = spikes_to_patterns(spikes[lanes, 1:], circuit.output.pattern_dtype)
        self._there[results] = step

    def _operand_spikes(self, pool: int, step: int) -> NDArray[np.int8]:
        one = self._schedule.pools[pool]
        spikes = np.zeros((one.instances, one.gates.network.n_inputs), np.int8)
        issued = self._issued(pool, step)
        lanes = self._operations.instance[issued]
        if not len(lanes):
            return spikes
        spikes[lanes, 0] = 1
        channel = 1
        for column, port in enumerate(one.gates.inputs):
            addresses = self._operations.operands[issued, column]
            late = self._there[addresses] + self._schedule.handover > step
            if late.any():
                raise NexusError(f"operand {port.name} of '{one.circuit.label}' at step {step} is not there yet")
            patterns = self._memory[addresses].astype(port.pattern_dtype)
            spikes[lanes, channel : channel + port.width] = patterns_to_spikes(patterns, port.width)
            channel += port.width
        return spikes
