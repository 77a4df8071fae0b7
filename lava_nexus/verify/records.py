"""What was shown of a function's golden program: against correct rounding on all inputs, and on samples.

A rounding certificate rests on a pass over all inputs. A record of a sample says what was tested, not proven, where
there are too many operand sets to try them all. Both name the program by its digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.formats import format_named
from lava_nexus.verify.certificates import (
    OperationCertificate,
    arguments,
    read_certificates,
    tool_versions,
    write_certificates,
)
from lava_nexus.verify.check import Check
from lava_nexus.verify.correct import Outcome
from lava_nexus.verify.sets import Sample

FOLDER = Path(__file__).with_name("certificates") / "rounding"


@dataclass(frozen=True)
class GoldenCertificate(OperationCertificate):
    """Something that was shown of a golden program.

    Attributes:
        golden: digest of its integer operations and tables.
    """

    golden: str

    @property
    def holds(self) -> bool:
        """Whether today's golden program is the one named."""
        fmt = format_named(self.format)
        return OPERATIONS[self.operation].golden(fmt, fmt, **self.options).digest == self.golden


@dataclass(frozen=True)
class RoundingCertificate(GoldenCertificate):
    """A golden program held against correct rounding on every input.

    Attributes:
        sets: inputs.
        wrong, counted, wrong_counted, max_ulp, by_precision, neighbours, against_order: see `outcome.Rounding`.
        seconds: wall time.
        tools: versions.
    """

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


def certify(found: Iterable[tuple[Check, Outcome]], folder: Path = FOLDER) -> int:
    """Writes a certificate for each program that every input was tried on; returns how many."""
    return write_certificates(
        [_certificate(check, outcome) for check, outcome in found if _whole(check, outcome)], folder
    )


def _whole(check: Check, outcome: Outcome) -> bool:
    tried = check.sets.whole and outcome.sets == check.sets.sets
    return tried and check.correct and outcome.rounding is not None and check.circuit.golden.known == "program"


def _certificate(check: Check, outcome: Outcome) -> RoundingCertificate:
    rounding = outcome.rounding
    assert rounding is not None
    names = ("wrong", "counted", "wrong_counted", "max_ulp", "by_precision", "neighbours", "against_order")
    return RoundingCertificate(
        **arguments(check),
        golden=check.golden_digest,
        sets=outcome.sets,
        **{name: getattr(rounding, name) for name in names},
        seconds=round(outcome.seconds, 2),
        tools=tool_versions(),
    )


SAMPLES = Path(__file__).with_name("certificates") / "samples"


@dataclass(frozen=True)
class SampleRecord(GoldenCertificate):
    """A function's golden program, or its neurons, on corners and random operands.

    Attributes:
        basis, network: of the neurons; empty where they were not asked.
        how: sample and question in words.
        sets: operand sets.
        mismatches: sets on which the neurons differ from the golden program; None where not asked.
        wrong, max_ulp: golden results that are not correctly rounded, their largest distance; None where not asked.
        seconds: wall time.
        tools: versions.
    """

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
        return *super().name, self.basis


def load_samples(folder: Path = SAMPLES) -> list[SampleRecord]:
    """All records."""
    return read_certificates(SampleRecord, folder)


def record(found: Iterable[tuple[Check, Outcome]], folder: Path = SAMPLES) -> int:
    """Writes a record for each function tried on a sample, over one of the same arguments; returns how many."""
    sampled = (pair for pair in found if isinstance(pair[0].sets, Sample) and pair[0].circuit.golden.known == "program")
    return write_certificates([_record(check, outcome) for check, outcome in sampled], folder)


def _record(check: Check, outcome: Outcome) -> SampleRecord:
    rounding = outcome.rounding
    return SampleRecord(
        **arguments(check),
        golden=check.golden_digest,
        basis=check.circuit.basis if check.neural else "",
        network=check.circuit.digest if check.neural else "",
        how=check.how,
        sets=outcome.sets,
        mismatches=outcome.mismatches,
        wrong=None if rounding is None else rounding.wrong,
        max_ulp=None if rounding is None else rounding.max_ulp,
        seconds=round(outcome.seconds, 2),
        tools=tool_versions(),
    )
