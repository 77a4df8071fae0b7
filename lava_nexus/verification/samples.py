"""What a sample of operand sets showed where there are too many to try them all: tested, not proven."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.formats import format_named
from lava_nexus.verification.certificate_files import OperationCertificate, read_certificates, write_certificates
from lava_nexus.verification.certificates import tool_versions
from lava_nexus.verification.outcome import Outcome
from lava_nexus.verification.sets import Sample
from lava_nexus.verification.task import Task

FOLDER = Path(__file__).with_name("certificates") / "samples"


@dataclass(frozen=True)
class SampleRecord(OperationCertificate):
    """A function's golden program, or its neurons, on corners and random operands.

    Attributes:
        golden: digest of the golden program.
        basis, network: of the neurons; empty where they were not asked.
        how: sample and question in words.
        sets: operand sets.
        mismatches: sets on which the neurons differ from the golden program; None where not asked.
        wrong, max_ulp: golden results that are not correctly rounded, their largest distance; None where not asked.
        seconds: wall time.
        tools: versions.
    """

    golden: str
    basis: str
    network: str
    how: str
    sets: int
    mismatches: int | None
    wrong: int | None
    max_ulp: int | None
    seconds: float
    tools: dict[str, str]

    @property
    def name(self) -> tuple[str, ...]:
        """What a newer record must share to replace this one."""
        return *super().name, self.basis

    @property
    def holds(self) -> bool:
        """Whether today's golden program is the one named; the table of functions asks for the neurons too."""
        fmt = format_named(self.format)
        return getattr(OPERATIONS[self.operation].golden(fmt, fmt, **self.options), "digest", "") == self.golden


def load(folder: Path = FOLDER) -> list[SampleRecord]:
    """All records."""
    return read_certificates(SampleRecord, folder)


def record(found: Iterable[tuple[Task, Outcome]], folder: Path = FOLDER) -> int:
    """Writes a record for each function tried on a sample, over one of the same arguments; returns how many."""
    sampled = (pair for pair in found if isinstance(pair[0].sets, Sample) and hasattr(pair[0].circuit.golden, "digest"))
    return write_certificates([_record(task, outcome) for task, outcome in sampled], folder)


def _record(task: Task, outcome: Outcome) -> SampleRecord:
    rounding = outcome.rounding
    return SampleRecord(
        operation=task.operation,
        format=task.format,
        to=task.to,
        options=task.options,
        golden=task.golden_digest,
        basis=task.circuit.basis if task.neural else "",
        network=task.circuit.digest if task.neural else "",
        how=task.how,
        sets=outcome.sets,
        mismatches=outcome.mismatches,
        wrong=None if rounding is None else rounding.wrong,
        max_ulp=None if rounding is None else rounding.max_ulp,
        seconds=round(outcome.seconds, 2),
        tools=tool_versions(),
    )
