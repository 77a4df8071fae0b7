"""What configs of transformers share: where the weights come from, and how every operation is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from lava_nexus.config.base import Config
from lava_nexus.config.names import FormatName
from lava_nexus.config.populations import PopulationsConfig
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.layers.order import Accumulate


class ModelSource(Config):
    """A transformer of one of the supported architectures, from a checkpoint or with seeded random weights.

    Attributes:
        checkpoint: Hugging Face folder with config.json and safetensors.
        architecture: keys and values of a config.json, for random weights of those shapes instead of a checkpoint.
        silu: SiLU as x / (1 + exp(-x)), each of the four steps rounded, or as one fused circuit.
    """

    checkpoint: Path | None = None
    architecture: dict[str, Any] | None = None
    silu: Literal["steps", "fused"] = "steps"

    @model_validator(mode="after")
    def _one_source(self) -> ModelSource:
        if (self.checkpoint is None) == (self.architecture is None):
            raise ValueError("it must have one of 'checkpoint' and 'architecture'")
        return self


class ArithmeticConfig(PopulationsConfig):
    """How a model computes.

    Attributes:
        format: name of the number format of weights, activations and every operation.
        accumulate: order of additions in a sum; `sequential` is one rounded multiply and one rounded add a step, `fma`
            one fused multiply-add a step, `pairwise` splits at the largest power of two below the number of terms,
            `exact` rounds the exact sum once, `torch` is the order of the installed PyTorch's own kernels.
        weights: whether weights are operands of the multipliers of linear layers, or constants that these are
            specialised to.
        weight_format: what weights of linear layers are rounded to first; `format` where left out.
        accumulate_format: of products and sums, which are then rounded to `format`; `format` where left out.
        basis: cells that the circuits are built of.
        seed: of every random choice.
        nonlinear, nls, linear, spikes: what LIF populations do; see `PopulationsConfig`.
    """

    format: FormatName = "float32"
    accumulate: Accumulate = "sequential"
    weights: Literal["operand", "constant"] = "operand"
    weight_format: FormatName | None = None
    accumulate_format: FormatName | None = None
    basis: Literal["threshold", "nexus"] = "threshold"
    seed: int = Field(default=0, ge=0, lt=2**64)

    @property
    def float_format(self) -> FloatFormat:
        """The format object."""
        return FORMATS[self.format]
