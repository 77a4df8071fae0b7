"""What was proven, as small files that come with the package, one a format of operands.

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

FOLDER = Path(__file__).with_name("certificates")


@dataclass(frozen=True)
class ProofCertificate:
    """A network that was proven to answer as SMT-LIB floating-point arithmetic does, on all operands.

    Attributes:
        operation, format, to, options, basis: arguments of `lava_nexus.circuit`; `to` is None for the operands' format.
        network: digest.
        tool: solver and version.
        split: how the proof was cut into cases.
        rests_on: network of another certificate that this proof takes as proven.
        seconds: of the solver, all cases together.
        cases: seconds of each case by its name.
    """

    operation: str
    format: str
    to: str | None
    options: dict[str, Any]
    basis: str
    network: str
    tool: str
    split: str
    seconds: float
    cases: dict[str, float]
    rests_on: str | None = None

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
        """Whether today's network is the proven one, and what its proof rests on is there."""
        grounded = self.rests_on is None or any(one.network == self.rests_on for one in load())
        return grounded and self.circuit().digest == self.network


def load(folder: Path = FOLDER) -> list[ProofCertificate]:
    """All certificates."""
    return [one for path in sorted(folder.glob("*.json")) for one in _read(path)]


def certify(new: Iterable[ProofCertificate], folder: Path = FOLDER) -> None:
    """Writes certificates, each over one of the same arguments."""
    listed = list(new)
    for fmt in sorted({one.format for one in listed}):
        path = folder / f"{fmt}.json"
        kept = {one.name: one for one in (_read(path) if path.exists() else [])}
        kept.update({one.name: one for one in listed if one.format == fmt})
        lines = [json.dumps(asdict(kept[name])) for name in sorted(kept)]
        write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")


def _read(path: Path) -> list[ProofCertificate]:
    return [ProofCertificate(**values) for values in json.loads(path.read_text(encoding="utf-8"))]
