"""What the pass over all inputs showed of a function's golden program against correct rounding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.formats import format_named
from lava_nexus.verification.certificate_files import OperationCertificate, read_certificates, write_certificates
from lava_nexus.verification.certificates import tool_versions
from lava_nexus.verification.outcome import Outcome
from lava_nexus.verification.task import Task

FOLDER = Path(__file__).with_name("certificates") / "rounding"


@dataclass(frozen=True)
class RoundingCertificate(OperationCertificate):
    """A golden program held against correct rounding on every input.

    Attributes:
        golden: digest of its integer operations and tables.
        sets: inputs.
        wrong, counted, wrong_counted, max_ulp, by_precision, neighbours, against_order: see `outcome.Rounding`.
        seconds: wall time.
        tools: versions.
    """

    golden: str
    sets: int
    wrong: int
    counted: int
    wrong_counted: int
    max_ulp: int
    by_precision: int
    neighbours: int
    against_order: int
    seconds: float
    tools: dict[str, str]

    @property
    def holds(self) -> bool:
        """Whether today's program is the one named."""
        fmt = format_named(self.format)
        golden = OPERATIONS[self.operation].golden(fmt, fmt, **self.options)
        return getattr(golden, "digest", "") == self.golden

    @property
    def correct(self) -> float:
        """Share of all inputs that is correctly rounded."""
        return 1 - self.wrong / self.sets

    @property
    def correct_counted(self) -> float:
        """Share of the inputs whose result is finite, not zero and no limit of the function."""
        return 1 - self.wrong_counted / self.counted


def load(folder: Path = FOLDER) -> list[RoundingCertificate]:
    """All certificates."""
    return read_certificates(RoundingCertificate, folder)


def certify(found: Iterable[tuple[Task, Outcome]], folder: Path = FOLDER) -> int:
    """Writes a certificate for each program that every input was tried on; returns how many."""
    return write_certificates([_certificate(task, outcome) for task, outcome in found if _whole(task, outcome)], folder)


def _whole(task: Task, outcome: Outcome) -> bool:
    tried = task.sets.whole and outcome.sets == task.sets.sets
    return tried and task.correct and outcome.rounding is not None and hasattr(task.circuit.golden, "digest")


def _certificate(task: Task, outcome: Outcome) -> RoundingCertificate:
    rounding = outcome.rounding
    assert rounding is not None
    names = ("wrong", "counted", "wrong_counted", "max_ulp", "by_precision", "neighbours", "against_order")
    return RoundingCertificate(
        operation=task.operation,
        format=task.format,
        to=task.to,
        options=task.options,
        golden=task.golden_digest,
        sets=outcome.sets,
        **{name: getattr(rounding, name) for name in names},
        seconds=round(outcome.seconds, 2),
        tools=tool_versions(),
    )
