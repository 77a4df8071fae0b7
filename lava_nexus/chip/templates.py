"""One instance of a circuit placed on cores, kept on disk: what every instance of it looks like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.chip.demand import demand
from lava_nexus.chip.description import Chip
from lava_nexus.chip.packing import Piece
from lava_nexus.chip.place import place_circuit
from lava_nexus.chip.placement import Placement
from lava_nexus.circuits import Circuit
from lava_nexus.disk_cache import cached, source_digest
from lava_nexus.neurons import ThresholdNetwork
from lava_nexus.neurons.serialisation import from_arrays, to_arrays

_FIELDS = ("assignment", "places", "groups", "spikes")


def circuit_template(circuit: Circuit, chip: Chip, max_delay: int | None, seed: int, sets: int) -> Placement:
    """The placement of one instance, as `place` makes it."""
    key = f"{circuit.digest} {json.dumps(chip.resolved())} {max_delay} {seed} {sets} {_sources()}"

    def build() -> Placement:
        return place_circuit(circuit, chip, max_delay, None, seed, sets)

    def save(placed: Placement) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, metadata = to_arrays(placed.network)
        return arrays | {name: getattr(placed, name) for name in _FIELDS}, metadata

    def load(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Placement:
        own = {name: np.asarray(arrays[name]) for name in _FIELDS}
        return Placement(circuit.label, from_arrays(arrays, metadata), chip, **own, sets=sets, seed=seed)

    return cached("placements", key, build, save, load)


def circuit_pieces(label: str, placed: Placement, count: int) -> list[Piece]:
    """Its parts, core by core, as often as there are instances."""
    use, synops, parts = placed.demand, placed.synops_per_set, len(placed.places)
    return [
        Piece(
            name=label if parts == 1 else f"{label}, part {core + 1} of {parts}",
            kind=label,
            neurons=int(use.neurons[core]),
            delay_bits=int(use.delay_bits[core]),
            synapse_words=int(use.synapse_words[core]),
            axons_in=int(use.axons_in[core]),
            axons_out=int(use.axons_out[core]),
            synops=float(synops[core]),
            count=count,
        )
        for core in range(parts)
    ]


def network_piece(
    label: str, network: ThresholdNetwork, chip: Chip, count: int, synops: float, recurrent: int = 0
) -> Piece:
    """A small network as one part, of so many SynOps a step; `recurrent` of its neurons feed themselves too."""
    zeros = np.zeros(network.neurons, np.int64)
    use = demand(network, zeros, zeros, 1, chip)
    return Piece(
        name=label,
        kind=label,
        neurons=network.neurons,
        delay_bits=int(use.delay_bits[0]),
        synapse_words=int(use.synapse_words[0]),
        axons_in=int(use.axons_in[0]),
        axons_out=int(use.axons_out[0]) + recurrent,
        synops=synops,
        count=count,
    )


@lru_cache(maxsize=1)
def _sources() -> str:
    return source_digest(*map(str, sorted(Path(__file__).parent.rglob("*.py"))))
