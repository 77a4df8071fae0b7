"""What `scripts/prove.py` reads: which circuits are to be proven, and in what cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from lava_nexus.config.base import Config, did_you_mean
from lava_nexus.formats import FORMATS, INTEGER_FORMATS
from lava_nexus.verification.formal.specification import SPECIFIED


def _format(name: str) -> str:
    if name in INTEGER_FORMATS:
        return name
    if name not in FORMATS:
        raise ValueError(f"this format does not exist{did_you_mean(name, FORMATS | INTEGER_FORMATS)}")
    if not FORMATS[name].inf:
        raise ValueError(
            "this format has no infinity, and SMT-LIB no sort for it; `scripts/verify.py` tries all operands"
        )
    return name


def _operation(name: str) -> str:
    if name not in SPECIFIED:
        raise ValueError(f"SMT-LIB has no such operation{did_you_mean(name, SPECIFIED)}")
    return name


FormatName = Annotated[str, AfterValidator(_format)]
OperationName = Annotated[str, AfterValidator(_operation)]


class ProofJob(Config):
    """Circuits to be proven in the same way.

    Attributes:
        operations: names.
        formats: of the operands.
        to: formats of the result where the operation has a choice; none stands for that of the operands.
        bases: cells that the circuits are built of.
        split: cases, see `lava_nexus.verification.formal.cases.split`.
        options: further arguments of `lava_nexus.circuit`.
    """

    operations: tuple[OperationName, ...] = Field(min_length=1)
    formats: tuple[FormatName, ...] = Field(min_length=1)
    to: tuple[FormatName, ...] = ()
    bases: tuple[Literal["threshold", "nexus"], ...] = ("threshold",)
    split: Literal["none", "distance", "product", "digits", "addition"] = "none"
    options: dict[str, Any] = Field(default_factory=dict)


class ProofConfig(Config):
    """Proofs, and how long to try.

    Attributes:
        proofs: in order.
        time_limit: seconds a case; one that takes longer is undecided.
        certify: whether proofs replace their certificates in the package.
        only_stale: whether circuits are left out that a certificate in the package holds for.
        out: folder for results, and for the cases that an interrupted run continues from.
    """

    proofs: tuple[ProofJob, ...] = Field(min_length=1)
    time_limit: float = Field(default=600, gt=0)
    certify: bool = False
    only_stale: bool = False
    out: Path = Path("results/proofs")


QUICK = (ProofJob(operations=("add", "compare_lt", "compare_le", "compare_eq"), formats=("float8_e5m2",)),)
"""What `--quick` proves, in seconds."""
