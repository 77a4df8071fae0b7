"""What a placed program says of each circuit, of each part of native layers, and of what stands around them."""

from __future__ import annotations

from lava_nexus.chip.machine_cores import MachinePlacement
from lava_nexus.chip.native import NativeTemplate
from lava_nexus.chip.packing import Piece
from lava_nexus.chip.placement import Placement
from lava_nexus.chip.program_placement import CircuitUse
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart


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


def machine_uses(built: MachinePlacement) -> list[CircuitUse]:
    """What stands around the circuits of a program that is built neuron by neuron."""
    return [
        CircuitUse(name, neurons, 0, synapses, 0, 1, 1, 0, arithmetic=False, synops=synops)
        for name, neurons, synapses, synops in built.around()
    ]
