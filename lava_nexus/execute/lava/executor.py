"""The executor that runs circuits as Lava Processes on Lava's CPU simulator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tally, operator_patterns
from lava_nexus.execute.lava.population_run import run_process
from lava_nexus.execute.lava.processes.populations import Populations
from lava_nexus.execute.lava.stream import Stream, Timing
from lava_nexus.execute.lava.waves import Level, time_steps
from lava_nexus.neurons import MEMORYLESS, NeuronModel
from lava_nexus.populations import Operator

_LEVELS: dict[Level, str] = {"vectorised": "vectorised neurons", "lif": "LIF"}
_LANES: dict[Level, int] = {"vectorised": 512, "lif": 1}
_CAPACITY = 1 << 16
_STREAMS_KEPT = 4


class LavaExecutor(Executor):
    """Streams operand sets through one `Network` Process a circuit; a context manager.

    The Processes of the circuits used last stay alive for the next invocation, because starting them takes about
    half a second; `close` ends them, as does dropping the executor or the end of the program.

    Args:
        level: "vectorised" (all neurons in one CPU model) or "lif" (Lava's own LIF and DelaySparse, fixed point).
        lanes: operand sets a time step, each on a copy of the network; 512 or, for "lif", 1 if not given.
        timeout: seconds that starting a circuit, or one run of up to 65,536 operand sets, may take.
    """

    name = "lava"

    def __init__(self, level: Level = "vectorised", lanes: int | None = None, timeout: float = 600.0) -> None:
        super().__init__()
        self._streams: OrderedDict[str, Stream] = OrderedDict()
        if level not in _LEVELS:
            raise NexusError(f"Lava level '{level}' is not one of {', '.join(_LEVELS)}")
        self.level = _LEVELS[level]
        self._level: Level = level
        self._lanes = _LANES[level] if lanes is None else lanes
        self._timeout = timeout
        self._timing = Timing()

    @property
    def timing(self) -> Timing:
        """Time steps predicted and taken, over all invocations."""
        return self._timing

    def invoke(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The circuit on every element, one operand set a lane and time step; see `Executor.invoke`."""
        return self.invoke_all(circuit, operands)[0]

    def invoke_all(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """As `invoke`: patterns of every output port."""
        arrays = _broadcast(circuit, operands)
        shape = arrays[0].shape
        if not arrays[0].size:
            return tuple(np.zeros(shape, port.pattern_dtype) for port in circuit.network.outputs)
        stream = self._stream(circuit)
        counts, timing = stream.network.spike_counts, stream.timing
        results = stream([array.ravel() for array in arrays])
        spikes = stream.network.spike_counts - counts
        self.tallies.add(Tally(circuit, arrays[0].size, spikes))
        took = Timing(stream.timing.predicted - timing.predicted, stream.timing.taken - timing.taken)
        self._timing += took
        return tuple(result.reshape(shape) for result in results)

    def operate(self, operator: Operator, operand: NDArray[Any]) -> NDArray[Any]:
        """The operator of LIF populations on every row, as a Lava Process of its own; see `Executor.operate`."""
        x = operator.in_format.from_patterns(operand).astype(np.int64).reshape(-1, operator.size)
        lanes = max(1, min(len(x), self._lanes))
        process = Populations(operator.network, lanes)
        y = run_process(process, {"x": x}, self._level, self._timeout)["y"]
        self.tallies.add(Tally(operator, len(x), process.spike_counts))
        return operator_patterns(operator, y, operand.shape)

    def close(self) -> None:
        """Ends all Lava processes."""
        while self._streams:
            self._streams.popitem()[1].session.close()

    def __enter__(self) -> LavaExecutor:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _stream(self, circuit: Circuit) -> Stream:
        key = circuit.digest
        if key in self._streams and self._streams[key].session.closed:
            del self._streams[key]
        if key not in self._streams:
            while len(self._streams) >= _STREAMS_KEPT:
                self._streams.popitem(last=False)[1].session.close()
            self._streams[key] = Stream(circuit.network, self._level, self._lanes, _CAPACITY, self._timeout)
        self._streams.move_to_end(key)
        return self._streams[key]


def spike_trains(
    circuit: Circuit,
    operands: Sequence[NDArray[Any]],
    level: Level = "vectorised",
    lanes: int = 1,
    timeout: float = 600.0,
    model: NeuronModel = MEMORYLESS,
) -> NDArray[np.bool_]:
    """Spikes of every signal for every operand set: bool [sets, signals], strobe and inputs first.

    The spike of a signal at level l for the wave that entered at step t is the one seen at step t + l.
    """
    network = circuit.network
    flat = [array.ravel() for array in _broadcast(circuit, operands)]
    sets = len(flat[0])
    steps = time_steps(network, sets, lanes, level)
    with Stream(network, level, lanes, sets, timeout, record_steps=steps, model=model) as stream:
        stream(flat)
        trains = stream.network.spike_trains
    wave, lane = np.divmod(np.arange(sets), lanes)
    step = wave[:, None] + network.signal_levels[None, :]
    return np.asarray(trains[step, lane[:, None], np.arange(network.n_signals)[None, :]] != 0)


def _broadcast(circuit: Circuit, operands: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """The operands as arrays of one shape, one for each input port."""
    if len(operands) != len(circuit.inputs):
        raise NexusError(f"circuit {circuit.label} was given {len(operands)} operands, not {len(circuit.inputs)}")
    try:
        return list(np.broadcast_arrays(*operands))
    except ValueError:
        shapes = " and ".join(str(np.shape(operand)) for operand in operands)
        raise NexusError(f"operands of {circuit.label} have shapes {shapes}, which do not broadcast") from None
