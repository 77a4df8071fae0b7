"""Runs what was placed, core by core: a circuit, or a program with its registers, ports and sequencer, all of neurons.

Cores are Lava Processes and messages between them go through ports; or all neurons step in this process, as the
membrane executor's do. What a run took is set beside what the placement said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import LIMITS, Chip, Demand
from lava_nexus.chip.machine import Machine
from lava_nexus.chip.machine_cores import CONTROL, MachinePlacement
from lava_nexus.chip.mesh import core_links
from lava_nexus.chip.placement import Placement, utilization_row
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.chip.wired import Wired
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS, level_word
from lava_nexus.execute.interpret import check_feeds
from lava_nexus.execute.machine_run import by_circuit, held_words, host_rows, take_results
from lava_nexus.execute.programmed_line import line_of
from lava_nexus.execute.tallies import Tallies, Tally
from lava_nexus.formats import patterns_to_spikes, spikes_to_patterns
from lava_nexus.formats.integer_format import exact_array
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.shown import Shown

Integers = NDArray[np.int64]
_WHERE = ("lava", "membrane")


@dataclass(frozen=True)
class CoreRun:
    """What one core did.

    Attributes:
        place: chip, column, row, slot.
        neurons: that live there.
        spikes: of them.
        sent, received: messages to and from other cores; those of the host are in `from_outside` of the run.
        used: (used, max) by limit.
    """

    place: tuple[int, int, int, int]
    neurons: int
    spikes: int
    sent: int
    received: int
    used: dict[str, tuple[int, int]]


@dataclass(frozen=True, kw_only=True, repr=False)
class PlacedRun(Shown):
    """What a run of a placement gave.

    Attributes:
        label: what ran.
        level: what evaluated the neurons.
        value: of a circuit: the results, in the shape of its operands.
        outputs: of a program: patterns by output name, batch first.
        predicted: time steps that the placement's schedule says, that of the first input included.
        taken: up to the last result's last spike.
        cores: what each core did.
        messages: between cores, each to one core.
        expected_messages: what the placement says of so many sets.
        from_outside: messages of the host's lines.
        tallies: counts of each circuit.
        around: (neurons, spikes, synops) of registers, ports and sequencer, by what they are.
    """

    label: str
    level: str
    value: NDArray[Any] | None = None
    outputs: Mapping[str, NDArray[Any]]
    predicted: int
    taken: int
    cores: tuple[CoreRun, ...]
    messages: int
    expected_messages: int
    from_outside: int
    tallies: Tallies
    around: Mapping[str, tuple[int, int, int]]

    @property
    def spikes(self) -> int:
        """Of all neurons."""
        return sum(core.spikes for core in self.cores)

    def table(self) -> list[dict[str, Any]]:
        """One row a core: place, neurons, spikes, messages and use of each limit in percent."""
        return [
            {"core": i, "place": "/".join(map(str, core.place)), "neurons": core.neurons, "spikes": core.spikes}
            | {"messages sent": core.sent, "messages received": core.received}
            | {f"{limit}, %": round(100 * used / most) for limit, (used, most) in core.used.items() if limit in LIMITS}
            for i, core in enumerate(self.cores)
        ]

    def _facts(self) -> tuple[str, dict[str, Any]]:
        steps = {"steps predicted": self.predicted, "steps taken": self.taken}
        messages = {"messages between cores": self.messages, "messages expected": self.expected_messages}
        return self.label, {"level": self.level, "cores": len(self.cores), **steps, "spikes": self.spikes, **messages}


def run_placed(
    placed: Placement | ProgramPlacement,
    *operands: Any,
    level: str = "vectorised",
    executor: Literal["lava", "membrane"] = "lava",
    timeout: float = 600.0,
) -> PlacedRun:
    """Runs a placement on operands (a circuit) or on patterns by input name (a program).

    Args:
        placed: from `lava_nexus.place`.
        operands: of a circuit one array of values a port; of a program one mapping of patterns [batch, *input shape].
        level: "vectorised" neurons, or "lif" for Lava's own LIF and Sparse.
        executor: "lava", a Process a core; "membrane" steps the same neurons in this process.
        timeout: seconds that starting Lava, and running, may take.

    Raises:
        NexusError: operands of a wrong number or kind, a placement that holds no neurons, or a run that failed.
    """
    word = level_word(level, ("vectorised", "lif"), "level of a placement's run")
    if executor not in _WHERE:
        raise NexusError(f"placements run by {' or '.join(_WHERE)}, not by executor {executor!r}")
    if executor == "membrane" and word == "lif":
        raise NexusError("level 'lif' of a placement's run is Lava's; executor 'membrane' steps vectorised neurons")
    how = _How(word, executor == "lava", timeout)
    if isinstance(placed, Placement):
        return _run_circuit(placed, operands, how)
    if placed.machine is None:
        raise NexusError(
            f"placement of program '{placed.name}' holds no neurons: it was read from a file, or is larger or "
            "otherwise made than what is built by neurons: one program a token, words by gates, weights from the host, "
            "native layers of one row with an instance for each activation and each sum (strategy unrolled)"
        )
    if len(operands) != 1 or not isinstance(operands[0], Mapping):
        raise NexusError(f"placement of program '{placed.name}' takes one mapping of patterns by input name")
    return _run_program(placed, placed.machine, operands[0], how)


@dataclass(frozen=True)
class _How:
    level: str
    lava: bool
    timeout: float

    def spikes(
        self, wired: ThresholdNetwork | Wired, assignment: Integers, rows: NDArray[np.int8], watched: Integers
    ) -> tuple[Integers, NDArray[np.int8]]:
        """Counts [signals] and spikes [steps, lanes, watched] of neurons that the host feeds with `rows`."""
        if self.lava:
            from lava_nexus.execute.lava.cores import run_cores

            level = cast(Literal["vectorised", "lif"], self.level)
            return run_cores(wired, assignment, rows, watched, level, self.timeout)
        programmed = (wired.program, wired.programs) if isinstance(wired, Wired) else (np.zeros(0, np.int64), ())
        line = line_of(wired, rows.shape[1], *programmed)
        trains = np.zeros((*rows.shape[:2], len(watched)), np.int8)
        for step, row in enumerate(rows):
            line.advance()
            trains[step] = line.read(watched + wired.n_inputs)
            line.feed(row)
        return line.counts, trains


def _run_circuit(placed: Placement, operands: tuple[Any, ...], how: _How) -> PlacedRun:
    """One operand set a time step."""
    network, label = placed.network, placed.label
    if len(operands) != len(network.inputs):
        raise NexusError(f"circuit '{label}' takes {len(network.inputs)} operands, not {len(operands)}")
    patterns = []
    for port, operand in zip(network.inputs, operands, strict=True):
        array = exact_array(f"operand {port.name} of circuit '{label}'", operand)
        patterns.append(port.format.to_patterns(array) if port.format else array.astype(port.pattern_dtype))
    try:
        whole = np.broadcast_arrays(*patterns)
    except ValueError as error:
        shapes = ", ".join(str(p.shape) for p in patterns)
        raise NexusError(f"operands of circuit '{label}' have shapes that do not broadcast: {shapes}") from error
    shape, sets = whole[0].shape, whole[0].size
    if not sets:
        raise NexusError(f"operands of circuit '{label}' hold no operand set")
    steps = sets + network.depth
    rows = np.zeros((steps, 1, network.n_inputs), np.int8)
    rows[:sets, 0, 0] = 1
    for port, array in zip(network.inputs, whole, strict=True):
        spikes = patterns_to_spikes(np.ascontiguousarray(array).ravel().astype(port.pattern_dtype), port.width)
        rows[:sets, 0, port.signals[0] : port.signals[-1] + 1] = spikes
    watched = np.array([s for port in network.outputs for s in port.signals]) - network.n_inputs
    counts, trains = how.spikes(network, placed.assignment, rows, watched)
    last = np.flatnonzero(trains.any(axis=(1, 2)))
    out = network.outputs[0]
    bits = trains[network.depth :, 0, : out.width]
    found = spikes_to_patterns(bits, out.pattern_dtype).reshape(shape)
    expected = round(placed.traffic.messages * sets / placed.sets)
    return PlacedRun(
        label=f"{label} on {placed.chip.name}",
        level=LEVELS[how.level],
        value=found if out.format is None else out.format.from_patterns(found),
        outputs={},
        predicted=steps,
        taken=int(last[-1]) + 1 if len(last) else steps,
        tallies=_tallied([(placed.circuit, sets, counts)] if placed.circuit else []),
        around={},
        **_by_core(network, placed.assignment, placed.places, counts, placed.demand, placed.chip),
        expected_messages=expected,
    )


def _run_program(
    placed: ProgramPlacement, built: MachinePlacement[Machine], feeds: Mapping[str, NDArray[Any]], how: _How
) -> PlacedRun:
    """All elements of the batch side by side, on lanes of the machine."""
    machine = built.machine
    program = machine.schedule.program
    check_feeds(program, feeds)
    lanes = {len(feeds[name]) for name in program.inputs}
    if len(lanes) != 1 or 0 in lanes:
        raise NexusError(f"inputs of program '{program.name}' hold {sorted(lanes)} elements, which differ or are none")
    memory = held_words(machine, feeds, lanes.pop())
    rows = host_rows(machine, memory)
    watched = np.array([s for port in machine.outputs for s in port.signals], np.int64) - machine.n_inputs
    counts, trains = how.spikes(machine, built.assignment, rows, watched)
    taken = take_results(machine, trains, memory)
    values = machine.operations.values
    kind = np.array([kind for _, kind in machine.pieces])[machine.piece]
    reached = counts[machine.sources]
    around = {
        called: (int((kind == one).sum()), int(counts[machine.n_inputs :][kind == one].sum()),
                 int(reached[kind[machine.targets] == one].sum()))
        for one, called in CONTROL.items()
    }  # fmt: skip
    return PlacedRun(
        label=f"{placed.name} on {placed.chip.name}",
        level=LEVELS[how.level],
        outputs={
            name: memory[:, values[value.number]].astype(value.format.pattern_dtype)
            for name, value in program.outputs.items()
        },
        predicted=placed.steps + machine.schedule.handover,
        taken=taken,
        tallies=_tallied(by_circuit(machine, counts, len(memory))),
        around=around,
        **_by_core(machine, built.assignment, built.places, counts, built.demand, placed.chip),
        expected_messages=built.expected_messages * len(memory),
    )


def _tallied(counted: list[tuple[Circuit | NativePart, int, Integers]]) -> Tallies:
    tallies = Tallies()
    for circuit, invocations, spikes in counted:
        tallies.add(Tally(circuit, invocations, spikes))
    return tallies


def _by_core(
    wired: ThresholdNetwork | Wired,
    assignment: Integers,
    places: Integers,
    counts: Integers,
    use: Demand,
    chip: Chip,
) -> dict[str, Any]:
    """What each core did, and messages in all."""
    source, target, messages = core_links(wired, assignment, counts)
    apart, cores = source != target, len(places)
    spikes = np.bincount(assignment, counts[wired.n_inputs :], cores).astype(int)
    sent = np.bincount(source[apart], messages[apart], cores).astype(int)
    received = np.bincount(target[apart], messages[apart], cores).astype(int)
    neurons = np.bincount(assignment, minlength=cores)
    found = tuple(
        CoreRun(tuple(place), int(n), int(s), int(out), int(into), utilization_row(use, core, chip))
        for core, (place, n, s, out, into) in enumerate(
            zip(places.tolist(), neurons, spikes, sent, received, strict=True)
        )
    )
    outside = wired.sources < wired.n_inputs
    pairs = np.unique(wired.sources[outside].astype(np.int64) * cores + assignment[wired.targets[outside]])
    return {
        "cores": found,
        "messages": int(messages[apart].sum()),
        "from_outside": int(counts[pairs // cores].sum()),
    }
