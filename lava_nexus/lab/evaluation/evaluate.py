"""An evaluation: every task by gates, by PyTorch beside them, in tables next to published ones."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.crew import Crew, crew
from lava_nexus.documents import parse_json, read_text
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.run import executor_named
from lava_nexus.lab.configs.evaluation import EvaluateConfig, EvaluationTask
from lava_nexus.lab.evaluation.layouts import TaskResult, evaluation_report
from lava_nexus.lab.evaluation.questions import SAMPLES, Question, questions
from lava_nexus.lab.evaluation.relay import Relay, steps_of
from lava_nexus.lab.evaluation.scoring import Alphabet, GateScorer, Scorer, TorchScorer, alphabet, finite
from lava_nexus.lab.report import conclude
from lava_nexus.lab.runs.approximation import LayerTap, by_populations
from lava_nexus.lab.runs.built import built
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.models.model import Model
from lava_nexus.progress import Work
from lava_nexus.store import Store, processor

_QUICK_TOKENS = 2
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
    text = alphabet(config.model.path, model.spec.vocabulary)
    pieces = {_name(task): [_cut(p) if quick else p for p in _pieces(task, text)] for task in tasks}
    shrunk(*(f"{_name(task)}: {len(pieces[_name(task)])} item, cut to {2 * _QUICK_TOKENS} tokens" for task in tasks))
    scoring = Scoring(config, [piece for of_task in pieces.values() for piece in of_task])
    scoring.model, engines = model, list(scoring.scorers)
    notes = [scoring.note] if scoring.note else []
    store = Store(out / "items", "item", _identity(config, model, pieces, quick))
    store.begin(resume, restart)
    began = time.perf_counter()
    results = []
    with crew(config.cluster, of_processor="processor" in store.identity) as workers:
        for engine in engines:
            for task in tasks:
                found = _scored(pieces[_name(task)], scoring, store, f"{_name(task)} {engine}", workers)
                results.append(_result(task, engine, pieces[_name(task)], found))
    notes = [f"Tokens are those of {text.name}.", *notes]
    conclude(evaluation_report(config, _model_name(config, model), results, time.perf_counter() - began, notes), out)
    store.clear()
    return results


def _model_name(config: EvaluateConfig, model: Model) -> str:
    path = config.model.path
    return config.model.name or (path.name if path is not None else model.source.name)


def _identity(config: EvaluateConfig, model: Model, pieces: dict[str, list[Piece]], quick: bool) -> dict[str, Any]:
    """All that an item depends on."""
    left_out = {"out", "timeout_seconds", "cluster", "spread"}
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


@dataclass
class Scoring:
    """What scores pieces, made once a process: its weights are read there, and kept.

    Attributes:
        config: of the evaluation.
        pieces: of all tasks; the first ones set ranges of spike counts.
        note: a sentence where PyTorch cannot score, else empty.
        steps: in which a model spread by layers is run.
    """

    config: EvaluateConfig
    pieces: list[Piece]
    note: str = ""
    steps: int = 1

    @cached_property
    def model(self) -> Model:
        """With its weights."""
        return built(self.config.model, self.config)

    @cached_property
    def scorers(self) -> dict[str, Scorer]:
        """By engine."""
        config, model = self.config, self.model
        found: dict[str, Scorer] = {GATES: GateScorer(model, self._executor())}
        if config.approximate:
            found[POPULATIONS] = GateScorer(by_populations(config, model, self._calibrate), self._executor())
        if config.pytorch:
            try:
                found[PYTORCH] = TorchScorer(model)
            except NexusError as error:
                self.note = f"{error}."
        return found

    def step(self, number: int, value: Any) -> Any:
        """One step of an item's way through the layers, see `Relay`; the last one gives what `score` does."""
        return self._relay.step(number, value[2].parts if number == 0 else value)

    @cached_property
    def _relay(self) -> Relay:
        return Relay(GateScorer(self.model, self._executor()), self.steps)

    def score(self, item: tuple[str, str, Piece]) -> list[float | None]:
        """Log-likelihood of every part of (engine, name of the item, piece); None where a logit was NaN."""
        engine, key, piece = item
        scorer = self.scorers[engine]
        scorer.begin(zlib.crc32(key.encode()))
        return [finite(scorer.log_likelihoods(*part).sum()) for part in piece.parts]

    def __getstate__(self) -> dict[str, Any]:
        """What a worker makes the rest of."""
        return {"config": self.config, "pieces": self.pieces, "note": "", "steps": self.steps}

    def _executor(self) -> Executor:
        config = self.config
        options = config.executor_options | ({} if config.executor in ("lava", "membrane") else {"count": False})
        return executor_named(config.executor, **options)

    def _calibrate(self, tap: LayerTap) -> None:
        scorer = GateScorer(self.model, tap)
        for piece in self.pieces[: self.config.spikes.calibration]:
            for part in piece.parts:
                scorer.logits(*part)


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


def _scored(pieces: list[Piece], scoring: Scoring, store: Store, name: str, workers: Crew) -> list[list[float | None]]:
    """What every piece scores: from the store where it is there, else by the crew."""
    keys = [f"{name} {number}" for number in range(len(pieces))]
    kept = [store.get(key) for key in keys]
    found = [None if piece is None else piece.values["log-likelihoods"] for piece in kept]
    left = [number for number, values in enumerate(found) if values is None]
    items = [(name.rpartition(" ")[2], keys[number], pieces[number]) for number in left]
    with Work(name, len(pieces), "items", len(pieces) - len(left)) as bar:
        if scoring.config.spread == "layers":
            scoring.steps = len(steps_of(scoring.model.spec, workers.workers))
            results = workers.relay(Scoring.step, scoring, items, scoring.steps)
        else:
            results = workers.map(Scoring.score, scoring, items)
        for number, values in zip(left, results, strict=True):
            store.put(keys[number], {"log-likelihoods": values})
            found[number] = values
            bar.update()
    return [values for values in found if values is not None]


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
