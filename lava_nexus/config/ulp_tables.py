"""What `scripts/ulp_tables.py` reads: which layers and operations, on how many random inputs, in which format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lava_nexus.config.base import Config
from lava_nexus.config.run import FormatName
from lava_nexus.formats import FORMATS, FloatFormat

ComponentName = Literal[
    "linear",
    "rms_norm",
    "silu",
    "softmax",
    "qkv_projection",
    "attention_scores",
    "value_aggregation",
    "output_projection",
]
Count = Annotated[int, Field(ge=1)]


class UlpTablesConfig(Config):
    """ULP tables of layers, forward and backward, and of single operations.

    Attributes:
        format: name of the number format of every value.
        executor: what evaluates the neurons.
        basis: cells that the circuits are built of.
        accumulate: order of every sum.
        inputs: how many random inputs, a row for each; layers take whole problems of tokens * width inputs.
        components: layers.
        operations: names of operations; None for all that have a PyTorch counterpart.
        tokens, width, outputs: of one problem: x is [tokens, width], the weights of a linear layer [outputs, width].
        eps: of RMSNorm.
        seed: of all inputs, which are drawn from N(0, 1).
        out: folder for results.
    """

    format: FormatName = "float32"
    executor: Literal["bitsliced", "membrane", "lava", "reference"] = "bitsliced"
    basis: Literal["threshold", "nexus"] = "threshold"
    accumulate: Literal["sequential"] = "sequential"
    inputs: tuple[Count, ...] = Field(default=(1024, 1_000_000), min_length=1)
    components: tuple[ComponentName, ...] = ("linear", "rms_norm", "silu", "softmax")
    operations: tuple[str, ...] | None = None
    tokens: int = Field(default=16, ge=1)
    width: int = Field(default=64, ge=1)
    outputs: int = Field(default=64, ge=1)
    eps: float = Field(default=1e-6, ge=0, allow_inf_nan=False)
    seed: int = Field(default=0, ge=0, lt=2**64)
    out: Path = Path("results/ulp_tables")

    @property
    def float_format(self) -> FloatFormat:
        """The format object."""
        return FORMATS[self.format]
