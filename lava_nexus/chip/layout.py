"""A placed program core by core on the mesh, for as many cores as can be drawn."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.machine import Machine
from lava_nexus.chip.machine_cores import MachinePlacement
from lava_nexus.chip.mapper import Mapper
from lava_nexus.chip.mesh import Links, core_links, hops, place_parts
from lava_nexus.chip.program_placement import ProgramPlacement
from lava_nexus.errors import NexusError
from lava_nexus.programs.nodes import Contract
from lava_nexus.programs.product import Fused, Rounded

MOST_CORES = 1024


@dataclass(frozen=True, eq=False)
class Layout:
    """Every core and its place.

    Attributes:
        template: int64 [cores]; index of its template.
        places: int64 [cores, 4]; chip, column, row, slot.
        links: source core, target core, messages between them a token; int64 [links] each.
        messages, inter_chip: a token, inside circuits and from multipliers to their adders.
        hops_east_west, hops_north_south: of those messages.
    """

    template: NDArray[np.int64]
    places: NDArray[np.int64]
    links: Links
    messages: int
    inter_chip: int
    hops_east_west: int
    hops_north_south: int


def layout(mapper: Mapper, placed: ProgramPlacement, seed: int = 0) -> Layout:
    """Puts the cores of a placement on the mesh so that the parts of an instance lie near each other.

    Raises:
        NexusError: more than `MOST_CORES` cores.
    """
    if placed.core_count > MOST_CORES:
        raise NexusError(f"layout of {placed.core_count} cores is above the {MOST_CORES} that are laid out one by one")
    if placed.machine is not None:
        return _built(placed.machine)
    template = np.repeat(np.arange(len(placed.cores)), [one.count for one in placed.cores])
    homes: dict[str, list[int]] = defaultdict(list)
    for core, index in enumerate(template.tolist()):
        for name, count in placed.cores[index].pieces:
            homes[name] += [core] * count
    found: dict[tuple[int, int], float] = defaultdict(float)
    for digest in mapper.circuits:
        _inside(mapper, digest, homes, found)
    for multiply, add in _chained(mapper):
        _between(mapper, multiply, add, homes, found)
    pairs = np.array(sorted(found), np.int64).reshape(-1, 2)
    links = pairs[:, 0], pairs[:, 1], np.array([round(found[a, b]) for a, b in pairs.tolist()], np.int64)
    places = place_parts(links, len(template), mapper.chip, seed)
    east_west, north_south = hops(places, links, mapper.chip.mesh)
    crossing = places[links[0], 0] != places[links[1], 0]
    return Layout(template, places, links, int(links[2].sum()), int(links[2][crossing].sum()), east_west, north_south)


def _built(built: MachinePlacement[Machine]) -> Layout:
    """Cores of a program that is built neuron by neuron lie where they were placed."""
    links = links_of(built)
    east_west, north_south = hops(built.places, links, built.chip.mesh)
    crossing = built.places[links[0], 0] != built.places[links[1], 0]
    total, crossed = int(links[2].sum()), int(links[2][crossing].sum())
    return Layout(np.arange(len(built.places)), built.places, links, total, crossed, east_west, north_south)


def links_of(built: MachinePlacement[Machine]) -> Links:
    """Source core, target core and expected messages between them, of a program that is built neuron by neuron."""
    source, target, messages = core_links(built.machine, built.assignment, built.machine.expected)
    return source[source != target], target[source != target], messages[source != target]


def _parts(mapper: Mapper, digest: str, homes: dict[str, list[int]]) -> list[list[int]]:
    """For each part of a circuit the cores of all instances."""
    label, parts = mapper.circuits[digest][0].label, len(mapper.template(digest).places)
    if parts == 1:
        return [homes[label]]
    return [homes[f"{label}, part {part + 1} of {parts}"] for part in range(parts)]


def _inside(mapper: Mapper, digest: str, homes: dict[str, list[int]], found: dict[tuple[int, int], float]) -> None:
    placed, cores = mapper.template(digest), _parts(mapper, digest, homes)
    source, target, messages = core_links(placed.network, placed.assignment, placed.spikes)
    each = mapper.circuits[digest][1] / len(cores[0]) / placed.sets
    for a, b, times in zip(source.tolist(), target.tolist(), messages.tolist(), strict=True):
        if a != b:
            for one, other in zip(cores[a], cores[b], strict=True):
                if one != other:
                    found[one, other] += times * each


def _chained(mapper: Mapper) -> set[tuple[str, str]]:
    """(multiplier, adder) of the contractions."""
    nodes = [node for program, _ in mapper.workload.sections for node in program.nodes]
    products = [node.product for node in nodes if isinstance(node, Contract)]
    pairs = {(one.multiply.digest, one.add.digest) for one in products if isinstance(one, Rounded | Fused)}
    return {pair for pair in pairs if set(pair) <= set(mapper.circuits)}


def _between(
    mapper: Mapper, multiply: str, add: str, homes: dict[str, list[int]], found: dict[tuple[int, int], float]
) -> None:
    """Product bits from each multiplier to the adder of the same number."""
    placed = mapper.template(multiply)
    sources, targets = _parts(mapper, multiply, homes), _parts(mapper, add, homes)
    each = mapper.circuits[multiply][1] / len(sources[0]) / placed.sets
    for signal in {s for port in placed.network.outputs for s in port.signals}:
        part = int(placed.assignment[signal - placed.network.n_inputs])
        times = int(placed.spikes[signal]) * each
        for number, one in enumerate(sources[part]):
            other = targets[0][number % len(targets[0])]
            if one != other:
                found[one, other] += times
