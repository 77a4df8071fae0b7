"""What was proven by trying every operand set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lava_nexus.reports.report import installed_versions
from lava_nexus.verification.certificate_files import CircuitCertificate, read_certificates, write_certificates
from lava_nexus.verification.outcome import Outcome
from lava_nexus.verification.task import Task

FOLDER = Path(__file__).with_name("certificates")
_TOOLS = ("python", "lava-nexus", "numpy", "numba", "llvmlite", "ml-dtypes", "mpmath", "scipy")


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


def certify(found: Iterable[tuple[Task, Outcome]], folder: Path = FOLDER) -> int:
    """Writes a certificate for each proven result, over one of the same arguments; returns how many."""
    proven = (_certificate(task, outcome) for task, outcome in found if task.proven and outcome.mismatches == 0)
    return write_certificates(proven, folder)


def tool_versions() -> dict[str, str]:
    """Versions of what a check rests on."""
    versions = installed_versions()
    return {name: versions[name] for name in _TOOLS if name in versions}


def _certificate(task: Task, outcome: Outcome) -> Certificate:
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
        tools=tool_versions(),
    )
