"""Config of an evaluation: which model, on which tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from lava_nexus.cluster import Cluster
from lava_nexus.config import Config
from lava_nexus.lab.configs.execution import ExecutionConfig
from lava_nexus.lab.configs.origin import ModelSource

TaskKind = Literal["perplexity", "arc", "hellaswag", "mmlu", "truthfulqa", "winogrande", "piqa"]


class EvaluatedModel(ModelSource):
    """A language model; one of random weights takes words as tokens.

    Attributes:
        name: in tables; None for that of the checkpoint's folder.
        package, checkpoint, architecture, silu: see `ModelSource`. A checkpoint needs tokenizer.json.
    """

    name: str | None = None


class EvaluationTask(Config):
    """One task.

    Attributes:
        kind: which format the file has, and how it is asked.
        name: column in tables; None for the usual name of the kind.
        file: JSONL, or plain text for perplexity; None for the small sample that comes with the package.
        labels: right answers, one a line, where the file has none (PIQA).
        shots: solved examples before each question, of its own subject where the kind has subjects.
        shots_file: where they come from; None for the first ones of `file`, which are then not asked.
        limit: questions asked, or windows of text, from the first; None for all.
        window: tokens of one window of text (perplexity).
        stride: tokens from one window to the next, so that a token is scored once, with at least window - stride before
            it; None for windows that do not overlap, whose first tokens are not scored.
    """

    kind: TaskKind
    name: str | None = None
    file: Path | None = None
    labels: Path | None = None
    shots: int = Field(default=0, ge=0)
    shots_file: Path | None = None
    limit: int | None = Field(default=None, ge=1)
    window: int = Field(default=2048, ge=2)
    stride: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _stride_within(self) -> EvaluationTask:
        if self.stride is not None and self.stride >= self.window:
            raise ValueError(f"'stride' is {self.stride}, must be below the window of {self.window} tokens")
        return self


class EvaluateConfig(ExecutionConfig):
    """An evaluation, computed as `ExecutionConfig` says.

    With operators of LIF populations the exact model is evaluated beside. Ranges of spike counts are taken on the first
    `spikes.calibration` questions or windows.

    Attributes:
        model: what is evaluated.
        tasks: on what.
        pytorch: whether the same weights are evaluated by PyTorch too, where it has the model (gated decoders).
        layouts: papers as whose tables the results are laid out, "nexus" and "nls"; None for those that have a task.
        cluster: where items are scored, see `lava_nexus.cluster`.
        spread: by `items`, the whole model at every worker, or by `layers`: each worker holds some, and items go from
            worker to worker.
        out: folder for results.
    """

    model: EvaluatedModel
    tasks: tuple[EvaluationTask, ...] = Field(min_length=1)
    pytorch: bool = True
    layouts: tuple[Literal["nexus", "nls"], ...] | None = None
    cluster: Cluster = None
    spread: Literal["items", "layers"] = "items"
    out: Path = Path("results/evaluation")

    @model_validator(mode="after")
    def _by_layers(self) -> EvaluateConfig:
        if self.spread == "layers" and (self.pytorch or self.approximate):
            what = "'pytorch: true'" if self.pytorch else "an operator of LIF populations"
            raise ValueError(f"with 'spread: layers' no worker holds the whole model, which {what} needs")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> EvaluateConfig:
        names = [task.name or task.kind for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"tasks need names that differ, found {', '.join(names)}")
        return self
