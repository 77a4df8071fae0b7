"""A whole program on Lava: an encoder, a Process for every layer, a decoder; blocks as hierarchical Processes."""

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
from lava_nexus.execute.executor import LEVELS, Tallies
from lava_nexus.execute.interpret import ProgramResult, check_feeds
from lava_nexus.execute.lava.partition import Block, Part, partition
from lava_nexus.execute.lava.process import CHANNEL_MESSAGES, Process, given, spike_shape
from lava_nexus.execute.lava.processes.coding import TensorDecoder, TensorEncoder
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
    given(program, Program, "run_on_lava")
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
