"""What `scripts/run_block.py` reads: a model, a number format and the executor to run it on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from lava_nexus.config.base import Config, did_you_mean
from lava_nexus.config.membrane import MembraneOptions
from lava_nexus.config.populations import PopulationsConfig
from lava_nexus.energy import load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.layers.order import Accumulate


def _format(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"this format does not exist{did_you_mean(name, FORMATS)}")
    return name


FormatName = Annotated[str, AfterValidator(_format)]


def _energy_model(name: str) -> str:
    try:
        load_energy_model(name)
    except NexusError as error:
        raise ValueError(str(error)) from error
    return name


EnergyModelName = Annotated[str, AfterValidator(_energy_model)]


class DigitsModel(Config):
    """The transformer that classifies handwritten digits (`sklearn.datasets.load_digits`).

    Attributes:
        kind: which model this is.
        checkpoint: safetensors file with the weights; None for those that come with the package.
        images: how many of the test split to run, from the first; None for all.
        batch: images that pass through the network together.
    """

    kind: Literal["digits"]
    checkpoint: Path | None = None
    images: int | None = Field(default=None, ge=1)
    batch: int = Field(default=64, ge=1)


class TransformerModel(Config):
    """A transformer of one of the supported architectures, from a checkpoint or with seeded random weights.

    Attributes:
        kind: which model this is.
        checkpoint: Hugging Face folder with config.json and safetensors.
        architecture: keys and values of a config.json, for random weights of those shapes instead of a checkpoint.
        layers: first layer, and that behind the last, to run; None for the whole model. The first one takes the
            embeddings of the tokens, and what follows the layers runs if the last layer is among them.
        tokens: token ids, or how many seeded random ones.
        text: to be made tokens by the checkpoint's tokenizer.json, instead of `tokens`.
        token_types: of each token, for models that have them; 0 where left out.
        logits: of all tokens, of the last one or of none.
        generate: tokens to be generated greedily after those given.
        silu: SiLU as x / (1 + exp(-x)), each of the four steps rounded, or as one fused circuit.
    """

    kind: Literal["transformer"]
    checkpoint: Path | None = None
    architecture: dict[str, Any] | None = None
    layers: tuple[int, int] | None = None
    tokens: Annotated[int, Field(ge=1)] | tuple[int, ...] = 8
    text: str | None = None
    token_types: tuple[int, ...] | None = None
    logits: Literal["all", "last", "none"] = "all"
    generate: int = Field(default=0, ge=0)
    silu: Literal["steps", "fused"] = "steps"

    @model_validator(mode="after")
    def _one_source(self) -> TransformerModel:
        if (self.checkpoint is None) == (self.architecture is None):
            raise ValueError("it must have one of 'checkpoint' and 'architecture'")
        if self.text is not None and self.checkpoint is None:
            raise ValueError("'text' needs a 'checkpoint' with a tokenizer")
        return self


class LavaOptions(Config):
    """How the Lava executor runs.

    Attributes:
        level: what evaluates a neuron in the operator Processes: compiled word operations, or a membrane each.
        processes: most operating-system processes that a block may become.
    """

    level: Literal["word logic", "vectorised neurons"] = "word logic"
    processes: int = Field(default=20, ge=1, le=64)


class RunConfig(PopulationsConfig):
    """One run of a model.

    Attributes:
        model: what to run.
        format: name of the number format of weights, activations and every operation.
        executor: what evaluates the circuits; `loihi2` needs a chip and Intel's extension of Lava.
        accumulate: order of additions in a sum; `sequential` is one rounded multiply and one rounded add a step, `fma`
            one fused multiply-add a step, `pairwise` splits at the largest power of two below the number of terms,
            `exact` rounds the exact sum once, `torch` is the order of the installed PyTorch's own kernels.
        weights: whether weights are operands of the multipliers of linear layers, or constants that these are
            specialised to.
        weight_format: what weights of linear layers are rounded to first; `format` where left out.
        accumulate_format: of products and sums, which are then rounded to `format`; `format` where left out.
        basis: cells that the circuits are built of.
        seed: of every random choice.
        energy_model: name of the constants, or a YAML file of them.
        timeout_seconds: wall time after which a run on Lava is ended with an error.
        lava: options of the Lava executor.
        membrane: options of the membrane executor: leak, reset, noise, faults.
        nonlinear, nls, linear, spikes: what LIF populations do; see `PopulationsConfig`.
        out: folder for results.
    """

    model: Annotated[DigitsModel | TransformerModel, Field(discriminator="kind")]
    format: FormatName = "float32"
    executor: Literal["lava", "loihi2", "bitsliced", "membrane", "reference"] = "lava"
    accumulate: Accumulate = "sequential"
    weights: Literal["operand", "constant"] = "operand"
    weight_format: FormatName | None = None
    accumulate_format: FormatName | None = None
    basis: Literal["threshold", "nexus"] = "threshold"
    seed: int = Field(default=0, ge=0, lt=2**64)
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    timeout_seconds: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    lava: LavaOptions = LavaOptions()
    membrane: MembraneOptions = MembraneOptions()
    out: Path = Path("results/run")

    @model_validator(mode="after")
    def _used(self) -> RunConfig:
        if self.membrane != MembraneOptions() and self.executor != "membrane":
            raise ValueError(f"options of 'membrane' are given, but executor is {self.executor}, not membrane")
        return self

    @property
    def float_format(self) -> FloatFormat:
        """The format object."""
        return FORMATS[self.format]
