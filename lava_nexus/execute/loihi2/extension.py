"""Intel's closed extension of Lava for Loihi 2: the one place that asks for it and imports from it.

Its names are those that public code uses:

- the adapters `PyToNxAdapter` and `NxToPyAdapter` (ports `inp` and `out`) between host and chip;
- the run configuration `Loihi2HwCfg(callback_fxs=[...])`;
- `Profiler.init(run_cfg)`: `energy_probe(num_steps)` and `execution_time_probe(num_steps)` are set before the run,
  `energy` and `static_energy` (joules) and `execution_time` (seconds of each step) are read after it;
- the callbacks `Loihi2Activity` (`syn_ops`, `dendrite_updates`, `spikes_in`, `axon_out` by core) and `Loihi2Memory`
  (`total_mpds` by core).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from lava.magma.core import run_configs
from lava.utils import loihi
from numpy.typing import NDArray

from lava_nexus.errors import NexusError

MISSING = (
    "executor 'loihi2' needs a Loihi 2 system and Intel's extension of Lava for it (lava.utils.loihi2_profiler), "
    "which is not installed; Intel gives both to members of its Neuromorphic Research Community (INRC)"
)
ProbeName = Literal["energy", "time", "activity", "memory"]


@dataclass(frozen=True)
class Extension:
    """What is taken from the extension.

    Attributes:
        to_chip: shape and bits of a message (0 for spikes) to the Process that carries from the host (`inp`) to the
            chip (`out`).
        from_chip: shape and bits of a message to the Process that carries spikes back.
        run_config: makes the run configuration of the chip, with callbacks.
        profiler: run configuration to its profiler.
        activity, memory: make the callbacks that read a core's counters, and the memory that it uses.
    """

    to_chip: Callable[[tuple[int, ...], int], Any]
    from_chip: Callable[[tuple[int, ...], int], Any]
    run_config: Callable[[Sequence[Any]], Any]
    profiler: Callable[[Any], Any]
    activity: Callable[[], Any]
    memory: Callable[[], Any]


@dataclass(frozen=True)
class Measured:
    """What the probes of a run gave; None where one was not asked for.

    Attributes:
        joules: of the whole run, as the profiler counts the board.
        static_joules: of them those that the board draws whatever it does.
        seconds: float64 [steps]; of each time step.
        synops, updates, spikes_in, spikes_out: of all cores, by their own counters.
        memory: int64 [cores]; what each core uses of its memory, in the extension's units.
    """

    joules: float | None = None
    static_joules: float | None = None
    seconds: NDArray[np.float64] | None = None
    synops: int | None = None
    updates: int | None = None
    spikes_in: int | None = None
    spikes_out: int | None = None
    memory: NDArray[np.int64] | None = None


class Probes:
    """The probes of one run: made before the graph is compiled, read when it has ended.

    Probes of time distort power, so that `energy` and `time` belong to runs of their own.

    Args:
        extension: Intel's.
        names: which ones.
        steps: time steps of the run.

    Raises:
        NexusError: there is no probe of a name, or `energy` and `time` are asked of one run.
    """

    def __init__(self, extension: Extension, names: Sequence[ProbeName], steps: int) -> None:
        for name in names:
            if name not in get_args(ProbeName):
                raise NexusError(f"probe '{name}' is not one of {', '.join(get_args(ProbeName))}")
        if {"energy", "time"} <= set(names):
            raise NexusError("probes 'energy' and 'time' of one run disturb each other; measure them in two runs")
        self._names = names
        self._activity = extension.activity() if "activity" in names else None
        self._memory = extension.memory() if "memory" in names else None
        self.run_config = extension.run_config([one for one in (self._activity, self._memory) if one is not None])
        profiled = bool({"energy", "time"} & set(names))
        self._profiler: Any = cast(Any, extension.profiler(self.run_config) if profiled else None)
        if "energy" in names:
            self._profiler.energy_probe(num_steps=steps)
        if "time" in names:
            self._profiler.execution_time_probe(num_steps=steps)

    def read(self) -> Measured:
        """What they gave."""
        found: dict[str, Any] = {}
        if "energy" in self._names:
            found = {"joules": float(self._profiler.energy), "static_joules": float(self._profiler.static_energy)}
        if "time" in self._names:
            found["seconds"] = np.asarray(self._profiler.execution_time, np.float64).ravel()
        if self._activity is not None:
            counters = {"synops": "syn_ops", "updates": "dendrite_updates"}
            counters |= {"spikes_in": "spikes_in", "spikes_out": "axon_out"}
            found |= {ours: int(np.sum(getattr(self._activity, theirs))) for ours, theirs in counters.items()}
        if self._memory is not None:
            found["memory"] = np.asarray(self._memory.total_mpds, np.int64).ravel()
        return Measured(**found)


def extension() -> Extension:
    """The installed extension.

    Raises:
        NexusError: there is none, or it lacks one of the names.
    """
    if not loihi.is_installed():
        raise NexusError(MISSING)
    try:
        from lava.proc.embedded_io.spike import NxToPyAdapter, PyToNxAdapter
        from lava.utils.loihi2_profiler import Loihi2Activity, Loihi2Memory
        from lava.utils.profiler import Profiler
    except ImportError as error:
        raise NexusError(f"Intel's extension of Lava for Loihi 2 is installed, but lacks a part: {error}") from error
    return Extension(
        to_chip=lambda shape, bits: PyToNxAdapter(shape=shape, **({"num_message_bits": bits} if bits else {})),
        from_chip=lambda shape, bits: NxToPyAdapter(shape=shape, **({"num_message_bits": bits} if bits else {})),
        # The profiler knows this very class and no subclass.
        run_config=lambda callbacks: run_configs.Loihi2HwCfg(**({"callback_fxs": [*callbacks]} if callbacks else {})),
        profiler=Profiler.init,
        activity=Loihi2Activity,
        memory=Loihi2Memory,
    )
