"""Checks placements and schedules from scratch: nothing here is shared with what makes them.

Of a placement every synapse of the network is looked for in the tables of the cores, and every limit is counted again
from them. Of a schedule the operations are written out one by one, each is looked at by itself, and the whole can be
computed in the order of time; exact and native sums are looked at round by round.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.placement import Core, Placement
from lava_nexus.errors import NexusError
from lava_nexus.programs.invocations import Operations, expand
from lava_nexus.programs.nodes import Contract, Rearrange, Reduce
from lava_nexus.programs.schedule import Schedule

MOST_OPERATIONS = 5_000_000
"""Most operations of a schedule that are written out."""


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


def check_schedule(schedule: Schedule) -> None:
    """Raises NexusError where operands come too late, an instance is asked twice, or an invocation is left out."""
    found = schedule_faults(schedule)
    if found:
        raise NexusError(f"schedule of program '{schedule.program.name}': {found[0]}")


def schedule_faults(schedule: Schedule, operations: Operations | None = None) -> list[str]:
    """What is wrong, a sentence each; empty where nothing is.

    Raises:
        NexusError: more operations than can be written out.
    """
    if schedule.staged:
        return _staged_faults(schedule)
    if schedule.invocations > MOST_OPERATIONS:
        raise NexusError(
            f"schedule of {schedule.invocations} operations is above the {MOST_OPERATIONS} that are checked"
        )
    found = expand(schedule) if operations is None else operations
    return [*_clashes(schedule, found), *_missing(schedule, found), *_late(schedule, found)]


def _staged_faults(schedule: Schedule) -> list[str]:
    """Of exact and native sums, round by round: what is there when one begins, then instances and invocations."""
    faults: list[str] = []
    ready: dict[int, int] = {}  # by value; by node, below 0, what is wired to its next circuit
    made_of = _origins(schedule)
    for one in schedule.rounds:
        pool, node = schedule.pools[one.pool], schedule.program.nodes[one.node]
        wired, before = -one.node - 1, 0
        if one.role == "take":
            native = isinstance(node, Contract | Reduce) and node.populations()
            values = node.operands[one.first :][:1] if native else node.operands
            before = max((ready.get(n, 0) for v in values for n in made_of[v.number]), default=0)
        elif one.role in ("stage", "result"):
            before = ready.get(wired, 0)
        if one.start < before:
            faults.append(f"'{node.layer}' gives operands to '{pool.circuit.label}' at step {one.start}, too early")
        done = one.start + (one.turns - 1) * one.period + pool.circuit.depth
        ready[wired] = max(ready.get(wired, 0), done)
        last = schedule.last_issue(one) + pool.circuit.depth + schedule.handover
        ready[node.result.number] = max(ready.get(node.result.number, 0), last)
    return [*faults, *_taken(schedule)]


def _origins(schedule: Schedule) -> dict[int, set[int]]:
    """By value the values that it is an arrangement of."""
    found: dict[int, set[int]] = defaultdict(set)
    for node in schedule.program.nodes:
        for value in node.operands:
            found[value.number] = found[value.number] or {value.number}
        if isinstance(node, Rearrange):
            found[node.result.number] = set().union(*(found[v.number] for v in node.operands))
    return found


def _taken(schedule: Schedule) -> list[str]:
    """Pools that are given more in a step than they have instances, or more or less in all than the program invokes."""
    wanted: Counter[str] = Counter()
    for _, what, count in (*schedule.program.invocations(), *schedule.program.operators()):
        wanted[what.digest] += count
    faults = []
    for number, pool in enumerate(schedule.pools):
        if pool.own:
            continue
        rounds = [one for one in schedule.rounds if one.pool == number]
        steps = np.zeros(schedule.steps + 1, np.int64)
        for one in rounds:
            at = one.start + one.period * np.arange(one.turns)[:, None] + np.arange(one.count) // pool.instances
            np.add.at(steps, at, 1)
        label, given = pool.circuit.label, sum(one.count * one.turns for one in rounds)
        if steps.max() > pool.instances:
            faults.append(f"{pool.instances} instances of '{label}' are given {steps.max()} operand sets in a step")
        if given != wanted[pool.circuit.digest]:
            faults.append(f"'{label}' is invoked {given} times, not {wanted[pool.circuit.digest]}")
    return faults


def _clashes(schedule: Schedule, found: Operations) -> list[str]:
    faults = []
    most = np.array([pool.instances for pool in schedule.pools])
    if (found.instance >= most[found.pool]).any() or (found.instance < 0).any() or (found.step < 0).any():
        faults.append("an operation is on an instance or at a step that does not exist")
    rows = np.stack([found.pool, found.instance, found.step])
    rows = rows[:, np.lexsort(rows)]
    twice = np.flatnonzero((rows[:, 1:] == rows[:, :-1]).all(axis=0))
    if len(twice):
        pool, instance, step = rows[:, twice[0]].tolist()
        faults.append(f"instance {instance} of pool {pool} is given two operand sets at step {step}")
    return faults


def _missing(schedule: Schedule, found: Operations) -> list[str]:
    wanted: Counter[str] = Counter()
    for _, circuit, count in schedule.program.invocations():
        wanted[circuit.digest] += count
    held = Counter({pool.circuit.digest: int((found.pool == i).sum()) for i, pool in enumerate(schedule.pools)})
    faults = [
        f"'{pool.circuit.label}' is invoked {held[pool.circuit.digest]} times, not {wanted[pool.circuit.digest]}"
        for pool in schedule.pools
        if held[pool.circuit.digest] != wanted[pool.circuit.digest]
    ]
    if len(np.unique(found.result)) != len(found.result):
        faults.append("two operations write one result")
    return faults


def _late(schedule: Schedule, found: Operations) -> list[str]:
    """Operands that are read before they are there, or that nobody writes."""
    never = np.iinfo(np.int64).max // 2
    there = np.full(found.addresses, never)
    for value in schedule.program.inputs.values():
        there[found.values[value.number]] = 0
    for number in schedule.program.constants:
        if number in found.values:
            there[found.values[number]] = 0
    depth = np.array([pool.circuit.depth for pool in schedule.pools])
    there[found.result] = found.step + depth[found.pool] + schedule.handover
    used = found.operands >= 0
    late = (np.where(used, there[found.operands], 0) > found.step[:, None]).any(axis=1)
    if not late.any():
        return []
    first = int(np.flatnonzero(late)[0])
    circuit = schedule.pools[int(found.pool[first])].circuit
    return [f"an operand of '{circuit.label}' at step {int(found.step[first])} is not there yet"]


def evaluate(schedule: Schedule, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The program's outputs for one element of the batch, computed step by step as scheduled, by golden functions.

    Args:
        schedule: what to run.
        feeds: patterns by input name, [1, *shape].
    """
    found, program = expand(schedule), schedule.program
    memory = np.zeros(found.addresses, np.uint64)
    for name, value in program.inputs.items():
        memory[found.values[value.number]] = feeds[name][0]
    for number, patterns in program.constants.items():
        if number in found.values:
            memory[found.values[number]] = patterns
    bounds = np.flatnonzero(np.diff(found.step * len(schedule.pools) + found.pool, prepend=-1)).tolist()
    for begin, end in zip(bounds, [*bounds[1:], len(found.step)], strict=True):
        circuit = schedule.pools[int(found.pool[begin])].gates
        ports = enumerate(circuit.inputs)
        operands = [memory[found.operands[begin:end, i]].astype(port.pattern_dtype) for i, port in ports]
        memory[found.result[begin:end]] = circuit.golden(*operands)
    return {
        name: memory[found.values[v.number]].astype(v.format.pattern_dtype)[None] for name, v in program.outputs.items()
    }
