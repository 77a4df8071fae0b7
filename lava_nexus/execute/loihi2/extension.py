"""Intel's closed extension of Lava for Loihi 2: the one place that asks for it and imports from it.

Its names are those that public code uses: the adapters `PyToNxAdapter` and `NxToPyAdapter` (ports `inp` and `out`)
between host and chip, the run configuration `Loihi2HwCfg`, and `Profiler.init(run_cfg)`, whose
`energy_probe(num_steps)` is set before the run and whose `energy` (joules) is read after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lava.magma.core import run_configs
from lava.utils import loihi

from lava_nexus.errors import NexusError

MISSING = (
    "executor 'loihi2' needs a Loihi 2 system and Intel's extension of Lava for it (lava.utils.loihi2_profiler), "
    "which is not installed; Intel gives both to members of its Neuromorphic Research Community (INRC)"
)


@dataclass(frozen=True)
class Extension:
    """What is taken from the extension.

    Attributes:
        to_chip: shape to the Process that carries spikes from the host (`inp`) to the chip (`out`).
        from_chip: shape to the Process that carries them back.
        run_config: makes the run configuration of the chip.
        profiler: run configuration to its profiler.
    """

    to_chip: Callable[[tuple[int, ...]], Any]
    from_chip: Callable[[tuple[int, ...]], Any]
    run_config: Callable[[], Any]
    profiler: Callable[[Any], Any]


def extension() -> Extension:
    """The installed extension.

    Raises:
        NexusError: there is none, or it lacks one of the names.
    """
    if not loihi.is_installed():
        raise NexusError(MISSING)
    try:
        from lava.proc.embedded_io.spike import NxToPyAdapter, PyToNxAdapter
        from lava.utils.profiler import Profiler
    except ImportError as error:
        raise NexusError(f"Intel's extension of Lava for Loihi 2 is installed, but lacks a part: {error}") from error
    return Extension(
        to_chip=lambda shape: PyToNxAdapter(shape=shape),
        from_chip=lambda shape: NxToPyAdapter(shape=shape),
        run_config=run_configs.Loihi2HwCfg,  # the profiler knows this very class and no subclass
        profiler=Profiler.init,
    )
