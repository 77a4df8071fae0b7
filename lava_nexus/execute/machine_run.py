"""What goes into a machine of neurons and what comes out: rows of the host's lines, results, counts by circuit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.machine import Machine
from lava_nexus.circuits import Circuit
from lava_nexus.circuits.native import NativePart
from lava_nexus.errors import NexusError
from lava_nexus.formats import patterns_to_spikes, spikes_to_patterns


def held_words(machine: Machine, feeds: Mapping[str, NDArray[Any]], lanes: int) -> NDArray[np.uint64]:
    """uint64 [lanes, addresses]: inputs and constants."""
    program, values = machine.schedule.program, machine.operations.values
    memory = np.zeros((lanes, machine.operations.addresses), np.uint64)
    for number, patterns in program.constants.items():
        if number in values:
            memory[:, values[number]] = patterns
    for name, value in program.inputs.items():
        memory[:, values[value.number]] = feeds[name]
    return memory


def host_rows(machine: Machine, memory: NDArray[np.uint64]) -> NDArray[np.int8]:
    """int8 [steps, lanes, lines]: the start, and the bits of every word that the host sends."""
    rows = np.zeros((machine.steps, len(memory), machine.n_inputs), np.int8)
    rows[0, :, 0] = 1
    fed = machine.fed
    for width in np.unique(fed.width).tolist():
        mine = np.flatnonzero(fed.width == width)
        bits = patterns_to_spikes(memory[:, fed.address[mine]], 64)[..., 64 - width :]
        lines = fed.first[mine][:, None] + np.arange(width)
        rows[fed.step[mine][:, None], :, lines] = np.moveaxis(bits, 0, -1)
    return rows


def take_results(machine: Machine, trains: NDArray[np.int8], memory: NDArray[np.uint64]) -> int:
    """Puts the results where the schedule says that they are; steps up to the last one that spiked.

    Raises:
        NexusError: an instance that gives results answers at a step at which none is due.
    """
    ports, start = [], 0
    for port in machine.outputs:
        ports.append(slice(start, start + port.width))
        start += port.width
    operations, schedule = machine.operations, machine.schedule
    for address, step, port in machine.results.tolist():
        width = machine.outputs[port].pattern_dtype
        memory[:, address] = spikes_to_patterns(trains[step][:, ports[port]], width)
    depth = np.array([pool.circuit.depth for pool in schedule.pools])
    due = np.unique(operations.step + schedule.handover + depth[operations.pool])
    busy = np.flatnonzero(trains.any(axis=(1, 2)))
    wrong = np.setdiff1d(busy, due)
    if len(wrong):
        raise NexusError(f"program '{schedule.program.name}' has results at step {wrong[0]}, where none is due")
    return int(busy[-1]) + 1 if len(busy) else machine.steps


def by_circuit(
    machine: Machine, counts: NDArray[np.int64], lanes: int
) -> list[tuple[Circuit | NativePart, int, NDArray[np.int64]]]:
    """(circuit, invocations, spikes of each signal) of every pool, its instances added up."""
    spikes = counts[machine.n_inputs :]
    return [
        (circuit, sets * lanes, np.sum([spikes[signals] for signals in instances], axis=0))
        for circuit, sets, instances in machine.circuits
    ]
