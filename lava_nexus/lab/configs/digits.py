"""Configs of the digits transformer: one layer as LIF neurons in Lava, and its training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from lava_nexus.config import Config
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.lab.configs import FormatName
from lava_nexus.neurons.rules import LOIHI2


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


class GateTraining(Config):
    """A training whose forward pass is computed by gates, beside one in strict float.

    Attributes:
        steps: updates.
        batch: images a step.
        executor: what evaluates the circuits.
        format: of every operation of the forward pass; the weights that are trained stay float32.
        accumulate: order of every sum.
        backward: PyTorch's derivatives, or gradients by gates too.
        optimiser: PyTorch's AdamW, or one by gates.
        checkpoint_every: steps between two states on disk, which `--resume` goes on from.
        formats: more formats that are trained in for as many steps, for the table of accuracy against format.
        baselines: other ways to a spiking network, trained for the figure and the table.
    """

    steps: int = Field(default=200, ge=1)
    batch: int = Field(default=32, ge=1, le=1437)
    executor: Literal["bitsliced", "membrane"] = "bitsliced"
    format: FormatName = "float32"
    accumulate: Literal["sequential", "fma", "pairwise"] = "sequential"
    backward: Literal["autograd", "gates"] = "autograd"
    optimiser: Literal["torch", "gates"] = "torch"
    checkpoint_every: int = Field(default=20, ge=1)
    formats: tuple[FormatName, ...] = ()
    baselines: tuple[Literal["torch", "surrogate", "bootstrap", "rate"], ...] = ()


class TrainDigitsConfig(Config):
    """One training of the digits transformer.

    Attributes:
        seed: of initial weights, order of images, shifts and dropout.
        epochs: passes over the training images.
        batch: images a step.
        learning_rate: largest of the schedule, which rises in a straight line and falls as half a cosine.
        warmup: share of the steps in which the learning rate rises.
        weight_decay: of AdamW.
        dropout: share of the numbers added to the residual stream that are left out.
        label_smoothing: share of a label's weight that is spread over all classes.
        max_shift: pixels that an image is moved at most, along each axis.
        shift_probability: share of the images that are moved.
        required_accuracy: on the test images, below which the weights are not installed.
        install: whether the weights replace those that come with the package.
        forward: what computes the forward pass: PyTorch, or gates beside strict float.
        gates: of a training by gates, which takes its own steps and batch.
        out: folder for weights and report.
    """

    seed: int = Field(0, ge=0, lt=2**63)
    epochs: int = Field(100, ge=1)
    batch: int = Field(64, ge=1)
    learning_rate: float = Field(3e-3, gt=0, allow_inf_nan=False)
    warmup: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.3, ge=0, allow_inf_nan=False)
    dropout: float = Field(0.1, ge=0, lt=1)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    max_shift: int = Field(1, ge=0, le=4)
    shift_probability: float = Field(0.5, ge=0, le=1)
    required_accuracy: float = Field(0.97, ge=0, le=1)
    install: bool = True
    forward: Literal["torch", "gates"] = "torch"
    gates: GateTraining = GateTraining()
    out: Path = Path("results/train_digits")
