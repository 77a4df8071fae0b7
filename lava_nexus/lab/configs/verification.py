"""Configs of what is verified and proven: operand sets to try, cases to prove, inputs to correct, the table of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config, did_you_mean
from lava_nexus.formats import FORMATS, INTEGER_FORMATS
from lava_nexus.lab.configs import FormatName, one_of
from lava_nexus.verify.formal.specification import SPECIFIED

DEFAULT_CHUNK = 1 << 17
GPU_CHUNK = 1 << 26
EVERY_OPERATION: Literal["all"] = "all"


class VerifyJob(Config):
    """One question asked of several circuits.

    Attributes:
        inputs: `exhaustive` tries every combination of operands; `sample` corners of the format crossed with corners,
            then random ones of the kinds that rounding finds hard.
        check: `gates` holds the neurons against the golden function, `correct` the golden function against correct
            rounding, `both` does both on one evaluation of the golden function; `direct` holds the neurons against
            correct rounding, without the golden function.
        operations: names, or `all` of them, or all `functions` whose correct rounding is known; of `all` and
            `functions` those that a format does not have, or whose operands are too many bits for `exhaustive`, are
            left out and named.
        operands: of `all` and `functions`, only operations of so many operands.
        formats: of the operands.
        to: formats of the result where the operation has a choice; none stands for that of the operands.
        bases: cells that the circuits are built of.
        options: further arguments of `lava_nexus.circuit`.
        size: random operand sets of a sample.
        corners: most combinations of corners in a sample; where there are more, so many are drawn.
    """

    inputs: Literal["exhaustive", "sample"]
    check: Literal["gates", "correct", "both", "direct"] = "gates"
    operations: tuple[str, ...] | Literal["all", "functions"] = EVERY_OPERATION
    operands: int | None = Field(default=None, ge=1)
    formats: tuple[FormatName, ...] = Field(min_length=1)
    to: tuple[str, ...] = ()
    bases: tuple[Literal["threshold", "nexus"], ...] = ("threshold", "nexus")
    options: dict[str, Any] = Field(default_factory=dict)
    size: int = Field(default=1_000_000, ge=0)
    corners: int = Field(default=1 << 22, ge=0)


class VerifyConfig(Config):
    """Jobs, and how to run them.

    Attributes:
        jobs: in order.
        seed: of every sample.
        threads: at most so many; None for the processors that this process may use.
        cluster: where chunks are tried instead, see `lava_nexus.cluster`.
        executor: what evaluates the neurons; on `cuda` so are golden functions, while correct rounding is the host's.
        chunk: operand sets between two marks of progress; None for 2^17, and on `cuda` 2^26 where all are tried.
        certify: whether results replace their certificates, or records of samples, in the package.
        out: folder for results, and for the progress that an interrupted run continues from.
    """

    jobs: tuple[VerifyJob, ...] = Field(min_length=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    threads: int | None = Field(default=None, ge=1)
    cluster: Cluster = None
    executor: Literal["bitsliced", "cuda"] = "bitsliced"
    chunk: int | None = Field(default=None, ge=1)
    certify: bool = False
    out: Path = Path("results/verify")

    def sets_at_a_time(self, job: VerifyJob) -> int:
        """The chunk of a job: on a GPU a large one, where operands and golden function are made there."""
        on_gpu = self.executor == "cuda" and job.inputs == "exhaustive" and job.check == "gates"
        return self.chunk or (GPU_CHUNK if on_gpu else DEFAULT_CHUNK)


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


ProofFormatName = Annotated[str, AfterValidator(_format)]
OperationName = Annotated[str, one_of(SPECIFIED, "SMT-LIB has no such operation")]


class ProofJob(Config):
    """Circuits to be proven in the same way.

    Attributes:
        operations: names.
        formats: of the operands.
        to: formats of the result where the operation has a choice; none stands for that of the operands.
        bases: cells that the circuits are built of.
        split: cases, see `lava_nexus.verify.formal.terms.split`.
        options: further arguments of `lava_nexus.circuit`.
    """

    operations: tuple[OperationName, ...] = Field(min_length=1)
    formats: tuple[ProofFormatName, ...] = Field(min_length=1)
    to: tuple[ProofFormatName, ...] = ()
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
        cluster: where cases are proven, see `lava_nexus.cluster`.
        out: folder for results, and for the cases that an interrupted run continues from.
    """

    proofs: tuple[ProofJob, ...] = Field(min_length=1)
    time_limit: float = Field(default=600, gt=0)
    certify: bool = False
    only_stale: bool = False
    cluster: Cluster = None
    out: Path = Path("results/proofs")


QUICK = (ProofJob(operations=("add", "compare_lt", "compare_le", "compare_eq"), formats=("float8_e5m2",)),)
"""What `--quick` proves, in seconds."""


FunctionName = Literal["exp", "sigmoid", "tanh", "silu", "gelu"]


class CorrectionsConfig(Config):
    """Which functions, and how.

    Attributes:
        operations: functions of FP32.
        threads: at most so many.
        cluster: where chunks are tried instead, see `lava_nexus.cluster`.
        store: whether what is found replaces the corrections in the package.
        out: folder for what is found, and for the progress that an interrupted run continues from.
    """

    operations: tuple[FunctionName, ...] = Field(min_length=1)
    threads: int = Field(default=1, ge=1)
    cluster: Cluster = None
    store: bool = False
    out: Path = Path("results/corrections")


class FunctionTableConfig(Config):
    """Where the table goes.

    Attributes:
        pages: pages whose part `functions` it becomes; none for the folder alone.
        sample_pages: pages whose part `samples` the table of what was only sampled becomes.
        out: folder for table and rows.
    """

    pages: tuple[Path, ...] = ()
    sample_pages: tuple[Path, ...] = ()
    out: Path = Path("results/function_table")
