"""A whole program on Lava: an encoder, a Process for every layer, a decoder; blocks as hierarchical Processes.

A program that is scheduled is a Process a pool, whose lanes are the instances, and a sequencer around them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.bank import Bank
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS, Tallies, Tally
from lava_nexus.execute.interpret import ProgramResult, check_feeds
from lava_nexus.execute.lava.lif import READ_OUT_STEPS, Level
from lava_nexus.execute.lava.partition import Block, Part, partition
from lava_nexus.execute.lava.process import CHANNEL_MESSAGES, Process, spike_shape
from lava_nexus.execute.lava.processes.coding import TensorDecoder, TensorEncoder
from lava_nexus.execute.lava.processes.host import NEVER, Sequencer
from lava_nexus.execute.lava.processes.network import Network
from lava_nexus.execute.lava.processes.operators import (
    NeuronLevel,
    TransformerBlock,
    connect,
    neuron_executor,
    neuron_level,
    operator,
)
from lava_nexus.execute.lava.session import Session
from lava_nexus.execute.lava.shared import SharedTallies
from lava_nexus.programs.excerpt import Segment
from lava_nexus.programs.program import Program
from lava_nexus.programs.schedule import Operations, Schedule, expand

_SHARED_MEMORY = "/dev/shm"


@dataclass(kw_only=True)
class LavaProgramResult(ProgramResult):
    """What a run of a program on Lava gave, beside outputs, counts by layer and the level of every Process.

    Attributes:
        time_steps: Lava time steps taken, one a batch.
        processes: operating-system processes, Lava's own two included.
    """

    time_steps: int
    processes: int


def run_on_lava(
    program: Program,
    feeds: Mapping[str, NDArray[Any]],
    *,
    batch: int = 64,
    level: str = "word",
    processes: int = 20,
    timeout: float = 600.0,
) -> LavaProgramResult:
    """Runs a program on patterns of shape (sets, *input shape) as Lava Processes on the CPU.

    Args:
        program: what to run.
        feeds: patterns by input name.
        batch: sets that pass through all Processes in one time step.
        level: what evaluates the neurons inside the operator Processes: "word" operations or "vectorised" membranes.
        processes: most operating-system processes that a transformer block may become.
        timeout: seconds that starting, and running, may take.

    Raises:
        NexusError: an input is missing or has another shape, too little shared memory for the batch, a layer failed, or
            the timeout passed; no process is left then.
    """
    word = neuron_level(level)
    sets = _sets(program, feeds)
    batch = min(batch, sets)
    parts = partition(program, processes)
    encoder = TensorEncoder({value: feeds[name] for name, value in program.inputs.items()}, batch)
    decoder = TensorDecoder(list(program.outputs.values()), batch, sets)
    pairs = [(part, _process(part, batch, sets, word)) for part in parts]
    steps = -(-sets // batch)
    _check_memory(parts, decoder, batch, steps)
    prepare(program, word)
    connect([(encoder, encoder), *pairs, (decoder, decoder)], {})
    with Session(decoder, timeout=timeout) as session:
        used = session.processes
        session.run(steps)
    return LavaProgramResult(
        outputs={name: decoder.patterns[value].copy() for name, value in program.outputs.items()},
        layers=_layers(program, [process for _, process in pairs]),
        levels=[(segment.name, LEVELS[word]) for part in parts for segment in _segments(part)],
        time_steps=steps,
        processes=used,
    )


def prepare(program: Program, level: NeuronLevel) -> None:
    """Compiles and lowers all that the program's circuits need, so that forked children find it done."""
    executor = neuron_executor(level, threads=1)  # no thread is left when Lava forks
    for circuit in {circuit.digest: circuit for _, circuit, _ in program.invocations()}.values():
        if isinstance(circuit, Bank):
            row = np.zeros((circuit.weights.shape[1], 1), circuit.weights.dtype)
            executor.invoke_bank(circuit, row, slice(None), slice(None))
        else:
            executor.invoke(circuit, [np.zeros(1, port.pattern_dtype) for port in circuit.inputs])


def _sets(program: Program, feeds: Mapping[str, NDArray[Any]]) -> int:
    """Length of the first axis of all feeds."""
    check_feeds(program, feeds)
    lengths = {name: len(feeds[name]) for name in program.inputs}
    if len(set(lengths.values())) != 1:
        raise NexusError(f"inputs of program '{program.name}' hold {lengths} elements, which differ or are none")
    (sets,) = set(lengths.values())
    if sets < 1:
        raise NexusError(f"inputs of program '{program.name}' hold no element")
    return sets


def _process(part: Part, batch: int, sets: int, level: NeuronLevel) -> Process:
    return TransformerBlock(part, batch, sets, level) if isinstance(part, Block) else operator(part, batch, sets, level)


def _segments(part: Part) -> tuple[Segment, ...]:
    return part.segments if isinstance(part, Block) else (part,)


def _check_memory(parts: list[Part], decoder: TensorDecoder, batch: int, steps: int) -> None:
    """Lava's channels lie in shared memory, and writing to one that does not fit kills the writer."""
    if not os.path.isdir(_SHARED_MEMORY):
        return
    sent = [value for part in parts for segment in _segments(part) for value in segment.inputs] + decoder.inputs
    needed = min(steps, CHANNEL_MESSAGES) * sum(prod(spike_shape(value, batch)) for value in sent)
    room = os.statvfs(_SHARED_MEMORY)
    free = room.f_bavail * room.f_frsize
    if needed > free:
        raise NexusError(
            f"batch {batch} needs {needed / 1e6:.1f} MB of shared memory for spikes, "
            f"{_SHARED_MEMORY} has {free / 1e6:.1f} MB"
        )


def _layers(program: Program, processes: list[Process]) -> dict[str, Tallies]:
    """Counts by layer, in the order of the program."""
    layers = {node.layer: Tallies() for node in program.nodes}
    for process in processes:
        for board in _boards(process):
            for layer, tallies in board.read().items():
                for tally in tallies:
                    layers[layer].add(tally)
    return layers


def _boards(process: Any) -> list[SharedTallies]:
    return list(process.tallies.values()) if isinstance(process, TransformerBlock) else [process.tallies]


_MOST_OPERATIONS = 200_000


@dataclass(frozen=True)
class ScheduledResult:
    """What a scheduled run gave.

    Attributes:
        outputs: patterns by output name, batch first.
        predicted: time steps of one element of the batch, as the schedule has them.
        taken: for each element the steps up to the last result's arrival, the first one included.
        tallies: counts of each circuit.
        level: what evaluated the neurons of the circuits; registers and selectors are the sequencer's own.
    """

    outputs: dict[str, NDArray[Any]]
    predicted: int
    taken: tuple[int, ...]
    tallies: Tallies
    level: str


def run_scheduled(
    schedule: Schedule, feeds: Mapping[str, NDArray[Any]], level: Level = "vectorised", timeout: float = 600.0
) -> ScheduledResult:
    """Runs a schedule on patterns of shape (batch, *input shape), one element after the other.

    Raises:
        NexusError: an input is missing or has another shape, the schedule is too long, or a result comes late.
    """
    program = schedule.program
    check_feeds(program, feeds)
    if schedule.invocations > _MOST_OPERATIONS:
        raise NexusError(
            f"program '{program.name}' has {schedule.invocations} operations, above the {_MOST_OPERATIONS} of a "
            "scheduled run on Lava's simulator"
        )
    if READ_OUT_STEPS[level]:
        raise NexusError(f"schedules run on Lava's level 'vectorised', not '{level}'")
    operations = expand(schedule)
    sequencer = Sequencer(schedule, operations)
    networks = [Network(pool.gates.network, (pool.instances,)) for pool in schedule.pools]
    for i, network in enumerate(networks):
        getattr(sequencer, f"v{i}_out").connect(network.a_in)
        network.s_out.connect(getattr(sequencer, f"v{i}_in"))
    sets = len(next(iter(feeds.values()))) if feeds else 1
    outputs: dict[str, list[NDArray[Any]]] = {name: [] for name in program.outputs}
    taken = []
    with Session(sequencer, level, timeout) as session:
        for one in range(sets):
            _load(schedule, operations, sequencer, {name: patterns[one] for name, patterns in feeds.items()})
            session.run(schedule.steps)
            arrived = sequencer.there[operations.result]
            if (arrived == NEVER).any():
                raise NexusError(f"results of program '{program.name}' are missing after {schedule.steps} steps")
            taken.append(int(arrived.max(initial=-1)) + 1)
            for name, value in program.outputs.items():
                held = sequencer.memory[operations.values[value.number]]
                outputs[name].append(held.astype(value.format.pattern_dtype))
    tallies = Tallies()
    for i, (pool, network) in enumerate(zip(schedule.pools, networks, strict=True)):
        tallies.add(Tally(pool.circuit, sets * int((operations.pool == i).sum()), network.spike_counts))
    stacked = {name: np.stack(parts) for name, parts in outputs.items()}
    return ScheduledResult(stacked, schedule.steps, tuple(taken), tallies, LEVELS[level])


def _load(schedule: Schedule, operations: Operations, sequencer: Sequencer, feeds: Mapping[str, NDArray[Any]]) -> None:
    """Inputs and constants are there before the first step, nothing else is."""
    program = schedule.program
    sequencer.there[:] = NEVER
    held = {program.inputs[name].number: patterns for name, patterns in feeds.items()} | program.constants
    for number, patterns in held.items():
        if number in operations.values:
            sequencer.memory[operations.values[number]] = patterns
            sequencer.there[operations.values[number]] = -schedule.handover
