"""What configs of models share: weights, arithmetic, LIF populations; and the configs of the digits transformer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.lab.configs import FormatName, accepted_by
from lava_nexus.lab.configs.training import DecoderTraining
from lava_nexus.neurons.rules import LOIHI2
from lava_nexus.populations import OPERATORS, Options, check_operator, operator
from lava_nexus.programs.order import Accumulate, Operators, named_order
from lava_nexus.programs.product import kind_of

Choice = Literal["gates", "nls"]


OperatorName = Annotated[str, accepted_by(check_operator)]


def _by_operator(value: Any) -> Any:
    """One word stands for all operators."""
    if not isinstance(value, str):
        return value
    if value not in get_args(Choice):
        raise ValueError("it must be gates or nls, or one of them by operator")
    return dict.fromkeys(OPERATORS, value)


class OperatorOptions(Config):
    """Options of one operator; see `populations.Options`, whose defaults are the published values."""

    bound: float | None = Field(default=None, ge=0.5, le=12)
    segments: int = Field(default=64, ge=1, le=1024)
    slope_bits: Literal[8, 16] = 8
    intercept_bits: Literal[8, 16] = 16
    grid_bits: int = Field(default=8, ge=4, le=12)
    single_ladder: bool = True
    steps: int = Field(default=8, ge=1, le=16)
    last_inclusive: bool = False
    in_fraction: int | None = Field(default=None, ge=4, le=12)

    @property
    def options(self) -> Options:
        """What operators take."""
        return Options(**self.model_dump())


class SpikeOptions(Config):
    """How linear layers are computed by spike counts.

    Attributes:
        steps: T, time steps of a count, a power of two.
        levels: L, most that one spike carries, a power of two; a count lies in -T L .. T L - 1.
        calibration: inputs on which the range of every layer's operand is taken.
    """

    steps: int = Field(default=4, ge=1, le=32)
    levels: int = Field(default=32, ge=1, le=1024)
    calibration: int = Field(default=32, ge=1)

    @model_validator(mode="after")
    def _power_of_two(self) -> SpikeOptions:
        product = self.steps * self.levels
        if product & (product - 1) or self.steps & (self.steps - 1) or not 2 <= product <= 1024:
            raise ValueError(
                f"steps {self.steps} and levels {self.levels} must be powers of two whose product is in 2..1024"
            )
        return self

    @property
    def bits(self) -> int:
        """Of a count, without its sign."""
        return (self.steps * self.levels).bit_length() - 1


class PopulationsConfig(Config):
    """What is done by LIF populations instead of gates.

    Attributes:
        nonlinear: `gates` or `nls`, for all or by operator (softmax, silu, gelu, rms_norm, layer_norm); those left
            out are gates.
        nls: options by operator.
        linear: linear layers exact by gates, or quantised as spike counts.
        spikes: options of the latter.
    """

    nonlinear: Annotated[dict[OperatorName, Choice], BeforeValidator(_by_operator)] = Field(default_factory=dict)
    nls: dict[OperatorName, OperatorOptions] = Field(default_factory=dict)
    linear: Literal["exact", "spikes"] = "exact"
    spikes: SpikeOptions = SpikeOptions()

    @model_validator(mode="after")
    def _operators_exist(self) -> PopulationsConfig:
        for name in self.nls:
            if name not in self.replaced:
                raise ValueError(f"options of 'nls.{name}' are given, but nonlinear has it as gates, not nls")
        for name, options in self.replaced.items():
            try:
                operator(name, 1, options)
            except NexusError as error:
                raise ValueError(str(error)) from error
        return self

    @property
    def replaced(self) -> dict[str, Options]:
        """Options by operator of those that are LIF populations."""
        names = [name for name in OPERATORS if self.nonlinear.get(name) == "nls"]
        return {name: self.nls.get(name, OperatorOptions()).options for name in names}

    @property
    def approximate(self) -> bool:
        """Whether anything is replaced."""
        return bool(self.replaced) or self.linear == "spikes"


class ArithmeticConfig(PopulationsConfig):
    """How a model computes.

    Attributes:
        format: name of the number format of weights, activations and every operation.
        accumulate: order of additions in a sum; `sequential` is one rounded multiply and one rounded add a step, `fma`
            one fused multiply-add a step, `pairwise` splits at the largest power of two below the number of terms,
            `exact` rounds the exact sum once, `torch` is the order of the installed PyTorch's own kernels.
        weights: whether weights are operands of the multipliers of linear layers, or constants that these are
            specialised to.
        product: kind of the products of linear layers; `native` has the chip's synapses form them, exact sums alone.
            Left out, gates do, as `accumulate` and `weights` ask for.
        attention: of native products, whether product neurons form those of two activations, or gates.
        operators: each operation of norms, softmax and RoPE rounded, or `shared`: one reciprocal root a row, attention
            divided behind its product, sums of products rounded once; takes `accumulate: exact`. `deferred`: the root
            of RMSNorm, too, multiplied in behind the linear layers that it leads to, for fewer steps.
        style: what circuits are built for: least neurons, least depth or fewer SynOps.
        weight_format: what weights of linear layers are rounded to first; `format` where left out.
        accumulate_format: of products and sums, which are then rounded to `format`; `format` where left out.
        norm_format: inside norms, softmax, RoPE's sums and the steps of SiLU where that is wider than `format`; where
            left out float32 for transformers by their checkpoint or architecture, and `format` for the digits.
        basis: cells that the circuits are built of.
        seed: of every random choice.
        nonlinear, nls, linear, spikes: what LIF populations do; see `PopulationsConfig`.
    """

    format: FormatName = "float32"
    accumulate: Accumulate = "sequential"
    weights: Literal["operand", "constant"] = "operand"
    product: Literal["rounded", "fused", "exact", "constant", "native"] | None = None
    attention: Literal["neurons", "gates"] = "neurons"
    operators: Operators = "steps"
    style: Literal["neurons", "depth", "energy"] = "neurons"
    weight_format: FormatName | None = None
    accumulate_format: FormatName | None = None
    norm_format: FormatName | None = None
    basis: Literal["threshold", "nexus"] = "threshold"
    seed: int = Field(default=0, ge=0, lt=2**64)

    @model_validator(mode="after")
    def _product_takes_the_order(self) -> ArithmeticConfig:
        if self.product is not None and self.accumulate != "torch":
            try:
                kind_of(self.product, named_order(self.accumulate, 1), True)
            except NexusError as error:
                raise ValueError(f"product '{self.product}': {error}") from None
        if self.operators != "steps" and self.accumulate != "exact":
            raise ValueError(f"operators '{self.operators}' take accumulate exact, not accumulate '{self.accumulate}'")
        return self

    @property
    def float_format(self) -> FloatFormat:
        """The format object."""
        return FORMATS[self.format]


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
        executor: what evaluates the circuits; `cuda` trains on the GPU.
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
    executor: Literal["bitsliced", "cuda", "membrane"] = "bitsliced"
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
        decoder: trained by gates in place of the digits transformer, where it is given.
        cluster: where trainings in several formats, and other ways, are done side by side, see `lava_nexus.cluster`.
        out: folder for weights and report; of a cluster on several machines one that all of them see.
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
    decoder: DecoderTraining | None = None
    cluster: Cluster = None
    out: Path = Path("results/train_digits")

    @model_validator(mode="after")
    def _long_enough(self) -> TrainDigitsConfig:
        if self.forward != "gates" and (self.decoder is not None or self.gates.executor == "cuda"):
            raise ValueError("a 'decoder', and 'gates.executor: cuda', are of a training with 'forward: gates'")
        if self.decoder is None and self.gates.executor == "cuda":
            raise ValueError("the digits transformer is trained on the CPU; give a 'decoder'")
        if self.cluster is not None and self.forward != "gates":
            raise ValueError("a training by PyTorch is one short piece; leave out 'cluster', or have 'forward: gates'")
        return self
