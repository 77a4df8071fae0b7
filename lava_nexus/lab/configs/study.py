"""Config of the study of a real decoder on a real text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.lab.configs import FormatName

Name = Literal["softmax", "silu", "rms_norm"]


class StudyConfig(Config):
    """A decoder on a text, in formats and with operators of LIF populations.

    Attributes:
        package: installed package that carries the model as a GGUF file.
        checkpoint: path to a model instead.
        architecture: keys and values of a config.json, for random weights instead.
        text: plain text.
        tokens: most that are taken, from the first.
        window: tokens of a window; windows do not overlap and the first token of each is not scored.
        device: where PyTorch computes, "cpu" or "cuda".
        formats: (format, order of sums, format of products and sums or null) of runs beside FP32 by PyTorch's product.
        grid_bits, segments, bounds, steps, in_fractions: n, K, H, steps of CORDIC and fraction bits of operands that
            are swept, one at a time from the published values.
        shares: shares of the layers, from the first, whose operators are replaced.
        finer: options by operator of a second sweep over shares.
        start: (executor, tokens, operators of LIF populations) that run the start of the text beside.
        seed: of random weights.
        cluster: where cases are run, see `lava_nexus.cluster`.
        out: folder for results.
    """

    package: str | None = None
    checkpoint: Path | None = None
    architecture: dict[str, Any] | None = None
    text: Path
    tokens: int = Field(default=20_000, ge=2)
    window: int = Field(default=512, ge=2)
    device: Literal["cpu", "cuda"] = "cpu"
    formats: tuple[tuple[FormatName, Literal["sequential", "once"], FormatName | None], ...] = ()
    grid_bits: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()
    bounds: tuple[float, ...] = ()
    steps: tuple[int, ...] = ()
    in_fractions: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()
    finer: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    start: tuple[tuple[str, int, tuple[Name, ...]], ...] = ()
    seed: int = 0
    cluster: Cluster = None
    out: Path = Path("results/study")

    @model_validator(mode="after")
    def _one_model(self) -> StudyConfig:
        if sum(given is not None for given in (self.package, self.checkpoint, self.architecture)) != 1:
            raise ValueError("exactly one of package, checkpoint and architecture must be given")
        return self
