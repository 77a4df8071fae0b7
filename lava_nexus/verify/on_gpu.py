"""Neurons held against their golden function on a GPU: operands are made there, and neither's results leave it.

The golden function is plain IEEE arithmetic or the recorded integer program (`execute.cuda.plain`), else the host's.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from lava_nexus.circuits import Circuit
from lava_nexus.disk_cache import source_digest
from lava_nexus.execute.cuda import CudaExecutor, device, golden, plain, reference
from lava_nexus.execute.cuda.device import fetched
from lava_nexus.verify.correct import MOST_EXAMPLES, Example, Outcome
from lava_nexus.verify.sets import OperandSets

_one_at_a_time = Lock()
"""Chunks of several threads would take the memory of several."""


def gates_against_golden(circuit: Circuit, sets: OperandSets, number: int) -> Outcome:
    """What is found on one chunk of the operand sets; any thread.

    Raises:
        NexusError: CuPy is not installed, or finds no GPU.
    """
    drawn = None if sets.whole else sets.take(number)  # the host draws, meanwhile others run
    neurons, right = executors()
    xp = device.cupy()
    with _one_at_a_time, xp.cuda.Device(neurons.devices[0]):
        operands = sets.take(number, xp) if drawn is None else [xp.asarray(one) for one in drawn]
        answered, expected = (xp.asarray(one.invoke(circuit, operands)) for one in (neurons, right))
        wrong = xp.flatnonzero(answered != expected)
        first = [fetched(one[wrong[:MOST_EXAMPLES]]).tolist() for one in (*operands, answered, expected)]
    examples = [Example(tuple(row[:-2]), *row[-2:]) for row in zip(*first, strict=True)]
    return Outcome(len(operands[0]), len(wrong), examples)


def answered(circuit: Circuit, operands: list[Any]) -> Any:
    """What the neurons answer to operands of the host."""
    with _one_at_a_time:
        return executors()[0].invoke(circuit, operands)


@cache
def executors() -> tuple[CudaExecutor, reference.CudaReference]:
    """What evaluates neurons and golden functions in this process, made once.

    Raises:
        NexusError: CuPy is not installed, or finds no GPU.
    """
    return CudaExecutor(count=False), reference.CudaReference()


@cache
def sources() -> str:
    """SHA-256 of the sources of golden functions on GPUs."""
    files = [str(Path(module.__file__)) for module in (golden, plain, reference) if module.__file__]
    return source_digest(*files)
