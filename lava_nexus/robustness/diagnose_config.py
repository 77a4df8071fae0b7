"""What `scripts/diagnose.py` reads: a set-up, and from where on something is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from lava_nexus.config.base import Config
from lava_nexus.config.membrane import MembraneOptions
from lava_nexus.config.names import FormatName
from lava_nexus.robustness.config import LogicName, OperationName


class DiagnoseConfig(Config):
    """A set-up to be checked against known signatures of failure.

    Attributes:
        membrane: how its neurons differ from ideal ones.
        format, basis: of its circuits.
        gates: single gates that are tried.
        sigma: noise at which gates are tried, whatever `membrane.noise` says.
        gate_accuracy: least share of right answers of a gate at that noise.
        operations: simple operations whose distance from the right result is taken.
        mean_ulp: largest mean distance.
        losses: loss curve of a training: JSON with a list `losses` (as scripts/train_digits.py writes it), or text with
            a number a line or a column `loss`; None where there is none.
        rise: a loss that ends above this multiple of its minimum has diverged.
        trials: operand sets a check.
        seed: of operands and noise.
        out: folder for the diagnosis.
    """

    membrane: MembraneOptions = MembraneOptions()
    format: FormatName = "float32"
    basis: Literal["threshold", "nexus"] = "threshold"
    gates: tuple[LogicName, ...] = ("and", "or", "xor")
    sigma: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    gate_accuracy: float = Field(default=0.98, gt=0, le=1)
    operations: tuple[OperationName, ...] = ("add", "mul")
    mean_ulp: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    losses: Path | None = None
    rise: float = Field(default=2.0, gt=1, allow_inf_nan=False)
    trials: int = Field(default=4000, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**64)
    out: Path = Path("results/diagnosis")
