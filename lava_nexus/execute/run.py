"""`run`: a circuit on arrays of numbers, or a program on patterns, by any executor; the table of executors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS, Count, Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.operands import check_number, common_shape, refuse_unknown
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.tallies import ProgramResult, Tally
from lava_nexus.formats.integer_format import exact_array
from lava_nexus.neurons import Port
from lava_nexus.programs.program import Program
from lava_nexus.shown import Shown

DEFAULT_EXECUTOR: Final = "bitsliced"
"""What runs where nothing else is said."""


@dataclass(frozen=True)
class ExecutorKind:
    """One row of the table of executors.

    Attributes:
        line: what it does, in one line.
        levels: what can evaluate a neuron in it.
        load: imports its class.
    """

    line: str
    levels: tuple[str, ...]
    load: Callable[[], type[Executor]]


def _bitsliced() -> type[Executor]:
    from lava_nexus.execute.cpu import BitslicedExecutor

    return BitslicedExecutor


def _cuda() -> type[Executor]:
    from lava_nexus.execute.cuda import CudaExecutor

    return CudaExecutor


def _reference_cuda() -> type[Executor]:
    from lava_nexus.execute.cuda.reference import CudaReference

    return CudaReference


def _membrane() -> type[Executor]:
    from lava_nexus.execute.membrane import MembraneExecutor

    return MembraneExecutor


def _lava() -> type[Executor]:
    from lava_nexus.execute.lava import LavaExecutor

    return LavaExecutor


def _loihi2() -> type[Executor]:
    from lava_nexus.execute.loihi2.executor import Loihi2Executor

    return Loihi2Executor


EXECUTORS: dict[str, ExecutorKind] = {
    "bitsliced": ExecutorKind(
        "every neuron by compiled word operations, 64 operand sets to a machine word, spikes counted exactly",
        (LEVELS["word"],),
        _bitsliced,
    ),
    "cuda": ExecutorKind(
        "every neuron by straight-line code on GPUs, 32 operand sets to a word, totals of spikes counted exactly "
        "(needs CuPy and CUDA)",
        (LEVELS["word"],),
        _cuda,
    ),
    "membrane": ExecutorKind(
        "every neuron's potential kept: leak, resets, noise, threshold spread, faults",
        (LEVELS["vectorised"],),
        _membrane,
    ),
    "lava": ExecutorKind(
        "Lava Processes on Lava's CPU simulator (needs lava-nc)",
        (LEVELS["vectorised"], LEVELS["neurons"], LEVELS["lif"], LEVELS["word"]),
        _lava,
    ),
    "loihi2": ExecutorKind(
        "LIF neurons placed core by core on a Loihi 2 chip (needs a chip and Intel's extension of Lava)",
        (LEVELS["chip"],),
        _loihi2,
    ),
    "reference": ExecutorKind(
        "the golden functions, without neurons: nothing to count but invocations",
        (LEVELS["reference"],),
        lambda: ReferenceExecutor,
    ),
    "reference_cuda": ExecutorKind(
        "the golden functions on GPUs, by plain float arithmetic and integer programs (needs CuPy and CUDA)",
        (LEVELS["reference"],),
        _reference_cuda,
    ),
}


def executors() -> dict[str, str]:
    """Names of the executors, each with one line on what it does and the levels at which it evaluates neurons.

    Example:
        >>> print(executors()["membrane"])
        every neuron's potential kept: leak, resets, noise, threshold spread, faults; level: vectorised neurons
    """
    return {name: f"{kind.line}; level: {', '.join(kind.levels)}" for name, kind in EXECUTORS.items()}


def executor(name: str = DEFAULT_EXECUTOR, **options: Any) -> Executor:
    """An executor to be used again and again; `tallies` adds up what it ran.

    Args:
        name: one of `executors()`.
        options: of the executor, for example `noise=0.2` of "membrane" or `threads=1` of "bitsliced".

    Raises:
        NexusError: there is none of that name, or it has no such option or value.

    Example:
        >>> membrane = executor("membrane", noise=0.2, seed=1)
        >>> run(circuit("add", FLOAT32), 1.5, 2.0, executor=membrane).executor
        'membrane'
    """
    return executor_named(name, **options)


def executor_named(name: str | Executor, count: Any = True, **options: Any) -> Executor:
    """A fresh executor; an executor stays what it is.

    Args:
        name: of the executor, or one that is made.
        count: whether spikes are counted, where the executor can leave it; "sample" where it can count some.
        options: of the executor.

    Raises:
        NexusError: there is none of that name, it has no such option or value, or options are given to one that is
            made already.
    """
    if isinstance(name, Executor):
        if options:
            raise NexusError(
                f"executor '{name.name}' is made already; give its options ({', '.join(options)}) where it is made"
            )
        return name
    if not isinstance(name, str) or name not in EXECUTORS:
        raise NexusError(f"executor {name!r} does not exist; choose one of {', '.join(EXECUTORS)}")
    kind = EXECUTORS[name].load()
    known = kind.options()
    refuse_unknown(name, options, known)
    if count == "sample" and "fraction" not in known:
        raise NexusError(f"executor '{name}' counts every spike or none, not a sample; choose one of bitsliced, cuda")
    return kind(**({"count": count} if "count" in known else {}), **options)


@dataclass(frozen=True, repr=False)
class Result(Shown):
    """What a run of one circuit gave.

    Attributes:
        value: the results, in the shape of the broadcast operands and the dtype of the circuit's output.
        tally: what was counted, with the circuit as it ran: neurons, synapses, invocations, spikes, active updates.
        executor: its name.
        level: what evaluated a neuron: "reference", "word logic", "vectorised neurons", "LIF" or "LIF on Loihi 2".
        measured_joules: of the chip, by its energy probe; None where nothing was measured.
    """

    value: NDArray[Any]
    tally: Tally
    executor: str
    level: str
    measured_joules: float | None = None

    def _facts(self) -> tuple[str, dict[str, Any]]:
        value = " ".join(np.array2string(self.value, threshold=8, edgeitems=3).split())
        counted = {"spikes": self.spikes, "SynOps": self.synops, "invocations": self.tally.invocations}
        ran = {"executor": self.executor, "level": self.level}
        return self.tally.circuit.label, {"value": value, **ran, **counted}

    @property
    def spikes(self) -> int | None:
        """Spikes of neurons, inputs and strobe left out; an `Estimate` of a sample, None where not counted."""
        return self.tally.spikes

    @property
    def synops(self) -> int | None:
        """Spikes times the synapses that they reach, inputs and strobe included; likewise."""
        return self.tally.synops

    @property
    def neuron_spikes(self) -> NDArray[np.int64] | None:
        """int64 [neurons], spikes of each neuron; None where not counted, or in sum."""
        counted = self.tally.signal_spikes
        return None if counted is None else counted[self.tally.circuit.network.n_inputs :]


@overload
def run(
    subject: Circuit, *operands: ArrayLike, executor: str | Executor = ..., count: Count = ..., **options: Any
) -> Result: ...
@overload
def run(
    subject: Program,
    *operands: Mapping[str, NDArray[Any]],
    executor: str | Executor = ...,
    count: Count = ...,
    **options: Any,
) -> ProgramResult: ...
def run(
    subject: Circuit | Program,
    *operands: Any,
    executor: str | Executor = DEFAULT_EXECUTOR,
    count: Count = True,
    **options: Any,
) -> Result | ProgramResult:
    """Runs a circuit on operands of any one shape (or shapes that broadcast), or a program on its inputs.

    Args:
        subject: from `lava_nexus.circuit`, or a program.
        operands: of a circuit one array a port, of values that the port's format holds exactly; of a program one
            mapping of patterns [batch, *input shape] by input name.
        executor: a name of `executors()`, or what `executor` made; the result tells of this run alone.
        count: whether spikes are counted, where the executor can leave it; "sample" counts those of a `fraction` of the
            operand sets, and totals are `Estimate`s with their standard errors.
        options: of an executor that is named, for example `threads=1` or `level="lif"`.

    Raises:
        NexusError: the wrong number of operands, shapes that do not broadcast, values that would have to be rounded,
            an executor or an option that does not exist.

    Example:
        >>> run(circuit("add", FLOAT32), [1.5, 2.0], 0.25).value
        array([1.75, 2.25], dtype=float32)
    """
    if isinstance(subject, Program):
        if len(operands) != 1 or not isinstance(operands[0], Mapping):
            raise NexusError(f"program '{subject.name}' takes one mapping of patterns by input name")
        return run_program(subject, operands[0], executor_named(executor, count, **options))
    if not isinstance(subject, Circuit):
        raise NexusError(f"run takes a circuit or a program, not {type(subject).__name__}")
    check_number(subject, operands)
    patterns = [_patterns(subject, operand, port) for operand, port in zip(operands, subject.inputs, strict=True)]
    common_shape(subject, patterns)
    engine = executor_named(executor, count, **options)
    joules = engine.measured_joules
    with engine.apart() as tallies:
        out = engine.invoke(subject, patterns)
    (tally,) = tallies
    out_format = subject.output.format
    return Result(
        value=out_format.from_patterns(out) if out_format is not None else out,
        tally=tally if count else replace(tally, signal_spikes=None, active=None),
        executor=engine.name,
        level=engine.level,
        measured_joules=_since(joules, engine.measured_joules),
    )


def _since(before: float | None, after: float | None) -> float | None:
    return after if before is None or after is None else after - before


def measured_notes(joules: float | None) -> tuple[str, ...]:
    """What a report says of measured energy: nothing where nothing was measured."""
    return () if joules is None else (f"Measured by the chip's energy probe: {joules:.6g} J.",)


def _patterns(circuit: Circuit, operand: ArrayLike, port: Port) -> NDArray[Any]:
    array = exact_array(f"operand {port.name} of circuit '{circuit.label}'", operand)
    return array.astype(port.pattern_dtype) if port.format is None else port.format.to_patterns(array)
