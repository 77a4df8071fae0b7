"""Certificates: what was proven of a network, by trying every operand set or formally, as JSON in the package.

One file a format of operands, one line a certificate. A certificate holds as long as today's network has the digest
that it names; the test suite compares them. `records` keeps what was shown of golden functions, and of samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.files import write_text
from lava_nexus.formats import number_format_named
from lava_nexus.store import installed_versions
from lava_nexus.verify.check import Check
from lava_nexus.verify.correct import Outcome


@dataclass(frozen=True)
class OperationCertificate:
    """Something that was shown of one operation.

    Attributes:
        operation, format, to, options: arguments of `lava_nexus.circuit`; `to` is None for the operands' format.
    """

    operation: str
    format: str
    to: str | None
    options: dict[str, Any]

    @property
    def name(self) -> tuple[str, ...]:
        """What a newer certificate must share to replace this one."""
        return self.operation, self.format, self.to or "", json.dumps(self.options, sort_keys=True)

    def circuit(self, basis: str = "threshold") -> Circuit:
        """Today's circuit of these arguments."""
        to = None if self.to is None else number_format_named(self.to)
        return circuit(self.operation, number_format_named(self.format), to=to, basis=basis, **self.options)


@dataclass(frozen=True)
class CircuitCertificate(OperationCertificate):
    """Something that was shown of one network.

    Attributes:
        basis: further argument of `lava_nexus.circuit`.
        network: digest.
    """

    basis: str
    network: str

    @property
    def name(self) -> tuple[str, ...]:
        return *super().name, self.basis

    @property
    def holds(self) -> bool:
        """Whether today's network is the one named."""
        return self.circuit(self.basis).digest == self.network


CertificateT = TypeVar("CertificateT", bound=OperationCertificate)


def read_certificates(kind: type[CertificateT], folder: Path) -> list[CertificateT]:
    """All certificates of a folder."""
    return [one for path in sorted(folder.glob("*.json")) for one in _read(kind, path)]


def write_certificates(new: Iterable[CertificateT], folder: Path) -> int:
    """Writes certificates, each over one of the same arguments; returns how many."""
    listed = list(new)
    for fmt in sorted({one.format for one in listed}):
        path = folder / f"{fmt}.json"
        kept = {one.name: one for one in (_read(type(listed[0]), path) if path.exists() else [])}
        kept.update({one.name: one for one in listed if one.format == fmt})
        lines = [json.dumps(asdict(kept[name])) for name in sorted(kept)]
        write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")
    return len(listed)


def _read(kind: type[CertificateT], path: Path) -> list[CertificateT]:
    return [kind(**values) for values in json.loads(path.read_text(encoding="utf-8"))]


FOLDER = Path(__file__).with_name("certificates")
_TOOLS = ("python", "lava-nexus", "numpy", "numba", "llvmlite", "ml-dtypes", "mpmath", "scipy", "cupy")


@dataclass(frozen=True)
class Certificate(CircuitCertificate):
    """A network that answered as its golden function on every operand set.

    Attributes:
        inputs: "every input", "every pair" or "every triple".
        sets: how many that are.
        how: by what it was checked.
        seconds: wall time.
        tools: versions.
    """

    inputs: str
    sets: int
    how: str
    seconds: float
    tools: dict[str, str]


def load(folder: Path = FOLDER) -> list[Certificate]:
    """All certificates."""
    return read_certificates(Certificate, folder)


def certify(found: Iterable[tuple[Check, Outcome]], folder: Path = FOLDER) -> int:
    """Writes a certificate for each proven result, over one of the same arguments; returns how many."""
    proven = (_certificate(check, outcome) for check, outcome in found if check.proven and outcome.mismatches == 0)
    return write_certificates(proven, folder)


def tool_versions() -> dict[str, str]:
    """Versions of what a check rests on."""
    versions = installed_versions()
    return {name: versions[name] for name in _TOOLS if name in versions}


def arguments(check: Check) -> dict[str, Any]:
    """What `lava_nexus.circuit` made the circuit of a check from, as fields of an `OperationCertificate`."""
    return {name: getattr(check, name) for name in ("operation", "format", "to", "options")}


_NEURONS = {"bitsliced": "bit-sliced word logic", "cuda": "word logic on a GPU"}


def _certificate(check: Check, outcome: Outcome) -> Certificate:
    return Certificate(
        **arguments(check),
        basis=check.circuit.basis,
        network=check.circuit.digest,
        inputs=check.sets.how,
        sets=outcome.sets,
        how=f"{_NEURONS[check.executor]} against the golden function",
        seconds=round(outcome.seconds, 2),
        tools=tool_versions(),
    )


PROOFS = Path(__file__).with_name("proofs")


@dataclass(frozen=True)
class ProofCertificate(CircuitCertificate):
    """A network that was proven to answer as SMT-LIB floating-point arithmetic does, on all operands.

    Attributes:
        tool: solver and version.
        split: how the proof was cut into cases.
        seconds: of the solver, all cases together.
        cases: seconds of each case by its name.
        rests_on: network of another certificate that this proof takes as proven.
    """

    tool: str
    split: str
    seconds: float
    cases: dict[str, float]
    rests_on: str | None = None

    @property
    def holds(self) -> bool:
        """Whether today's network is the proven one, and what its proof rests on is there."""
        grounded = self.rests_on is None or any(one.network == self.rests_on for one in load_proofs())
        return grounded and super().holds


def load_proofs(folder: Path = PROOFS) -> list[ProofCertificate]:
    """All certificates."""
    return read_certificates(ProofCertificate, folder)


def certify_proofs(new: Iterable[ProofCertificate], folder: Path = PROOFS) -> None:
    """Writes certificates, each over one of the same arguments."""
    write_certificates(new, folder)
