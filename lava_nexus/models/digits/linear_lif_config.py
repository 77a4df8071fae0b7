"""What `scripts/run_linear_lif.py` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from lava_nexus.config.base import Config
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.neurons.limits import LOIHI2


class LinearLifConfig(Config):
    """One linear layer of the digits transformer, wholly as LIF neurons in Lava.

    Attributes:
        layer: dotted path of the layer: `embedding`, `block0.attention.query`, ..., `classifier`.
        inputs: how many of the layer's inputs are summed, from the first; None for all, and the bias.
        images: how many of the test split, from the first.
        format: of inputs, weights and sums.
        max_delay: largest synaptic delay; fewer relays for a larger one, but Lava's CPU model is slower.
        checkpoint: safetensors file with the weights; None for those that come with the package.
        timeout_seconds: wall time after which the run is ended with an error.
        out: folder for the report.
    """

    layer: str = "embedding"
    inputs: int | None = Field(default=None, ge=1)
    images: int = Field(default=2, ge=1)
    format: Literal["float8_e4m3fn", "float8_e5m2"] = "float8_e4m3fn"
    max_delay: int = Field(default=7, ge=0, le=LOIHI2.max_delay)
    checkpoint: Path | None = None
    timeout_seconds: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    out: Path = Path("results/linear_lif")

    @property
    def float_format(self) -> FloatFormat:
        """The format object."""
        return FORMATS[self.format]
