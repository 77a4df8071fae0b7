"""Steps of a long run, each kept in a file of its own, so that a run that was ended goes on with the same bits."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.errors import NexusError
from lava_nexus.executors.executor import Tallies, Tally
from lava_nexus.files import write_bytes
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.models.forward import Counts
from lava_nexus.nlspike import OPERATORS, Operator, Options, operator

_SCHEMA = 1


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


class StepStore:
    """The steps of one run in a folder.

    Attributes:
        folder: where they are.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """`identity` is all that the bits depend on, as JSON values: steps of another one are not gone on from."""
        self.folder = folder
        self._identity = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()

    def clear(self) -> None:
        """Removes all steps."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def save(self, number: int, step: Step) -> None:
        """Writes a step, whole or not at all."""
        arrays = {f"array {name}": array for name, array in step.arrays.items()}
        rows: list[dict[str, Any]] = []
        for layer, tallies in step.counts.layers.items():
            for tally in tallies:
                row = {"layer": layer, **_described(tally.circuit), "invocations": tally.invocations}
                if tally.signal_spikes is not None:
                    arrays[f"spikes {len(rows)}"] = np.asarray(tally.signal_spikes)
                rows.append({**row, "active": tally.active})
        counts = step.counts
        header = {
            "schema": _SCHEMA,
            "identity": self._identity,
            "name": step.name,
            "seconds": step.seconds,
            "layers": list(counts.layers),
            "sizes": [counts.neurons, counts.synapses, counts.depth],
            "tallies": rows,
        }
        data = io.BytesIO()
        np.savez(data, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
        write_bytes(self._path(number), data.getvalue())

    def load(self) -> list[Step]:
        """The steps from the first on that are there.

        Raises:
            NexusError: they are of another run, or cannot be read.
        """
        found: list[Step] = []
        while self._path(len(found)).exists():
            found.append(self._read(self._path(len(found))))
        return found

    def _path(self, number: int) -> Path:
        return self.folder / f"step{number:04d}.npz"

    def _read(self, path: Path) -> Step:
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            header = json.loads(arrays.pop("header").tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise NexusError(f"finished step '{path}' cannot be read ({error}); run without --resume") from error
        if (header.get("schema"), header.get("identity")) != (_SCHEMA, self._identity):
            raise NexusError(
                f"finished step '{path}' is of a run with another config, checkpoint or version; run without --resume"
            )
        neurons, synapses, depth = header["sizes"]
        counts = Counts({layer: Tallies() for layer in header["layers"]}, neurons, synapses, depth)
        for number, row in enumerate(header["tallies"]):
            spikes = arrays.pop(f"spikes {number}", None)
            counts.layers[row["layer"]].add(Tally(_rebuilt(row, path), row["invocations"], spikes, row["active"]))
        plain = {name.partition(" ")[2]: array for name, array in arrays.items()}
        return Step(header["name"], header["seconds"], counts, plain)


def _described(made: Circuit | Operator) -> dict[str, Any]:
    if isinstance(made, Operator):
        return {"operator": made.name, "size": made.size, "options": dict(made.options), "digest": made.digest}
    source, target = made.inputs[0].format, made.output.format
    return {
        "circuit": made.name,
        "format": str(source),
        "to": str(target),
        "basis": made.basis,
        "options": dict(made.options),
        "digest": made.digest,
    }


def _rebuilt(row: Mapping[str, Any], path: Path) -> Circuit | Operator:
    if "operator" in row:
        return _rebuilt_operator(row, path)
    source, target = _format(row["format"], path), _format(row["to"], path)
    made = circuit(
        row["circuit"], source, to=None if target == source else target, basis=row["basis"], **row["options"]
    )
    if made.digest != row["digest"]:
        raise NexusError(f"finished step '{path}' counted another circuit '{made.label}'; run without --resume")
    return made


def _rebuilt_operator(row: Mapping[str, Any], path: Path) -> Operator:
    if row["operator"] not in OPERATORS:
        raise NexusError(
            f"finished step '{path}' counted spikes of a linear layer, which are not kept; run without --resume"
        )
    options = dict(row["options"])
    eps = options.pop("eps", 1e-5)
    made = operator(row["operator"], row["size"], Options(**options), eps)
    if made.digest != row["digest"]:
        raise NexusError(f"finished step '{path}' counted another operator '{made.label}'; run without --resume")
    return made


def _format(name: str, path: Path) -> FloatFormat:
    if name not in FORMATS:
        raise NexusError(f"finished step '{path}' counted a circuit of format '{name}', which is not known")
    return FORMATS[name]
