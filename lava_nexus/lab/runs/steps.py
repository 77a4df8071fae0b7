"""Steps of a long run, each kept in a file of its own, so that a run that was ended goes on with the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import BankTally, Tallies, Tally
from lava_nexus.models.forward import Counts
from lava_nexus.populations import Operator
from lava_nexus.store import Store

Unit = Circuit | Operator

_APART = ("circuit", "signal_spikes")
_TALLIES: dict[str, type[Tally]] = {kind.__name__: kind for kind in (Tally, BankTally)}


@dataclass
class Step:
    """A finished step.

    Attributes:
        name: for reports, for example "layer 3".
        seconds: that it took, the reference left out.
        counts: of the step alone.
        arrays: patterns that the next step, or the report, needs, by name.
    """

    name: str
    seconds: float
    counts: Counts
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


class StepStore(Store):
    """The steps of one run in a folder, numbered from 0."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """`identity` is what the bits depend on beside the package: JSON values by what they are called."""
        super().__init__(folder, "step", identity)

    def save(self, number: int, step: Step) -> None:
        """Writes a step, whole or not at all."""
        arrays = {f"array {name}": array for name, array in step.arrays.items()}
        rows: list[dict[str, Any]] = []
        for layer, tallies in step.counts.layers.items():
            for tally in tallies:
                counted = {f.name: getattr(tally, f.name) for f in fields(tally) if f.name not in _APART}
                if tally.signal_spikes is not None:
                    arrays[f"spikes {len(rows)}"] = np.asarray(tally.signal_spikes)
                kind, label = type(tally).__name__, tally.circuit.label
                rows.append({"layer": layer, "digest": tally.circuit.digest, "of": label, "kind": kind, **counted})
        counts = step.counts
        values = {
            "name": step.name,
            "seconds": step.seconds,
            "layers": list(counts.layers),
            "sizes": [counts.neurons, counts.synapses, counts.depth],
            "tallies": rows,
        }
        self.put(number, values, arrays)

    def load(self, invoked: Callable[[str, list[Step]], Iterable[Unit]]) -> list[Step]:
        """The steps from the first on that are there.

        Args:
            invoked: the circuits and operators of a step, by its name and the steps before it.

        Raises:
            NexusError: they are of another run, or cannot be read.
        """
        found: list[Step] = []
        known: dict[str, Unit] = {}
        while (piece := self.get(len(found))) is not None:
            values, path = piece.values, self.path(len(found))
            if any(row["digest"] not in known for row in values["tallies"]):
                known |= {unit.digest: unit for unit in invoked(values["name"], found)}
            found.append(_step(values, piece.arrays, known, path))
        return found


def _step(header: dict[str, Any], arrays: dict[str, NDArray[Any]], known: Mapping[str, Unit], path: Path) -> Step:
    neurons, synapses, depth = header["sizes"]
    counts = Counts({layer: Tallies() for layer in header["layers"]}, neurons, synapses, depth)
    for number, row in enumerate(header["tallies"]):
        layer, digest, label, kind = (row.pop(key) for key in ("layer", "digest", "of", "kind"))
        if digest not in known:
            raise NexusError(f"finished step '{path}' counted another '{label}'; begin anew with --restart")
        counts.layers[layer].add(
            _TALLIES[kind](known[digest], signal_spikes=arrays.pop(f"spikes {number}", None), **row)
        )
    plain = {name.partition(" ")[2]: array for name, array in arrays.items()}
    return Step(header["name"], header["seconds"], counts, plain)
