"""What was proven by trying every operand set, as small files that come with the package.

A certificate holds as long as today's network has the digest it names; the test suite compares them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.formats import number_format_named
from lava_nexus.reports.files import write_text
from lava_nexus.reports.report import installed_versions
from lava_nexus.verification.outcome import Outcome
from lava_nexus.verification.task import Task

FOLDER = Path(__file__).with_name("certificates")
_TOOLS = ("python", "lava-nexus", "numpy", "numba", "ml-dtypes")


@dataclass(frozen=True)
class Certificate:
    """A network that answered as its golden function on every operand set.

    Attributes:
        operation, format, to, options, basis: arguments of `lava_nexus.circuit`; `to` is None for the operands' format.
        network: digest.
        inputs: "every input", "every pair" or "every triple".
        sets: how many that are.
        how: by what it was checked.
        seconds: wall time.
        tools: versions.
    """

    operation: str
    format: str
    to: str | None
    options: dict[str, Any]
    basis: str
    network: str
    inputs: str
    sets: int
    how: str
    seconds: float
    tools: dict[str, str]

    @property
    def name(self) -> tuple[str, ...]:
        """What a newer certificate must share to replace this one."""
        return self.operation, self.format, self.to or "", json.dumps(self.options, sort_keys=True), self.basis

    def circuit(self) -> Circuit:
        """Today's circuit of these arguments."""
        to = None if self.to is None else number_format_named(self.to)
        return circuit(self.operation, number_format_named(self.format), to=to, basis=self.basis, **self.options)

    @property
    def holds(self) -> bool:
        """Whether today's network is the proven one."""
        return self.circuit().digest == self.network


def load(folder: Path = FOLDER) -> list[Certificate]:
    """All certificates."""
    return [one for path in sorted(folder.glob("*.json")) for one in _read(path)]


def certify(found: Iterable[tuple[Task, Outcome]], folder: Path = FOLDER) -> int:
    """Writes a certificate for each proven result, over one of the same arguments; returns how many."""
    new = [_certificate(task, outcome) for task, outcome in found if task.proven and outcome.mismatches == 0]
    for fmt in sorted({one.format for one in new}):
        path = folder / f"{fmt}.json"
        kept = {one.name: one for one in (_read(path) if path.exists() else [])}
        kept.update({one.name: one for one in new if one.format == fmt})
        lines = [json.dumps(asdict(kept[name]), sort_keys=False) for name in sorted(kept)]
        write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")
    return len(new)


def _read(path: Path) -> list[Certificate]:
    return [Certificate(**values) for values in json.loads(path.read_text(encoding="utf-8"))]


def _certificate(task: Task, outcome: Outcome) -> Certificate:
    versions = installed_versions()
    return Certificate(
        operation=task.operation,
        format=task.format,
        to=task.to,
        options=task.options,
        basis=task.circuit.basis,
        network=task.circuit.digest,
        inputs=task.sets.how,
        sets=outcome.sets,
        how="bit-sliced word logic against the golden function",
        seconds=round(outcome.seconds, 2),
        tools={name: versions[name] for name in _TOOLS if name in versions},
    )
