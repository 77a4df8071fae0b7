"""What `scripts/evaluate.py` reads: a model, tasks in local files, and the executor to run them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from lava_nexus.config.base import Config
from lava_nexus.config.run import FormatName
from lava_nexus.formats import FORMATS, FloatFormat
from lava_nexus.layers.order import Accumulate

TaskKind = Literal["perplexity", "arc", "hellaswag", "mmlu", "truthfulqa", "winogrande", "piqa"]


class EvaluatedModel(Config):
    """A language model.

    Attributes:
        name: in tables; None for that of the checkpoint's folder.
        checkpoint: Hugging Face folder with config.json, safetensors and tokenizer.json.
        architecture: keys and values of a config.json, for seeded random weights instead; tokens are words then.
        silu: SiLU as x / (1 + exp(-x)), each of the four steps rounded, or as one fused circuit.
    """

    name: str | None = None
    checkpoint: Path | None = None
    architecture: dict[str, Any] | None = None
    silu: Literal["steps", "fused"] = "steps"

    @model_validator(mode="after")
    def _one_source(self) -> EvaluatedModel:
        if (self.checkpoint is None) == (self.architecture is None):
            raise ValueError("it must have one of 'checkpoint' and 'architecture'")
        return self


class Task(Config):
    """One task.

    Attributes:
        kind: which format the file has, and how it is asked.
        name: column in tables; None for the usual name of the kind.
        file: JSONL, or plain text for perplexity; None for the small sample that comes with the package.
        labels: right answers, one a line, where the file has none (PIQA).
        shots: solved examples before each question.
        shots_file: where they come from; None for the first ones of `file`, which are then not asked.
        limit: questions asked, or windows of text, from the first; None for all.
        window: tokens of one window of text (perplexity).
    """

    kind: TaskKind
    name: str | None = None
    file: Path | None = None
    labels: Path | None = None
    shots: int = Field(default=0, ge=0)
    shots_file: Path | None = None
    limit: int | None = Field(default=None, ge=1)
    window: int = Field(default=2048, ge=2)


class EvaluateConfig(Config):
    """An evaluation.

    Attributes:
        model: what is evaluated.
        tasks: on what.
        format: of weights, activations and every operation.
        executor: what evaluates the circuits.
        accumulate: order of additions in a sum; `torch` follows the installed PyTorch's kernels.
        basis: cells that the circuits are built of.
        pytorch: whether the same weights are evaluated by PyTorch too, where it has the model (gated decoders).
        seed: of random weights.
        out: folder for results.
    """

    model: EvaluatedModel
    tasks: tuple[Task, ...] = Field(min_length=1)
    format: FormatName = "float32"
    executor: Literal["bitsliced", "membrane", "lava", "loihi2", "reference"] = "bitsliced"
    accumulate: Accumulate = "sequential"
    basis: Literal["threshold", "nexus"] = "threshold"
    pytorch: bool = True
    seed: int = Field(default=0, ge=0, lt=2**64)
    out: Path = Path("results/evaluation")

    @model_validator(mode="after")
    def _names_differ(self) -> EvaluateConfig:
        names = [task.name or task.kind for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"tasks need names that differ, found {', '.join(names)}")
        return self

    @property
    def float_format(self) -> FloatFormat:
        """The format object."""
        return FORMATS[self.format]
