"""How often each signal of a circuit fires in a real run: what `lava_nexus.chip` needs to place it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.tallies import Tally
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import Port


def measured_spikes(circuit: Circuit, sets: int, seed: int = 0, executor: Executor | None = None) -> NDArray[np.int64]:
    """int64 [signals]: spikes over `sets` operand sets, N(0, 1) where a port has a float format, else random bits.

    Every executor that counts gives the same; the membrane executor, taken where there is none, starts at once.
    """
    return np.asarray(measured_tally(circuit, sets, seed, executor).signal_spikes, np.int64)


def measured_tally(circuit: Circuit, sets: int, seed: int = 0, executor: Executor | None = None) -> Tally:
    """All counts of the run of `measured_spikes`, active updates among them where the executor counts those."""
    engine = MembraneExecutor() if executor is None else executor
    rng = np.random.default_rng(seed)
    engine.invoke(circuit, [_operand(port, sets, rng) for port in circuit.inputs])
    tally: Tally = next(iter(engine.tallies))
    return tally


def _operand(port: Port, sets: int, rng: np.random.Generator) -> NDArray[Any]:
    fmt, width, dtype = port.format, port.width, port.pattern_dtype
    if isinstance(fmt, FloatFormat):
        return fmt.to_patterns(rng.standard_normal(sets).astype(np.float32).astype(fmt.dtype)).astype(dtype)
    return (rng.integers(0, 2**63, sets, dtype=np.uint64) & np.uint64(2**width - 1)).astype(dtype)
