"""What a placed program says of each circuit, of each part of native layers, and of what stands around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lava_nexus.chip.machine import machine
from lava_nexus.chip.machine_cores import place_machine
from lava_nexus.chip.native import Activity, NativeTemplate
from lava_nexus.chip.packing import Piece
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import CircuitUse, InputOutput, ProgramPlacement, TokenTraffic
from lava_nexus.chip.workload import Memory, Workload, word_bits
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.programs.schedule import Schedule


def circuit_use(circuit: Circuit, placed: Placement, instances: int, invocations: int) -> CircuitUse:
    """Instances of a circuit."""
    network = placed.network
    return CircuitUse(
        label=circuit.label,
        neurons=network.neurons,
        relays=network.relays,
        synapses=network.synapses,
        max_delay=network.max_delay,
        cores=len(placed.places),
        instances=instances,
        invocations=invocations,
        spikes=int(placed.spikes[network.n_inputs :].sum()) / placed.sets,
        synops=float(placed.synops_per_set.sum()),
    )


def native_use(part: NativePart, placed: NativeTemplate, instances: int, invocations: int) -> CircuitUse:
    """Instances of a part of native layers."""
    return CircuitUse(
        label=part.label,
        neurons=part.neurons,
        relays=0,
        synapses=part.synapses,
        max_delay=placed.max_delay,
        cores=placed.cores or 1,
        instances=instances,
        invocations=invocations,
        spikes=placed.spikes,
        synops=placed.synops,
        active=placed.active,
        window=part.network.window,
    )


def around_uses(around: list[tuple[Piece, int]]) -> list[CircuitUse]:
    """What is no circuit."""
    return [
        CircuitUse(piece.name, piece.neurons, 0, synapses, 0, 1, piece.count, 0, arithmetic=False, synops=piece.synops)
        for piece, synapses in around
        if piece.count
    ]


def built_placement(
    placed: ProgramPlacement, schedule: Schedule, circuits: Sequence[Placement | Activity], seed: int
) -> ProgramPlacement:
    """The placement with every neuron on its core, what stands around the circuits counted from those neurons.

    A placement by formula stays as it is where a piece that is built would break a limit of the chip.
    """
    try:
        built = place_machine(machine(schedule, circuits), placed.chip, seed)
    except NexusError:
        return placed
    chips = -(-len(built.templates) // placed.chip.cores)
    board, boards = placed.chip.board_for(chips)
    around = [
        CircuitUse(name, neurons, 0, synapses, 0, 1, 1, 0, arithmetic=False, synops=synops)
        for name, neurons, synapses, synops in built.around()
    ]
    return replace(
        placed,
        circuits=(*(one for one in placed.circuits if one.arithmetic), *around),
        cores=built.templates,
        chips=chips,
        board=board,
        boards=boards,
        machine=built,
        steps=schedule.steps,
        io=replace(placed.io, bits_per_step=placed.io.bits_per_step * placed.steps / max(1, schedule.steps)),
        memory=Memory(),
        schedules=((schedule, 1),),
    )


def input_output(workload: Workload, memory: Memory, steps: int) -> InputOutput:
    """Words that the host feeds in and takes over a token's steps."""
    kept = {"weights": memory.weights, "cache": memory.cache}
    words_in = {what: workload.words(what) for what, where in kept.items() if where == "host"}
    words_in["inputs"] = workload.words("inputs")
    words_out = {"outputs": workload.words("outputs")}
    bits = word_bits(workload)
    total = bits * (sum(words_in.values()) + sum(words_out.values()))
    return InputOutput(words_in, words_out, bits, total / max(1, steps))


def token_traffic(
    circuits: Sequence[tuple[Placement, int]], parts: Sequence[tuple[NativeTemplate, int]], chips: int
) -> TokenTraffic:
    """Messages of a token, for one instance of each circuit and each part of native layers, and its invocations."""
    messages = operands = results = along = across = native = 0.0
    for placed, count in circuits:
        found, share = placed.traffic, count / placed.sets
        messages += found.messages * share
        along, across = along + found.hops_east_west * share, across + found.hops_north_south * share
        operands += found.from_outside * share
        leaving = [s for port in placed.network.outputs for s in port.signals]
        results += float(placed.spikes[leaving].sum()) * share
    for part, count in parts:
        native += part.messages * count
        operands += part.operands * count
        results += part.results * count
    crossing = 0 if chips == 1 else round(operands + results)
    counts = (messages + native, operands, results, crossing, along, across, native)
    return TokenTraffic(*map(round, counts))
