"""An evaluation: every task by gates, by PyTorch beside them, in tables next to published ones."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.documents import parse_json, read_text
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.run import executor_named
from lava_nexus.lab.configs.execution import EvaluateConfig, EvaluationTask
from lava_nexus.lab.evaluation.layouts import TaskResult, evaluation_report
from lava_nexus.lab.evaluation.questions import SAMPLES, Question, questions
from lava_nexus.lab.evaluation.scoring import Alphabet, GateScorer, Scorer, TorchScorer, alphabet
from lava_nexus.lab.report import conclude
from lava_nexus.lab.runs.approximation import LayerTap, by_populations
from lava_nexus.lab.runs.built import built
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.models.model import Model
from lava_nexus.progress import track
from lava_nexus.store import Store, processor

_QUICK_TOKENS = 4
GATES, POPULATIONS, PYTORCH = "gates", "nls", "pytorch"


@marked
def run_evaluation(
    config: EvaluateConfig, out: Path, quick: bool = False, resume: bool = False, restart: bool = False
) -> list[TaskResult]:
    """Evaluates as the config says, writes evaluation.{json,md} and tasks.csv to `out`, prints the tables.

    With `quick` one question or window a task, cut to a few tokens. Each finished item is kept in `out`/items until the
    report is written; with `resume` those are not run again, with `restart` they are removed.

    Raises:
        NexusError: a model, tokenizer or task file that does not fit, items of a run that was ended without a word what
            to do with them or of other weights, or a run that failed.
    """
    tasks = [_small(task) if quick else task for task in config.tasks]
    model = built(config.model, config)
    text = alphabet(config.model.checkpoint, model.spec.vocabulary)
    pieces = {_name(task): [_cut(p) if quick else p for p in _pieces(task, text)] for task in tasks}
    shrunk(*(f"{_name(task)}: {len(pieces[_name(task)])} item, cut to {2 * _QUICK_TOKENS} tokens" for task in tasks))
    scorers, notes = _scorers(config, model, [piece for of_task in pieces.values() for piece in of_task])
    store = Store(out / "items", "item", _identity(config, model, pieces, quick))
    store.begin(resume, restart)
    began = time.perf_counter()
    results = []
    for engine, scorer in scorers.items():
        for task in tasks:
            found = _scored(pieces[_name(task)], scorer, store, f"{_name(task)} {engine}")
            results.append(_result(task, engine, pieces[_name(task)], found))
    notes = [f"Tokens are those of {text.name}.", *notes]
    conclude(evaluation_report(config, _model_name(config, model), results, time.perf_counter() - began, notes), out)
    store.clear()
    return results


def _model_name(config: EvaluateConfig, model: Model) -> str:
    return config.model.name or (config.model.checkpoint.name if config.model.checkpoint else model.source.name)


def _identity(config: EvaluateConfig, model: Model, pieces: dict[str, list[Piece]], quick: bool) -> dict[str, Any]:
    """All that an item depends on."""
    left_out = {"out", "timeout_seconds"}
    found = {
        "config": {key: value for key, value in config.resolved().items() if key not in left_out} | {"quick": quick},
        "weights": model.source.identity(),
        "model": repr(model.spec),
        "data": {name: [asdict(piece) for piece in of_task] for name, of_task in pieces.items()},
    }
    outside = config.pytorch or not isinstance(model.arithmetic.accumulate, str)
    return {**found, "processor": processor()} if outside else found


@dataclass(frozen=True)
class Piece:
    """What is scored as one: a question's choices, or a window of text.

    Attributes:
        parts: (context, continuation) as token ids.
        lengths: bytes of each continuation's text, without spaces around it.
        answer: index of the right choice.
    """

    parts: tuple[tuple[list[int], list[int]], ...]
    lengths: tuple[int, ...]
    answer: int = 0


def _scorers(config: EvaluateConfig, model: Model, pieces: list[Piece]) -> tuple[dict[str, Scorer], list[str]]:
    """By engine; and sentences for those that cannot be."""

    def fresh() -> Executor:
        count = {} if config.executor in ("lava", "membrane") else {"count": False}
        return executor_named(config.executor, **(config.executor_options | count))

    def calibrate(tap: LayerTap) -> None:
        scorer = GateScorer(model, tap)
        for piece in pieces[: config.spikes.calibration]:
            for part in piece.parts:
                scorer.logits(*part)

    scorers: dict[str, Scorer] = {GATES: GateScorer(model, fresh())}
    if config.approximate:
        scorers[POPULATIONS] = GateScorer(by_populations(config, model, calibrate), fresh())
    note = _with_pytorch(config, model, scorers)
    return scorers, [note] if note else []


def _with_pytorch(config: EvaluateConfig, model: Model, scorers: dict[str, Scorer]) -> str | None:
    """Adds PyTorch's scorer; a sentence where it cannot be."""
    if not config.pytorch:
        return None
    try:
        scorers[PYTORCH] = TorchScorer(model)
    except NexusError as error:
        return f"{error}."
    return None


def _small(task: EvaluationTask) -> EvaluationTask:
    return task.model_copy(update={"limit": 1, "window": min(task.window, 2 * _QUICK_TOKENS)})


def _cut(piece: Piece) -> Piece:
    parts = tuple((context[-_QUICK_TOKENS:], after[:_QUICK_TOKENS]) for context, after in piece.parts)
    return replace(piece, parts=parts)


def _name(task: EvaluationTask) -> str:
    return task.name or task.kind


def _pieces(task: EvaluationTask, text: Alphabet) -> Iterator[Piece]:
    if task.kind != "perplexity":
        for question in questions(task):
            yield _asked(question, text)
        return
    path = task.file or SAMPLES / "perplexity.txt"
    content = read_text(path, "task file")
    if path.suffix == ".jsonl":
        content = "\n\n".join(_texts(content, path))
    ids = text.encode(content)
    if len(ids) < 2:
        raise NexusError(f"task file '{path}' has {len(ids)} tokens, at least 2 are needed")
    for begin, first, end in list(_windows(len(ids), task.window, task.stride))[: task.limit]:
        yield Piece(((ids[begin:first], ids[first:end]),), (1,))


def _windows(tokens: int, window: int, stride: int | None) -> Iterator[tuple[int, int, int]]:
    """(begin, first token that is scored, end) of each window; with a stride those scored before are context alone."""
    end = 0
    for begin in range(0, tokens - 1, stride or window):
        first = max(begin + 1, end if stride else 0)
        end = min(begin + window, tokens)
        if first < end:
            yield begin, first, end
        if end == tokens:
            return


def _texts(content: str, path: Path) -> Iterator[str]:
    """The texts of a file of JSON lines."""
    for number, line in enumerate(filter(str.strip, content.splitlines()), start=1):
        row = parse_json(line, f"row {number} of '{path}'")
        if not isinstance(row, dict):
            raise NexusError(f"row {number} of '{path}' is a {type(row).__name__}, must be an object")
        yield str(row.get("text", ""))


def _asked(question: Question, text: Alphabet) -> Piece:
    parts = tuple(text.split(*choice) for choice in question.choices)
    return Piece(parts, tuple(max(1, len(after.strip().encode())) for _, after in question.choices), question.answer)


def _scored(pieces: list[Piece], scorer: Scorer, store: Store, name: str) -> list[list[float | None]]:
    """Log-likelihood of every part; None where a logit was NaN."""
    found = []
    for number, piece in enumerate(track(pieces, name, "items")):
        key = f"{name} {number}"
        kept = store.get(key)
        if kept is None:
            scorer.begin(zlib.crc32(key.encode()))
            sums = [float(scorer.log_likelihoods(*part).sum()) for part in piece.parts]
            values = [value if math.isfinite(value) else None for value in sums]
            store.put(key, {"log-likelihoods": values})
        else:
            values = kept.values["log-likelihoods"]
        found.append(values)
    return found


def _result(task: EvaluationTask, engine: str, pieces: list[Piece], found: list[list[float | None]]) -> TaskResult:
    tokens = sum(len(after) for piece in pieces for _, after in piece.parts)
    invalid = sum(None in values for values in found)
    head = (_name(task), task.kind, engine, len(pieces), tokens, task.shots)
    if task.kind == "perplexity":
        total = sum(value for values in found for value in values if value is not None)
        return TaskResult(*head, None, None, None, None if invalid else math.exp(-total / tokens), invalid)
    rights = [0, 0, 0]
    for piece, values in zip(pieces, found, strict=True):
        if None in values:
            continue
        plain = np.array(values, np.float64)
        each = [len(after) for _, after in piece.parts]
        for i, scores in enumerate((plain, plain / piece.lengths, plain / each)):
            rights[i] += int(np.argmax(scores) == piece.answer)
    plainly, by_bytes, by_tokens = (right / len(pieces) for right in rights)
    return TaskResult(*head, plainly, by_bytes, by_tokens, None, invalid)
