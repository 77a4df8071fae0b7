"""Parts onto the mesh: chips first, then routers, so that spikes make few hops.

Spikes between cores: one message for each core that a spike reaches, however many synapses it has there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.description import Chip, Mesh, Synaptic
from lava_nexus.chip.partition import Hypergraph, partition

# src, dst and messages of each pair of parts that exchange any.
Links = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def place_parts(links: Links, parts: int, chip: Chip, seed: int = 0) -> NDArray[np.int64]:
    """int64 [parts, 4]: chip, column, row and slot at the router; no place is given twice.

    Chips are cut out of the graph of parts so that little is sent between them; on each chip the parts start in the
    order of recursive spectral bisection and are swapped while that saves hops. Deterministic by seed.
    """
    source, target, messages = links
    mesh = chip.mesh
    chips = -(-parts // chip.cores)
    on_chip = np.zeros(parts, np.int64)
    if chips > 1:
        net = np.arange(len(source))
        graph = Hypergraph.of_pairs(parts, np.tile(net, 2), np.concatenate([source, target]), messages)
        on_chip = partition(graph, [chip.cores] * chips, seed)
    places = np.zeros((parts, 4), np.int64)
    for one in range(chips):
        members = np.flatnonzero(on_chip == one)
        number = np.full(parts, -1)
        number[members] = np.arange(len(members))
        inside = (number[source] >= 0) & (number[target] >= 0)
        weights = np.zeros((len(members), len(members)))
        np.add.at(weights, (number[source[inside]], number[target[inside]]), messages[inside])
        places[members, 0] = one
        places[members, 1:] = _on_mesh(weights + weights.T, mesh)
    if chips > 1:
        places[:, 0] = _board_order(links, on_chip, chips, chip)[places[:, 0]]
    return places


def hops(places: NDArray[np.int64], links: Links, mesh: Mesh) -> tuple[int, int]:
    """(east-west, north-south) hops of all messages by XY routing; chips stand in rows of `board_columns`."""
    columns, rows = _coordinates(places, mesh)
    source, target, messages = links
    east_west = np.abs(columns[source] - columns[target]) * messages
    north_south = np.abs(rows[source] - rows[target]) * messages
    return int(east_west.sum()), int(north_south.sum())


def link_loads(places: NDArray[np.int64], links: Links, mesh: Mesh) -> list[NDArray[np.int64]]:
    """Messages over every link between two routers, by XY routing, one direction at a time.

    Four arrays: along rows east and west, [row, column], then along columns south and north, [column, row]; each entry
    is of the link to the next router. Chips stand in rows of `board_columns`.
    """
    columns, rows = _coordinates(places, mesh)
    source, target, messages = links
    wide, high = int(columns.max(initial=0)) + 2, int(rows.max(initial=0)) + 2
    found = []
    for lines, start, end, shape in (
        (rows[source], columns[source], columns[target], (high, wide)),  # along the row of the source
        (columns[target], rows[source], rows[target], (wide, high)),  # then along the column of the target
    ):
        for first, last in ((start, end), (end, start)):  # one way, then the other
            load = np.zeros(shape, np.int64)
            going = first < last
            np.add.at(load, (lines[going], first[going]), messages[going])
            np.subtract.at(load, (lines[going], last[going]), messages[going])
            found.append(load.cumsum(axis=1))
    return found


def busiest_link(places: NDArray[np.int64], links: Links, mesh: Mesh) -> int:
    """Messages over the link between two routers that carries most, one direction at a time."""
    return max(int(load.max(initial=0)) for load in link_loads(places, links, mesh))


def board_columns(chips: int) -> int:
    """Chips in a row of the board: as square as it gets, because no source says how boards are wired."""
    return ceil(sqrt(chips))


def _coordinates(places: NDArray[np.int64], mesh: Mesh) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    wide = board_columns(int(places[:, 0].max(initial=0)) + 1)
    return places[:, 0] % wide * mesh.columns + places[:, 1], places[:, 0] // wide * mesh.rows + places[:, 2]


def _board_order(links: Links, on_chip: NDArray[np.int64], chips: int, chip: Chip) -> NDArray[np.int64]:
    """The place on the board of each chip."""
    source, target, messages = links
    weights = np.zeros((chips, chips))
    np.add.at(weights, (on_chip[source], on_chip[target]), messages)
    wide = board_columns(chips)
    board = chip.mesh.model_copy(update={"columns": wide, "rows": -(-chips // wide), "cores_per_router": 1})
    at = _on_mesh(weights + weights.T, board)
    order = at[:, 1] * wide + at[:, 0]
    return np.asarray(np.argsort(np.argsort(order)))  # without gaps


def _on_mesh(weights: NDArray[np.float64], mesh: Mesh) -> NDArray[np.int64]:
    """[parts, 3]: column, row, slot of each part, for symmetric weights [parts, parts]."""
    parts = len(weights)
    np.fill_diagonal(weights, 0.0)
    slots = [(x, y, s) for y in range(mesh.rows) for x in range(mesh.columns) for s in range(mesh.cores_per_router)]
    table = np.array(slots, np.int64)
    seat = np.zeros(parts, np.int64)
    _bisect(weights, np.arange(parts), table, np.arange(len(table)), seat)
    return table[_swapped(weights, table, seat)]


def _bisect(
    weights: NDArray[np.float64],
    parts: NDArray[np.int64],
    table: NDArray[np.int64],
    seats: NDArray[np.int64],
    result: NDArray[np.int64],
) -> None:
    """Halves the parts in spectral order and the region along its longer side, down to single routers."""
    spans = [len(np.unique(table[seats, axis])) for axis in (0, 1)]
    if len(parts) <= 1 or max(spans) == 1:
        result[parts] = seats[: len(parts)]
        return
    axis = 0 if spans[0] >= spans[1] else 1
    lines = np.unique(table[seats, axis])
    low = seats[table[seats, axis] < lines[len(lines) // 2]]
    high = seats[table[seats, axis] >= lines[len(lines) // 2]]
    order = parts[_spectral_order(weights[np.ix_(parts, parts)])]
    first = min(len(low), max(len(parts) - len(high), round(len(parts) * len(low) / len(seats))))
    _bisect(weights, order[:first], table, low, result)
    _bisect(weights, order[first:], table, high, result)


def _spectral_order(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Nodes in the order of the Laplacian's second eigenvector; its first large entry is made positive."""
    if len(weights) < 3 or not weights.any():
        return np.arange(len(weights))
    _, vectors = np.linalg.eigh(np.diag(weights.sum(axis=1)) - weights)
    fiedler = np.round(vectors[:, 1], 9)
    sign = fiedler[np.argmax(np.abs(fiedler))]
    return np.asarray(np.argsort(fiedler * (1 if sign >= 0 else -1), kind="stable"))


def _swapped(weights: NDArray[np.float64], table: NDArray[np.int64], seat: NDArray[np.int64]) -> NDArray[np.int64]:
    """Steepest descent over swaps of two parts, and of a part and a free seat, on sum of weights * hops."""
    parts, seats = len(seat), len(table)
    full = np.zeros((seats, seats))
    full[:parts, :parts] = weights
    at = np.concatenate([seat, np.setdiff1d(np.arange(seats), seat)])
    distance = np.abs(table[:, None, :2] - table[None, :, :2]).sum(axis=2).astype(np.float64)
    for _ in range(20 * seats):
        cost = full @ distance[at]  # cost[i, s]: hops of part i were it at seat s
        here = cost[np.arange(seats), at]
        there = cost[:, at]
        gain = here[:, None] + here[None, :] - there - there.T - 2 * full * distance[np.ix_(at, at)]
        i, j = np.unravel_index(int(np.argmax(gain)), gain.shape)
        if gain[i, j] <= 1e-9:
            break
        at[i], at[j] = at[j], at[i]
    return np.asarray(at[:parts])


@dataclass(frozen=True)
class Traffic:
    """Spikes of a run, as messages.

    Attributes:
        sets: operand sets of the run.
        messages: from a core to another one.
        local: within a core.
        from_outside: of inputs and strobe, one for each core that they reach.
        inter_chip: those of `messages` that leave their chip.
        hops_east_west, hops_north_south: between routers, by XY routing, along rows and along columns.
    """

    sets: int
    messages: int
    local: int
    from_outside: int
    inter_chip: int
    hops_east_west: int
    hops_north_south: int

    def to_dict(self) -> dict[str, int]:
        """Plain values."""
        return asdict(self)


def core_links(network: Synaptic, assignment: NDArray[np.int64], spikes: NDArray[Any]) -> Links:
    """Messages between pairs of cores, pairs of a core with itself included, ascending."""
    cores = int(assignment.max(initial=-1)) + 1
    fired = network.sources >= network.n_inputs
    source = network.sources[fired].astype(np.int64)
    pairs = np.unique(source * cores + assignment[network.targets[fired]])
    source, target = pairs // cores, pairs % cores
    links, where = np.unique(assignment[source - network.n_inputs] * cores + target, return_inverse=True)
    messages = np.bincount(where, spikes[source], len(links)).astype(np.int64)
    return links // cores, links % cores, messages


def traffic(
    network: Synaptic,
    assignment: NDArray[np.int64],
    places: NDArray[np.int64],
    spikes: NDArray[np.int64],
    sets: int,
    mesh: Mesh,
) -> Traffic:
    """Counts of a run of `sets` operand sets in which each signal fired `spikes` times."""
    links = core_links(network, assignment, spikes)
    source, target, messages = links
    outside = network.sources < network.n_inputs
    cores = int(assignment.max(initial=-1)) + 1
    pairs = np.unique(network.sources[outside].astype(np.int64) * cores + assignment[network.targets[outside]])
    east_west, north_south = hops(places, links, mesh)
    return Traffic(
        sets=sets,
        messages=int(messages[source != target].sum()),
        local=int(messages[source == target].sum()),
        from_outside=int(spikes[pairs // cores].sum()),
        inter_chip=int(messages[places[source, 0] != places[target, 0]].sum()),
        hops_east_west=east_west,
        hops_north_south=north_south,
    )
