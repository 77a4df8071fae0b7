"""What `scripts/verify.py` reads: jobs, each a set of operand sets and what is held against what on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from lava_nexus.config.base import Config
from lava_nexus.config.names import FormatName

DEFAULT_CHUNK = 1 << 17
EVERY_OPERATION: Literal["all"] = "all"


class Job(Config):
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
        chunk: operand sets between two marks of progress.
        certify: whether results replace their certificates, or records of samples, in the package.
        out: folder for results, and for the progress that an interrupted run continues from.
    """

    jobs: tuple[Job, ...] = Field(min_length=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    threads: int | None = Field(default=None, ge=1)
    chunk: int = Field(default=DEFAULT_CHUNK, ge=1)
    certify: bool = False
    out: Path = Path("results/verify")
