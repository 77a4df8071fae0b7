"""CPU model of `Sequencer`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.processes.sequencer.process import Sequencer
from lava_nexus.execute.lava.spike_ports import SpikePortTypes
from lava_nexus.formats import patterns_to_spikes, spikes_to_patterns
from lava_nexus.programs.schedule import Operations, Schedule


@implements(proc=Sequencer, protocol=LoihiProtocol)
@requires(CPU)
@tag("vectorised", "lif")
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
        circuit = self._schedule.pools[pool].circuit
        issued = self._issued(pool, step - circuit.depth)
        lanes = self._operations.instance[issued]
        if not np.array_equal(np.flatnonzero(spikes[:, 0]), np.sort(lanes)):
            raise NexusError(f"results of '{circuit.label}' at step {step} are not those that the schedule expects")
        results = self._operations.result[issued]
        self._memory[results] = spikes_to_patterns(spikes[lanes, 1:], circuit.output.pattern_dtype)
        self._there[results] = step

    def _operand_spikes(self, pool: int, step: int) -> NDArray[np.int8]:
        one = self._schedule.pools[pool]
        spikes = np.zeros((one.instances, one.circuit.network.n_inputs), np.int8)
        issued = self._issued(pool, step)
        lanes = self._operations.instance[issued]
        if not len(lanes):
            return spikes
        spikes[lanes, 0] = 1
        channel = 1
        for column, port in enumerate(one.circuit.inputs):
            addresses = self._operations.operands[issued, column]
            late = self._there[addresses] + self._schedule.handover > step
            if late.any():
                raise NexusError(f"operand {port.name} of '{one.circuit.label}' at step {step} is not there yet")
            patterns = self._memory[addresses].astype(port.pattern_dtype)
            spikes[lanes, channel : channel + port.width] = patterns_to_spikes(patterns, port.width)
            channel += port.width
        return spikes
