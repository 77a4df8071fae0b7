"""`run`: one circuit on arrays of numbers, by any executor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tally
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.neurons import Port


@dataclass(frozen=True)
class Result:
    """What a run of one circuit gave.

    Attributes:
        value: the results, in the shape of the broadcast operands and the dtype of the circuit's output.
        spikes: spikes of neurons, inputs and strobe left out; None where not counted.
        synops: spikes times the synapses that they reach, inputs and strobe included; None where not counted.
        neuron_spikes: int64 [neurons], spikes of each neuron; None where not counted.
        executor: its name.
        level: what evaluated a neuron: "reference", "word logic", "vectorised neurons", "LIF" or "LIF on Loihi 2".
        measured_joules: of the chip, by its energy probe; None where nothing was measured.
    """

    value: NDArray[Any]
    spikes: int | None
    synops: int | None
    neuron_spikes: NDArray[np.int64] | None
    executor: str
    level: str
    measured_joules: float | None = None


def _bitsliced(count: bool, **options: Any) -> Executor:
    from lava_nexus.execute.cpu import BitslicedExecutor

    return BitslicedExecutor(count=count, **options)


def _membrane(count: bool, **options: Any) -> Executor:
    from lava_nexus.execute.membrane import MembraneExecutor

    return MembraneExecutor(**options)


def _lava(count: bool, **options: Any) -> Executor:
    from lava_nexus.execute.lava import LavaExecutor

    return LavaExecutor(**options)


def _loihi2(count: bool, **options: Any) -> Executor:
    # A floor above this one: it places circuits on cores before it runs them.
    made: Executor = import_module("lava_nexus.execute.loihi2.executor").Loihi2Executor(count=count, **options)
    return made


def _reference(count: bool, **options: Any) -> Executor:
    return ReferenceExecutor(**options)


EXECUTORS: dict[str, Callable[..., Executor]] = {
    "bitsliced": _bitsliced,
    "membrane": _membrane,
    "lava": _lava,
    "loihi2": _loihi2,
    "reference": _reference,
}


def executor_named(name: str, count: bool = True, **options: Any) -> Executor:
    """A fresh executor.

    Raises:
        NexusError: there is none of that name, or it has no such option.
    """
    if name not in EXECUTORS:
        raise NexusError(f"executor '{name}' does not exist; choose one of {', '.join(EXECUTORS)}")
    try:
        return EXECUTORS[name](count, **options)
    except TypeError as error:
        raise NexusError(f"executor '{name}' does not take these options: {error}") from None


def run(
    circuit: Circuit, *operands: ArrayLike, executor: str = "bitsliced", count: bool = True, **options: Any
) -> Result:
    """Runs a circuit on operands of any one shape (or shapes that broadcast).

    Args:
        circuit: from `lava_nexus.circuit`.
        operands: one array a port, of values that the port's format holds exactly.
        executor: "bitsliced", "membrane", "lava", "loihi2" or "reference".
        count: whether spikes are counted, where the executor can leave it.
        options: of the executor, for example `threads=1` or `level="lif"`.

    Raises:
        NexusError: the wrong number of operands, shapes that do not broadcast, values that would have to be rounded.
    """
    if len(operands) != len(circuit.inputs):
        raise NexusError(f"circuit '{circuit.label}' takes {len(circuit.inputs)} operands, not {len(operands)}")
    patterns = [_patterns(operand, port) for operand, port in zip(operands, circuit.inputs, strict=True)]
    try:
        shape = np.broadcast_shapes(*(p.shape for p in patterns))
    except ValueError:
        raise NexusError(
            f"operands of circuit '{circuit.label}' have shapes {[p.shape for p in patterns]}, which do not broadcast"
        ) from None
    engine = executor_named(executor, count, **options)
    out = engine.invoke(circuit, [np.ascontiguousarray(np.broadcast_to(p, shape)) for p in patterns])
    tally = next(iter(engine.tallies), Tally(circuit))
    out_format = circuit.output.format
    value = out_format.from_patterns(out) if out_format is not None else out
    counted = count and tally.signal_spikes is not None
    return Result(
        value=value.reshape(shape),
        spikes=tally.spikes if counted else None,
        synops=tally.synops if counted else None,
        neuron_spikes=tally.signal_spikes[circuit.network.n_inputs :]
        if counted and tally.signal_spikes is not None
        else None,
        executor=engine.name,
        level=engine.level,
        measured_joules=engine.measured_joules,
    )


def measured_notes(joules: float | None) -> tuple[str, ...]:
    """What a report says of measured energy: nothing where nothing was measured."""
    return () if joules is None else (f"Measured by the chip's energy probe: {joules:.6g} J.",)


def _patterns(operand: ArrayLike, port: Port) -> NDArray[Any]:
    if port.format is not None:
        return port.format.to_patterns(operand)
    return np.asarray(operand).astype(port.pattern_dtype)
