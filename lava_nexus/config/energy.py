"""What `scripts/measure_energy.py` reads: the energy table, or the map of precision against energy against error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lava_nexus.config.base import Config, did_you_mean
from lava_nexus.config.names import EnergyModelName, FormatName
from lava_nexus.layers.order import Accumulate

Basis = Literal["threshold", "nexus"]
SUBJECTS = (
    *("and", "not", "xor", "mux", "full_adder"),
    *("add", "mul", "div", "reciprocal", "sqrt", "exp", "exp2", "log", "sigmoid", "tanh", "sin", "silu", "gelu"),
    *("rms_norm", "layer_norm", "linear_64", "linear_256", "linear_512", "embedding"),
    *("qkv", "scores", "softmax", "rope", "output", "attention", "up", "ffn_silu", "down", "feed_forward", "block"),
)
"""Rows of the energy table; a test holds them against what `lava_nexus.tables.energy` can run."""


def _subject(name: str) -> str:
    if name not in SUBJECTS:
        raise ValueError(f"this row does not exist{did_you_mean(name, SUBJECTS)}")
    return name


Subject = Annotated[str, AfterValidator(_subject)]


class EnergyTable(Config):
    """Rows of the published energy table, measured.

    Attributes:
        kind: which of the two this is.
        subjects: rows.
        format, basis, accumulate: of every circuit.
        operand_sets: of each row; a layer's row runs as many tokens.
        placements: files of placements on cores, by row; rows of single circuits.
        macs_at_most: a row runs fewer operand sets where they would be more multiply-accumulates than this.
    """

    kind: Literal["table"]
    subjects: tuple[Subject, ...] = Field(default=SUBJECTS, min_length=1)
    format: FormatName = "float32"
    basis: Basis = "threshold"
    accumulate: Accumulate = "sequential"
    operand_sets: int = Field(default=1024, ge=1)
    placements: dict[Subject, Path] = Field(default_factory=dict)
    macs_at_most: int = Field(default=4_000_000, ge=1)


class PrecisionMap(Config):
    """One linear layer in every choice of arithmetic: energy a multiply-accumulate against error.

    Attributes:
        kind: which of the two this is.
        size: inputs and outputs of the layer.
        tokens: rows of operands.
        formats, bases, accumulate, weights, styles: each combination is a point, those left out that do not exist:
            constant weights go into rounded products, and the nexus basis has one style.
    """

    kind: Literal["precision"]
    size: int = Field(default=64, ge=1)
    tokens: int = Field(default=64, ge=1)
    formats: tuple[FormatName, ...] = ("float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32")
    bases: tuple[Basis, ...] = Field(default=("threshold", "nexus"), min_length=1)
    accumulate: tuple[Accumulate, ...] = Field(default=("sequential", "fma", "pairwise"), min_length=1)
    weights: tuple[Literal["operand", "constant"], ...] = Field(default=("operand", "constant"), min_length=1)
    styles: tuple[Literal["neurons", "depth", "energy"], ...] = Field(default=("neurons", "energy"), min_length=1)


class EnergyConfig(Config):
    """One measurement of energy.

    Attributes:
        measure: what.
        executor: what evaluates the circuits.
        activity: whether active neuron updates are told from idle ones, which takes longer.
        energy_model: name of the constants, or a YAML file of them.
        seed: of operands and weights.
        out: folder for results.
    """

    measure: Annotated[EnergyTable | PrecisionMap, Field(discriminator="kind")]
    executor: Literal["bitsliced", "membrane"] = "bitsliced"
    activity: bool = True
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    seed: int = Field(default=0, ge=0, lt=2**32)
    out: Path = Path("results/energy")
