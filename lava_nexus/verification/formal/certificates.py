"""What was proven formally."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lava_nexus.verification.certificate_files import CircuitCertificate, read_certificates, write_certificates

FOLDER = Path(__file__).with_name("certificates")


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
        grounded = self.rests_on is None or any(one.network == self.rests_on for one in load())
        return grounded and super().holds


def load(folder: Path = FOLDER) -> list[ProofCertificate]:
    """All certificates."""
    return read_certificates(ProofCertificate, folder)


def certify(new: Iterable[ProofCertificate], folder: Path = FOLDER) -> None:
    """Writes certificates, each over one of the same arguments."""
    write_certificates(new, folder)
