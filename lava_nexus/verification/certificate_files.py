"""Certificates as small files that come with the package: JSON, one a format of operands, one line a certificate.

A certificate holds as long as today's network has the digest that it names; the test suite compares them.
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
        """What a newer certificate must share to replace this one."""
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
