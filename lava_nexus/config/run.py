"""What `scripts/run_block.py` reads: a model, a number format and the executor to run it on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lava_nexus.config.base import Config
from lava_nexus.config.execution import ExecutionConfig, ExecutorName
from lava_nexus.config.names import EnergyModelName
from lava_nexus.config.transformer import ModelSource


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


class TransformerModel(ModelSource):
    """A transformer, or some layers of one.

    Attributes:
        kind: which model this is.
        checkpoint, architecture, silu: where weights come from; see `ModelSource`.
        layers: first layer, and that behind the last, to run; None for the whole model. The first one takes the
            embeddings of the tokens, and what follows the layers runs if the last layer is among them.
        tokens: token ids, or how many seeded random ones.
        text: to be made tokens by the checkpoint's tokenizer.json, instead of `tokens`.
        token_types: of each token, for models that have them; 0 where left out.
        logits: of all tokens, of the last one or of none.
        generate: tokens to be generated greedily after those given, by all layers; their counts are in the totals.
    """

    kind: Literal["transformer"]
    layers: tuple[int, int] | None = None
    tokens: Annotated[int, Field(ge=1)] | tuple[int, ...] = 8
    text: str | None = None
    token_types: tuple[int, ...] | None = None
    logits: Literal["all", "last", "none"] = "all"
    generate: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _can_be_done(self) -> TransformerModel:
        if self.text is not None and self.checkpoint is None:
            raise ValueError("'text' needs a 'checkpoint' with a tokenizer")
        if self.generate and (self.layers is not None or self.logits == "none"):
            raise ValueError("'generate' needs all layers and logits")
        return self


class RunConfig(ExecutionConfig):
    """One run of a model, computed as `ExecutionConfig` says.

    Attributes:
        model: what to run.
        energy_model: name of the constants, or a YAML file of them.
        out: folder for results.
    """

    model: Annotated[DigitsModel | TransformerModel, Field(discriminator="kind")]
    executor: ExecutorName = "lava"
    energy_model: EnergyModelName = "loihi1_pre_silicon"
    out: Path = Path("results/run")
