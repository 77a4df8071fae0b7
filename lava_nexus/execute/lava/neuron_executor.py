"""What evaluates the neurons inside an operator Process."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.programs.program import Program

NeuronLevel = Literal["word logic", "vectorised neurons"]


def check_level(level: str) -> None:
    """Raises NexusError where there is no such level."""
    if level not in get_args(NeuronLevel):
        raise NexusError(f"level '{level}' of an operator Process is not one of {', '.join(get_args(NeuronLevel))}")


def neuron_executor(level: NeuronLevel, threads: int | None = None) -> Executor:
    """A fresh executor of that level; `threads` as the executors take it."""
    return BitslicedExecutor(threads=threads) if level == "word logic" else MembraneExecutor(threads=threads)


def prepare(program: Program, level: NeuronLevel) -> None:
    """Compiles and lowers all that the program's circuits need, so that forked children find it done."""
    executor = neuron_executor(level, threads=1)  # no thread is left when Lava forks
    for circuit in {circuit.digest: circuit for _, circuit, _ in program.invocations()}.values():
        executor.invoke(circuit, [np.zeros(1, port.pattern_dtype) for port in circuit.inputs])
