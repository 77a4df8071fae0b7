"""`place`: a circuit or a program onto a chip, with the spikes of a real run.

The placement itself is `lava_nexus.chip`'s; what it needs of a run is counted here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import Chip, load_chip
from lava_nexus.chip.mapper import place_program
from lava_nexus.chip.place import place_circuit
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.workload import Strategy, Workload
from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import Port
from lava_nexus.programs.program import Program


@overload
def place(
    subject: Circuit, chip: str | Path | Chip = ..., *, max_delay: int | None = ..., chips: int | None = ...,
    seed: int = ..., sets: int = ...,
) -> Placement: ...  # fmt: skip
@overload
def place(
    subject: Program | Workload, chip: str | Path | Chip = ..., *, strategy: Strategy | str | None = ...,
    max_delay: int | None = ..., seed: int = ..., sets: int = ...,
) -> ProgramPlacement: ...  # fmt: skip
def place(
    subject: Circuit | Program | Workload,
    chip: str | Path | Chip = "loihi2",
    *,
    strategy: Strategy | str | None = None,
    max_delay: int | None = None,
    chips: int | None = None,
    seed: int = 0,
    sets: int = 256,
) -> Placement | ProgramPlacement:
    """Where every neuron lives: under all limits of a core, with few spikes between cores and few hops.

    Args:
        subject: a circuit; or a program, or the programs of a token, whose circuits are instantiated by a strategy.
        chip: name of a chip, a YAML file, or a `Chip`.
        strategy: of a program: "unrolled" (the default), "folded: k" or "fit: chips=n".
        max_delay: largest synaptic delay; None takes the one that needs fewest cores. Delay memory is shared by the
            neurons of a core, so that longer delays leave room for fewer neurons and shorter ones cost relays.
        chips: of a circuit: most chips it may use; None for as many as it needs.
        seed: of the partition and of the operands.
        sets: operand sets that the spikes are counted on.

    Raises:
        NexusError: what is asked for does not fit: the limit, by how much, and the smallest change that would fit; or
            the subject is nothing that can be placed.
    """
    described = load_chip(chip)
    if sets < 1:
        raise NexusError(f"placement with spikes counted on {sets} operand sets is below 1")
    if isinstance(subject, Circuit):
        if strategy is not None:
            raise NexusError(f"circuit '{subject.label}' has no strategy: it is placed once")
        return place_circuit(
            subject, described, measured_spikes, max_delay=max_delay, chips=chips, seed=seed, sets=sets
        )
    if not isinstance(subject, Program | Workload):
        raise _nothing_to_place(subject)
    if chips is not None:
        raise NexusError(f"program '{subject.name}' takes its chips by strategy='fit: chips={chips}'")
    return place_program(
        subject, described, measured_spikes, strategy or "unrolled", max_delay=max_delay, seed=seed, sets=sets
    )


def _nothing_to_place(subject: object) -> NexusError:
    if isinstance(subject, str):
        return NexusError(
            f"place takes a circuit, not the name '{subject}': give lava_nexus.circuit('{subject}', a format), for "
            "example of lava_nexus.FLOAT32"
        )
    return NexusError(f"place takes a circuit, a program or a token's programs, not {type(subject).__name__}")


def measured_spikes(circuit: Circuit, sets: int, seed: int = 0, executor: Executor | None = None) -> NDArray[np.int64]:
    """int64 [signals]: spikes over `sets` operand sets, N(0, 1) where a port has a float format, else random bits.

    Every executor that counts gives the same; the membrane executor, taken where there is none, starts at once.
    """
    engine = MembraneExecutor() if executor is None else executor
    rng = np.random.default_rng(seed)
    engine.invoke(circuit, [_operand(port, sets, rng) for port in circuit.inputs])
    tally = next(iter(engine.tallies))
    return np.asarray(tally.signal_spikes, np.int64)


def _operand(port: Port, sets: int, rng: np.random.Generator) -> NDArray[Any]:
    fmt, width, dtype = port.format, port.width, port.pattern_dtype
    if isinstance(fmt, FloatFormat):
        return fmt.to_patterns(rng.standard_normal(sets).astype(np.float32).astype(fmt.dtype)).astype(dtype)
    return (rng.integers(0, 2**63, sets, dtype=np.uint64) & np.uint64(2**width - 1)).astype(dtype)
