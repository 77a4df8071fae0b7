"""Config of the study of a real decoder on a real text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.lab.configs import FormatName
from lava_nexus.lab.configs.origin import ModelOrigin

Name = Literal["softmax", "silu", "rms_norm"]


class Start(Config):
    """A run of the start of the text by an executor.

    Attributes:
        executor: its name.
        tokens: how many, from the first.
        operators: that are LIF populations, with the published options.
        product: "rounded" (gates, in the order of the index) or "native" (exact sums in synapses).
        format: of weights, activations and sums.
    """

    executor: str
    tokens: int = Field(ge=1)
    operators: tuple[Name, ...] = ()
    product: Literal["rounded", "native"] = "rounded"
    format: FormatName = "float32"


class StudyConfig(ModelOrigin):
    """A decoder on a text, in formats and with operators of LIF populations.

    Attributes:
        package, checkpoint, architecture: where weights come from; see `ModelOrigin`.
        text: plain text.
        tokens: most that are taken, from the first.
        window: tokens of a window; windows do not overlap and the first token of each is not scored.
        device: where PyTorch computes, "cpu" or "cuda".
        formats: (format, sums, format of products and sums or null) of runs beside FP32 by PyTorch's product; sums are
            "sequential" or "exact", those of native layers.
        grid_bits, segments, bounds, steps, in_fractions: n, K, H, steps of CORDIC and fraction bits of operands that
            are swept, one at a time from the published values.
        shares: shares of the layers, from the first, whose operators are replaced.
        finer: options by operator of a second sweep over shares.
        operators: whether operators of LIF populations replace those of all layers, alone and together.
        start: runs of the start of the text by executors.
        seed: of random weights.
        cluster: where cases are run, see `lava_nexus.cluster`.
        out: folder for results.
    """

    text: Path
    tokens: int = Field(default=20_000, ge=2)
    window: int = Field(default=512, ge=2)
    device: Literal["cpu", "cuda"] = "cpu"
    formats: tuple[tuple[FormatName, Literal["sequential", "exact"], FormatName | None], ...] = ()
    grid_bits: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()
    bounds: tuple[float, ...] = ()
    steps: tuple[int, ...] = ()
    in_fractions: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()
    finer: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    operators: bool = True
    start: tuple[Start, ...] = ()
    seed: int = 0
    cluster: Cluster = None
    out: Path = Path("results/study")
