"""The executor that runs circuits as Lava Processes on Lava's CPU simulator."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS, Evaluated, Executor, level_word
from lava_nexus.execute.lava.cores import Stream, Timing
from lava_nexus.execute.lava.lif import READ_OUT_STEPS, Level, time_steps
from lava_nexus.execute.lava.population_lif import LEAST_WINDOW
from lava_nexus.execute.lava.process import given
from lava_nexus.execute.lava.processes import host
from lava_nexus.execute.lava.processes.populations import PopulationProcess, Populations
from lava_nexus.execute.lava.program import run_on_lava
from lava_nexus.execute.lava.session import run
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.lava.side_by_side import run_side_by_side
from lava_nexus.execute.operands import Operands, checked_operands, seconds, whole_number
from lava_nexus.execute.populations import check_feeds
from lava_nexus.execute.tallies import ProgramResult, Tally
from lava_nexus.neurons import MEMORYLESS, NeuronModel
from lava_nexus.populations import Operator
from lava_nexus.populations.network import PopulationNetwork
from lava_nexus.programs.program import Program

Integers = NDArray[np.int64]


def run_process(
    process: PopulationProcess, feeds: Mapping[str, Integers], level: Level = "vectorised", timeout: float = 600.0
) -> dict[str, Integers]:
    """Outputs [sets, size] by name for int64 [sets, size] by input name; a Process runs once.

    Spikes are in `process.spike_counts` and, for as many steps as it records, `process.spike_trains`. A set
    enters every `period(network, level)` steps in each lane.

    Raises:
        NexusError: an input is missing or has another size, a value leaves its range, or the run failed.
    """
    network, lanes = process.network, process.lanes
    sets = check_feeds(network, feeds)
    rows = np.concatenate([np.ones((sets, 1), np.int64), *(feeds[p.name] for p in network.inputs[1:])], axis=1)
    waves = -(-sets // lanes)
    padded = np.zeros((waves * lanes, network.n_inputs), np.int32)
    padded[:sets] = rows
    window = period(network, level)
    steps = (waves - 1) * window + network.depth + READ_OUT_STEPS[level] + 1
    width = process.s_out.shape[-1]
    sent = shared_array((steps, lanes, width), np.int32)
    operands = host.Operands(padded.reshape(waves, lanes, -1), window)
    results = host.Probe(shared_array((width,), np.int64), sent, np.arange(width))
    operands.s_out.reshape(process.a_in.shape).connect(process.a_in)
    process.s_out.reshape((lanes, width)).connect(results.a_in)
    run(process, steps, level, timeout)
    arrived = sent[np.arange(waves) * window + network.depth + READ_OUT_STEPS[level]]
    return _named(network, arrived.reshape(waves * lanes, width)[:sets].astype(np.int64))


def period(network: PopulationNetwork, level: Level) -> int:
    """Steps from one operand set to the next."""
    return max(network.window, LEAST_WINDOW if level == "lif" else 1)


def trains_of(process: PopulationProcess, sets: int, level: Level) -> Integers:
    """int64 [sets, signals]: what every signal sent for every set, of a Process that recorded the whole run."""
    network, lanes = process.network, process.lanes
    levels = np.concatenate([np.full(p.size, p.level) for p in network.populations])
    wave, lane = np.divmod(np.arange(sets), lanes)
    step = wave[:, None] * period(network, level) + levels
    return np.asarray(process.spike_trains[step, lane[:, None], np.arange(network.n_signals)], np.int64)


def _named(network: PopulationNetwork, sent: Integers) -> dict[str, Integers]:
    found, start = {}, 0
    for readout in network.outputs:
        size = network.populations[readout.population].size
        found[readout.name] = sent[:, start : start + size]
        start += size
        if readout.negative is not None:
            found[readout.name] = found[readout.name] - sent[:, start : start + size]
            start += size
    return found


_WALKED = ("lif", "neurons")
_WORDS = ("vectorised", "lif", "word", "neurons")
_LANES: dict[Level, int] = {"vectorised": 512, "lif": 1}
_CAPACITY = 1 << 16
_STREAMS_KEPT = 4


class LavaExecutor(Executor):
    """Streams operand sets through one `Network` Process a circuit; a context manager.

    The Processes of the circuits used last stay alive for the next invocation, because starting them takes about
    half a second; `close` ends them, as does dropping the executor or the end of the program.

    A program becomes one Process a layer, which evaluates its neurons at the level "word" or "vectorised". At the
    levels "neurons" and "lif" it is walked: each of its circuits is a graph of neurons, whose time steps are Lava's. At
    the level "word" a circuit by itself is the only layer of such a program.

    Args:
        level: what evaluates a neuron: "vectorised" (all neurons in one CPU model), "lif" (Lava's own LIF and
            DelaySparse, fixed point), "word" (word operations), or "neurons" (vectorised, of programs circuit by
            circuit); None for "vectorised" of a circuit and "word" of a program. What reports say of a level ("word
            logic", "LIF") stands for its word.
        lanes: operand sets of a circuit a time step, each on a copy of the network; 512 or, for "lif", 1 if not given.
        timeout: seconds that starting a circuit or a program, or one run of up to 65,536 operand sets, may take.
        batch: sets of a program that pass through all its Processes in one time step.
        processes: most operating-system processes that a transformer block may become.
        neurons: layers of a program that run at the level "neurons" beside the others; a layer's first words stand for
            all that begin so.
    """

    name = "lava"
    native = "steps"

    def __init__(
        self,
        level: str | None = None,
        lanes: int | None = None,
        timeout: float = 600.0,
        batch: int = 64,
        processes: int = 20,
        neurons: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._streams: OrderedDict[str, Stream] = OrderedDict()
        self._word = (
            None if level is None else level_word(level, ("vectorised", "lif", "word", "neurons"), "Lava level")
        )
        self.level = LEVELS[self._word or "vectorised"]
        self._level: Level = "lif" if self._word == "lif" else "vectorised"
        self._lanes = _LANES[self._level] if lanes is None else whole_number("lanes", lanes)
        self._timeout = seconds("timeout", timeout)
        self._batch = whole_number("batch", batch)
        self._processes = whole_number("processes", processes)
        self._neurons = tuple(neurons)
        self._timing = Timing()
        self.pairs = self._word != "lif"

    @property
    def program_level(self) -> str:
        return LEVELS[self._word or "word"]

    @property
    def batches(self) -> bool:
        """Whether it cuts the sets of a program into batches by itself: wherever Processes are its layers."""
        return self._word not in _WALKED

    @property
    def timing(self) -> Timing:
        """Time steps predicted and taken, over all invocations."""
        return self._timing

    def _evaluate(self, circuit: Circuit, operands: Operands) -> Evaluated:
        """One operand set a lane and time step."""
        if self._word == "word":
            return self._as_program(circuit, operands)
        stream = self._stream(circuit)
        counts, timing = stream.network.spike_counts, stream.timing
        results = stream(operands.whole)
        spikes = stream.network.spike_counts - counts
        self._timing += Timing(stream.timing.predicted - timing.predicted, stream.timing.taken - timing.taken)
        return results, Tally(circuit, operands.sets, spikes)

    def _operate(self, operator: Operator, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tally]:
        """As a Lava Process of its own."""
        process = Populations(operator.network, (max(1, min(len(x), self._lanes)),))
        y = run_process(process, {"x": x}, self._level, self._timeout)["y"]
        return y, Tally(operator, len(x), process.spike_counts)

    def populate(
        self, network: PopulationNetwork, feeds: Mapping[str, Integers]
    ) -> tuple[dict[str, Integers], Integers, int | None]:
        """As a Lava Process of its own: neurons with an equation, and of level "lif" Lava's own synapses."""
        sets = len(next(iter(feeds.values())))
        process = Populations(network, (max(1, min(sets, self._lanes)),))
        return run_process(process, feeds, self._level, self._timeout), process.spike_counts, None

    def _as_program(self, circuit: Circuit, operands: Operands) -> Evaluated:
        outputs = circuit.network.outputs
        formats = [port.format for port in (*circuit.inputs, *outputs)]
        if None in formats or len(outputs) != 1:
            raise NexusError(
                f"circuit '{circuit.label}' has plain bits or several results, which executor 'lava' at level 'word' "
                "does not pass on; choose level vectorised or lif"
            )
        program = Program(circuit.name)
        values = [program.input(p.name, (), p.format) for p in circuit.inputs if p.format is not None]
        program.outputs["result"] = program.apply(circuit, *values, layer=circuit.name)
        feeds = {port.name: operand for port, operand in zip(circuit.inputs, operands.whole, strict=True)}
        ran = self.run_whole(program, feeds)
        assert ran is not None
        (tally,) = ran.tallies
        return [ran.outputs["result"]], tally

    def run_whole(self, program: Program, feeds: Mapping[str, NDArray[Any]]) -> ProgramResult | None:
        """A program as Lava Processes; None at the levels "lif" and "neurons", where it is walked."""
        if self._word in _WALKED:
            return None
        options: dict[str, Any] = {"batch": self._batch, "processes": self._processes, "timeout": self._timeout}
        if self._neurons:
            with LavaExecutor("neurons", timeout=self._timeout) as walker:
                return run_side_by_side(program, feeds, self._neurons, walker, level=self._word or "word", **options)
        ran = run_on_lava(program, feeds, level=self._word or "word", **options)
        took = f"Lava's CPU simulator took {ran.time_steps} of its own time steps in {ran.processes} processes."
        return replace(ran, notes=(took,))

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
    network = given(circuit, Circuit, "spike_trains").network
    flat = checked_operands(circuit, operands).whole
    sets = len(flat[0])
    steps = time_steps(network, sets, lanes, level)
    with Stream(network, level, lanes, sets, timeout, record_steps=steps, model=model) as stream:
        stream(flat)
        trains = stream.network.spike_trains
    wave, lane = np.divmod(np.arange(sets), lanes)
    step = wave[:, None] + network.signal_levels[None, :]
    return np.asarray(trains[step, lane[:, None], np.arange(network.n_signals)[None, :]] != 0)
