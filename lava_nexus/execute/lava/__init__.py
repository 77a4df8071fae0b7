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
from lava_nexus.execute.lava.processes.decoder.process import Decoder
from lava_nexus.execute.lava.processes.encoder.process import Encoder
from lava_nexus.execute.lava.processes.gates.process import And, FullAdder, Majority, Mux, Not, Or, Xor
from lava_nexus.execute.lava.processes.if_population.process import IFPopulation
from lava_nexus.execute.lava.processes.network.process import Network
from lava_nexus.execute.lava.program import LavaProgramResult, run_on_lava
from lava_nexus.execute.lava.run_config import Level, LevelRunConfig
from lava_nexus.execute.lava.runner import Session, run
from lava_nexus.execute.lava.stream import Stream, Timing
from lava_nexus.execute.lava.timing import latency, time_steps

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
