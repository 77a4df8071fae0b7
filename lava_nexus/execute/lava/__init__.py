"""The Lava executor: circuits as Lava Processes, on Lava's CPU simulator. The only package that imports Lava."""

import multiprocessing

from lava_nexus.errors import NexusError

if multiprocessing.get_start_method(allow_none=True) == "fork":
    multiprocessing.set_start_method(None, force=True)  # Lava sets it itself and fails where it is set, to fork even
try:
    import lava.magma.core.process.process  # noqa: F401 - also sets multiprocessing's start method, to fork
except ImportError as error:
    raise NexusError(
        "executor 'lava' needs the package lava-nc, on Python 3.10: pip install 'lava-nexus[lava]'"
    ) from error
except RuntimeError as error:
    raise NexusError("executor 'lava' needs multiprocessing's start method fork, but another is set") from error

from lava_nexus.execute.lava.cores import Stream as Stream
from lava_nexus.execute.lava.cores import Timing as Timing
from lava_nexus.execute.lava.executor import LavaExecutor as LavaExecutor
from lava_nexus.execute.lava.executor import spike_trains as spike_trains
from lava_nexus.execute.lava.lif import Level as Level
from lava_nexus.execute.lava.lif import latency as latency
from lava_nexus.execute.lava.lif import time_steps as time_steps
from lava_nexus.execute.lava.processes.coding import Decoder as Decoder
from lava_nexus.execute.lava.processes.coding import Encoder as Encoder
from lava_nexus.execute.lava.processes.gates import And as And
from lava_nexus.execute.lava.processes.gates import FullAdder as FullAdder
from lava_nexus.execute.lava.processes.gates import Majority as Majority
from lava_nexus.execute.lava.processes.gates import Mux as Mux
from lava_nexus.execute.lava.processes.gates import Not as Not
from lava_nexus.execute.lava.processes.gates import Or as Or
from lava_nexus.execute.lava.processes.gates import Xor as Xor
from lava_nexus.execute.lava.processes.if_population import IFPopulation as IFPopulation
from lava_nexus.execute.lava.processes.monitor import Monitor as Monitor
from lava_nexus.execute.lava.processes.native_linear import NativeLinear as NativeLinear
from lava_nexus.execute.lava.processes.network import Network as Network
from lava_nexus.execute.lava.processes.populations import Populations as Populations
from lava_nexus.execute.lava.processes.spike_encoder import SpikeEncoder as SpikeEncoder
from lava_nexus.execute.lava.processes.stateful import StatefulNeurons as StatefulNeurons
from lava_nexus.execute.lava.program import LavaProgramResult as LavaProgramResult
from lava_nexus.execute.lava.program import run_on_lava as run_on_lava
from lava_nexus.execute.lava.session import LevelRunConfig as LevelRunConfig
from lava_nexus.execute.lava.session import Session as Session
from lava_nexus.execute.lava.session import run as run
