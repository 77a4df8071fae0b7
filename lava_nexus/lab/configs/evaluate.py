"""What `scripts/evaluate.py` reads: a model, tasks in local files, and the executor to run them on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from lava_nexus.config import Config
from lava_nexus.lab.configs.execution import ExecutionConfig
from lava_nexus.lab.configs.model import ModelSource

TaskKind = Literal["perplexity", "arc", "hellaswag", "mmlu", "truthfulqa", "winogrande", "piqa"]


class EvaluatedModel(ModelSource):
    """A language model; one of random weights takes words as tokens.

    Attributes:
        name: in tables; None for that of the checkpoint's folder.
        checkpoint, architecture, silu: where weights come from; see `ModelSource`. A checkpoint needs tokenizer.json.
    """

    name: str | None = None


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


class EvaluateConfig(ExecutionConfig):
    """An evaluation, computed as `ExecutionConfig` says.

    With operators of LIF populations the exact model is evaluated beside. Ranges of spike counts are taken on the first
    `spikes.calibration` questions or windows.

    Attributes:
        model: what is evaluated.
        tasks: on what.
        pytorch: whether the same weights are evaluated by PyTorch too, where it has the model (gated decoders).
        out: folder for results.
    """

    model: EvaluatedModel
    tasks: tuple[Task, ...] = Field(min_length=1)
    pytorch: bool = True
    out: Path = Path("results/evaluation")

    @model_validator(mode="after")
    def _names_differ(self) -> EvaluateConfig:
        names = [task.name or task.kind for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"tasks need names that differ, found {', '.join(names)}")
        return self
