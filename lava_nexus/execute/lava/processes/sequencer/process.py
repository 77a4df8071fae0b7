"""Process that stands for registers, operand selectors and sequencer around pools of circuits."""

from __future__ import annotations

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort

from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.programs.schedule import Operations, Schedule

NEVER = np.iinfo(np.int64).max // 2


class Sequencer(Process):
    """Sends each pool the operands that the schedule names for this step, and keeps the results that come back.

    An operand must have been there for `handover` steps, and a result must come `depth` steps after its operands; else
    the run ends with an error.

    Ports:
        v<i>_out: [instances, 1 + bits of the operands] of pool i, strobe first.
        v<i>_in: [instances, 1 + bits of the result] of pool i, strobe first.

    Args:
        schedule: what to do when.
        operations: the schedule written out.
    """

    def __init__(self, schedule: Schedule, operations: Operations) -> None:
        memory = shared_array((operations.addresses,), np.uint64)
        there = shared_array((operations.addresses,), np.int64)
        super().__init__(schedule=schedule, operations=operations, memory=memory, there=there)
        self.memory = memory
        self.there = there
        for i, pool in enumerate(schedule.pools):
            network = pool.circuit.network
            setattr(self, f"v{i}_out", OutPort(shape=(pool.instances, network.n_inputs)))
            setattr(self, f"v{i}_in", InPort(shape=(pool.instances, 1 + pool.circuit.output.width)))
