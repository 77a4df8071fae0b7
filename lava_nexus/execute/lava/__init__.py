"""The Lava executor: circuits as Lava Processes, on Lava's CPU simulator. The only package that imports Lava."""

import multiprocessing

from lava_nexus.errors import NexusError

if multiprocessing.get_start_method(allow_none=True) == "fork":
    multiprocessing.set_start_method(None, force=True)  # Lava sets it itself and fails where it is set, to fork even
try:
    import lava.magma.core.process.process  # noqa: F401 - also sets multiprocessing's start method, to fork
except ImportError as error:
    raise NexusError("executor 'lava' needs the package lava-nc, which runs on Python 3.10 only") from error
except RuntimeError as error:
    raise NexusError("executor 'lava' needs multiprocessing's start method fork, but another is set") from error

from lava_nexus.execute.lava.executor import LavaExecutor, spike_trains
from lava_nexus.execute.lava.processes.coding import Decoder, Encoder
from lava_nexus.execute.lava.processes.gates import And, FullAdder, Majority, Mux, Not, Or, Xor
from lava_nexus.execute.lava.processes.if_population import IFPopulation
from lava_nexus.execute.lava.processes.network import Network
from lava_nexus.execute.lava.program import LavaProgramResult, run_on_lava
from lava_nexus.execute.lava.session import LevelRunConfig, Session, run
from lava_nexus.execute.lava.stream import Stream, Timing
from lava_nexus.execute.lava.waves import Level, latency, time_steps

__all__ = [
    "And",
    "Decoder",
    "Encoder",
    "FullAdder",
    "IFPopulation",
    "LavaExecutor",
    "LavaProgramResult",
    "Level",
    "LevelRunConfig",
    "Majority",
    "Mux",
    "Network",
    "Not",
    "Or",
    "Session",
    "Stream",
    "Timing",
    "Xor",
    "latency",
    "run",
    "run_on_lava",
    "spike_trains",
    "time_steps",
]
