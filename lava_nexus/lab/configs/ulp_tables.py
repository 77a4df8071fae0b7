"""Config of the ULP tables: which layers and operations, on how many random inputs, in which format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.execute.run import DEFAULT_EXECUTOR
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.lab.configs import FormatName
from lava_nexus.lab.configs.origin import ModelSource
from lava_nexus.programs.order import Accumulate

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
CodeName = Literal["rate", "stochastic_rate", "first_spike", "temporal_bit"]
Count = Annotated[int, Field(ge=1)]
Steps = Annotated[int, Field(ge=2, le=4096)]


class EncodingOptions(Config):
    """The table of encoding errors: random numbers into spikes and back.

    Attributes:
        values: random numbers a row and seed.
        seeds: draws, each of its own seed; mean and deviation are over them.
        draws: where numbers come from: uniform in 0..1, or N(0, 1) coded up to the largest magnitude drawn.
    """

    values: int = Field(default=10_000, ge=2)
    seeds: int = Field(default=10, ge=2)
    draws: tuple[Literal["uniform", "normal"], ...] = Field(default=("uniform", "normal"), min_length=1)


class MethodOptions(Config):
    """The table of methods: one gated feed-forward block by gates, and by codes that take time.

    Attributes:
        width, hidden: of the block, which is (silu(x gate^T) * (x up^T)) down^T.
        tokens: rows of x, from N(0, 1); weights are from N(0, 1 / inputs).
        steps: of every code.
        codes: what is compared with the gates.
        linear: whether the linear layer of the component table is run in these codes too, forward and backward.
    """

    width: int = Field(default=1024, ge=1)
    hidden: int = Field(default=3072, ge=1)
    tokens: int = Field(default=8, ge=1)
    steps: Steps = 32
    codes: tuple[CodeName, ...] = Field(default=("rate", "first_spike", "temporal_bit"), min_length=1)
    linear: bool = True


class DigitsBaselines(Config):
    """The table of networks for handwritten digits.

    Attributes:
        images: how many of the test split, from the first; None for all.
        hidden: neurons of the bootstrap network.
        steps: time steps; a network is trained for each.
        epochs: of its training.
    """

    images: Count | None = None
    hidden: Count = 64
    steps: tuple[Steps, ...] = Field(default=(8, 16, 32), min_length=1)
    epochs: Count = 40


class ModelTables(ModelSource):
    """The tables of whole models: parts, and the hidden states after so many layers.

    Attributes:
        package, checkpoint, architecture, silu: where weights come from; see `ModelSource`.
        tokens: token ids, or how many seeded random ones.
        logits: of all tokens or of the last, for the row of the whole model.
        parts: rows: the whole model, its first layer, and that layer's feed-forward and attention part by themselves.
        depths: rows by number of layers; None for all.
        modules: layers, from the first, whose operations are held against PyTorch's one by one, on PyTorch's operands;
            the final norm and the head are too, unless it is 0.
        published: whether the published figures, of Qwen3-0.6B, stand beside.
        name: of the model, for the title.
        weights: random ones are FP32 numbers, or BF16 ones, made fast, by a hash on all cores.
    """

    tokens: Count | tuple[int, ...] = 8
    logits: Literal["all", "last"] = "all"
    parts: tuple[Literal["model", "layer", "feed_forward", "attention"], ...] = (
        "model",
        "layer",
        "feed_forward",
        "attention",
    )
    depths: tuple[Count, ...] | None = None
    modules: int = Field(default=1, ge=0)
    published: bool = True
    name: str = ""
    weights: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def _weights_are_random(self) -> ModelTables:
        if self.weights != "float32" and self.architecture is None:
            raise ValueError("'weights' says which random weights an 'architecture' has; a checkpoint has its own")
        return self


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
        encodings, methods: tables of codes, left out where empty.
        model: tables of a whole model, left out where empty.
        digits: table of networks for handwritten digits, left out where empty.
        seed: of all inputs, which are drawn from N(0, 1).
        cluster: where tables are measured, see `lava_nexus.cluster`.
        out: folder for results.
    """

    format: FormatName = "float32"
    executor: Literal["bitsliced", "cuda", "membrane", "lava", "reference"] = DEFAULT_EXECUTOR
    basis: Literal["threshold", "nexus"] = "threshold"
    accumulate: Accumulate = "sequential"
    inputs: tuple[Count, ...] = Field(default=(1024, 1_000_000), min_length=1)
    components: tuple[ComponentName, ...] = ("linear", "rms_norm", "silu", "softmax")
    operations: tuple[str, ...] | None = None
    tokens: int = Field(default=16, ge=1)
    width: int = Field(default=64, ge=1)
    outputs: int = Field(default=64, ge=1)
    eps: float = Field(default=1e-6, ge=0, allow_inf_nan=False)
    encodings: EncodingOptions | None = None
    methods: MethodOptions | None = None
    model: ModelTables | None = None
    digits: DigitsBaselines | None = None
    seed: int = Field(default=0, ge=0, lt=2**64)
    cluster: Cluster = None
    out: Path = Path("results/ulp_tables")

    @model_validator(mode="after")
    def _weights_fit(self) -> UlpTablesConfig:
        if self.model is not None and self.model.weights == "bfloat16" and self.format != "float32":
            raise ValueError(f"weights bfloat16 are multiplied in format float32, not in {self.format}")
        return self

    @property
    def float_format(self) -> FloatFormat:
        """The format object."""
        return FORMATS[self.format]
