"""Checks placements from scratch: nothing here is shared with what makes them.

Every synapse of the network is looked for in the tables of the cores; every limit is counted again from them.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.mapping.placement import Core, Placement


def check_placement(placement: Placement) -> None:
    """Raises NexusError, naming the core, where a placement breaks a limit, a place, or loses or invents a synapse."""
    found = placement_faults(placement)
    if found:
        raise NexusError(f"placement of '{placement.label}': {found[0]}")


def placement_faults(placement: Placement) -> list[str]:
    """What is wrong, a sentence each; empty where nothing is."""
    return [
        *_place_faults(placement),
        *_neuron_faults(placement),
        *_synapse_faults(placement),
        *_limit_faults(placement),
    ]


def _place_faults(placement: Placement) -> list[str]:
    mesh, faults, taken = placement.chip.mesh, [], set()
    for number, core in enumerate(placement.cores):
        where = (core.chip, core.column, core.row, core.slot)
        inside = 0 <= core.column < mesh.columns and 0 <= core.row < mesh.rows
        if core.chip < 0 or not inside or not 0 <= core.slot < mesh.cores_per_router:
            faults.append(f"core {number} is at {where}, outside of the mesh")
        if where in taken:
            faults.append(f"core {number} is at {where}, where another one is")
        taken.add(where)
    return faults


def _neuron_faults(placement: Placement) -> list[str]:
    seen = Counter(int(n) for core in placement.cores for n in core.subnetwork.members)
    neurons = len(placement.network.thresholds)
    faults = [f"neuron {n} is on {times} cores" for n, times in seen.items() if times != 1]
    faults += [f"neuron {n} is on no core" for n in range(neurons) if n not in seen][:1]
    for number, core in enumerate(placement.cores):
        here = core.subnetwork
        if not np.array_equal(here.thresholds, placement.network.thresholds[here.members]):
            faults.append(f"core {number} holds other thresholds than the network")
    return faults


def _synapse_faults(placement: Placement) -> list[str]:
    """The cores' synapses as rows (source, target, weight, delay), sorted, against the network's own."""
    network, rows = placement.network, []
    for core in placement.cores:
        table = core.subnetwork
        first = 1 + sum(len(port.signals) for port in network.inputs)
        signal = np.concatenate([table.axons.astype(np.int64), table.members.astype(np.int64) + first])
        sizes = table.offsets[1:] - table.offsets[:-1]
        target = np.repeat(table.members.astype(np.int64), sizes)
        rows.append(np.stack([signal[table.sources], target, table.weights, table.delays], axis=1))
    held = np.concatenate(rows) if rows else np.zeros((0, 4), np.int64)
    level = np.concatenate([np.zeros(1 + sum(len(p.signals) for p in network.inputs), np.int64), network.levels])
    target = np.repeat(np.arange(len(network.thresholds)), network.offsets[1:] - network.offsets[:-1])
    wait = network.levels[target] - level[network.sources] - 1
    wanted = np.stack([network.sources.astype(np.int64), target, network.weights, wait], axis=1)
    if len(held) != len(wanted):
        return [f"cores hold {len(held)} synapses, the network has {len(wanted)}"]
    held, wanted = held[np.lexsort(held.T)], wanted[np.lexsort(wanted.T)]
    wrong = np.flatnonzero((held != wanted).any(axis=1))
    return (
        [f"synapse {tuple(wanted[wrong[0]].tolist())} (source, target, weight, delay) is on no core"]
        if len(wrong)
        else []
    )


def _limit_faults(placement: Placement) -> list[str]:
    limits, faults = placement.chip.limits, []
    reach: Counter[int] = Counter()  # cores, and the outside, that each neuron reaches
    first = 1 + sum(len(port.signals) for port in placement.network.inputs)
    for core in placement.cores:
        for signal in set(_sources(core, first)):
            reach[signal - first] += 1
    for signal in {s for port in placement.network.outputs for s in port.signals}:
        reach[signal - first] += 1
    for number, core in enumerate(placement.cores):
        lists = Counter(_sources(core, first))
        delay = max(core.subnetwork.delays.tolist(), default=0)
        slots, bits = 1, 0
        while delay > 0 and slots < delay + 2:
            slots, bits = 2 * slots, bits + 1
        neurons = len(core.subnetwork.members)
        per_word = limits.synapses_per_word.most
        counted = {
            "neurons": (neurons, min(limits.neurons.most, limits.neurons_stated.most)),
            "delay accumulators": (neurons * slots if bits else 0, limits.delay_accumulators.most),
            "synapse words": (sum((n + per_word - 1) // per_word for n in lists.values()), limits.synapse_words.most),
            "axons in": (len(lists), limits.axons_in.most),
            "axons out": (sum(reach[int(n)] for n in core.subnetwork.members), limits.axons_out.most),
            "groups": (len(set(placement.groups[core.subnetwork.members].tolist())), limits.groups.most),
            "steps of delay": (delay, limits.largest_delay.most),
        }
        faults += [f"core {number} uses {n} {name}, above {most}" for name, (n, most) in counted.items() if n > most]
    return faults


def _sources(core: Core, first: int) -> list[int]:
    """The source of every synapse of a core, by its number in the network."""
    outside = core.subnetwork.axons.tolist()
    own = [n + first for n in core.subnetwork.members.tolist()]
    names = outside + own
    return [names[s] for s in core.subnetwork.sources.tolist()]
