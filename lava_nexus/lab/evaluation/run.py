"""An evaluation: every task by gates, by PyTorch beside them, in tables next to published ones."""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lava_nexus.errors import NexusError
from lava_nexus.execute.programs import ProgramRunner
from lava_nexus.files import write_text
from lava_nexus.lab.configs.evaluate import EvaluateConfig, Task
from lava_nexus.lab.evaluation.layouts import layouts
from lava_nexus.lab.evaluation.questions import SAMPLES, Question, questions, read_text
from lava_nexus.lab.evaluation.scoring import Alphabet, GateScorer, Scorer, TorchScorer, alphabet
from lava_nexus.lab.markdown import comma_separated, markdown
from lava_nexus.lab.runs.approximation import LayerTap
from lava_nexus.lab.runs.built import built
from lava_nexus.lab.runs.populations import by_populations
from lava_nexus.models.model import Model
from lava_nexus.store import Store, processor
from lava_nexus.versions import installed_versions

_QUICK_TOKENS = 4
GATES, POPULATIONS, PYTORCH = "gates", "nls", "pytorch"


@dataclass(frozen=True)
class TaskResult:
    """One task by one engine.

    Attributes:
        task: its name.
        kind: of the task.
        engine: "gates" (every operation exact), "nls" (what the config says by LIF populations) or "pytorch".
        items: questions, or windows of text.
        tokens: that were scored.
        shots: solved examples before each question.
        accuracy: share (0..1) of questions whose right choice has the largest likelihood; None for text.
        accuracy_normalised: the same with each log-likelihood divided by the choice's characters.
        perplexity: exp of the mean negative log-likelihood a token; None for questions.
        invalid: items in which a logit was NaN; they count as wrong, and leave no perplexity.
    """

    task: str
    kind: str
    engine: str
    items: int
    tokens: int
    shots: int
    accuracy: float | None
    accuracy_normalised: float | None
    perplexity: float | None
    invalid: int


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
    scorers, notes = _scorers(config, model, [piece for of_task in pieces.values() for piece in of_task])
    store = Store(out / "items", "item", _identity(config, model, pieces, quick))
    store.begin(resume, restart)
    began = time.perf_counter()
    results = []
    for engine, scorer in scorers.items():
        for task in tasks:
            found = _scored(pieces[_name(task)], scorer, store, f"{_name(task)} {engine}")
            results.append(_result(task, engine, pieces[_name(task)], found))
    _write(config, model, results, text, time.perf_counter() - began, notes, out)
    store.clear()
    return results


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
        lengths: characters of each continuation.
        answer: index of the right choice.
    """

    parts: tuple[tuple[list[int], list[int]], ...]
    lengths: tuple[int, ...]
    answer: int = 0


def _scorers(config: EvaluateConfig, model: Model, pieces: list[Piece]) -> tuple[dict[str, Scorer], list[str]]:
    """By engine; and sentences for those that cannot be."""

    def runner() -> ProgramRunner:
        count = {} if config.executor in ("lava", "membrane") else {"count": False}
        return ProgramRunner(config.executor, config.executor_options | count)

    def calibrate(tap: LayerTap) -> None:
        scorer = GateScorer(model, tap)
        for piece in pieces[: config.spikes.calibration]:
            for part in piece.parts:
                scorer.logits(*part)

    scorers: dict[str, Scorer] = {GATES: GateScorer(model, runner())}
    if config.approximate:
        scorers[POPULATIONS] = GateScorer(by_populations(config, model, calibrate), runner())
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


def _small(task: Task) -> Task:
    return task.model_copy(update={"limit": 1, "window": min(task.window, 2 * _QUICK_TOKENS)})


def _cut(piece: Piece) -> Piece:
    parts = tuple((context[-_QUICK_TOKENS:], after[:_QUICK_TOKENS]) for context, after in piece.parts)
    return replace(piece, parts=parts)


def _name(task: Task) -> str:
    return task.name or task.kind


def _pieces(task: Task, text: Alphabet) -> Iterator[Piece]:
    if task.kind != "perplexity":
        for question in questions(task):
            yield _asked(question, text)
        return
    path = task.file or SAMPLES / "perplexity.txt"
    content = read_text(path)
    if path.suffix == ".jsonl":
        content = "\n\n".join(str(json.loads(line).get("text", "")) for line in content.splitlines() if line.strip())
    ids = text.encode(content)
    starts = range(0, len(ids) - 1, task.window)
    if not starts:
        raise NexusError(f"task file '{path}' has {len(ids)} tokens, at least 2 are needed")
    for start in list(starts)[: task.limit]:
        window = ids[start : start + task.window]
        yield Piece(((window[:1], window[1:]),), (1,))


def _asked(question: Question, text: Alphabet) -> Piece:
    parts = tuple(text.split(*choice) for choice in question.choices)
    return Piece(parts, tuple(max(1, len(after.strip())) for _, after in question.choices), question.answer)


def _scored(pieces: list[Piece], scorer: Scorer, store: Store, name: str) -> list[list[float | None]]:
    """Log-likelihood of every part; None where a logit was NaN."""
    found = []
    for number, piece in enumerate(tqdm(pieces, desc=name, unit=" items", mininterval=0.5, leave=False)):
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


def _result(task: Task, engine: str, pieces: list[Piece], found: list[list[float | None]]) -> TaskResult:
    tokens = sum(len(after) for piece in pieces for _, after in piece.parts)
    invalid = sum(None in values for values in found)
    head = (_name(task), task.kind, engine, len(pieces), tokens, task.shots)
    if task.kind == "perplexity":
        total = sum(value for values in found for value in values if value is not None)
        return TaskResult(*head, None, None, None if invalid else math.exp(-total / tokens), invalid)
    rights = {False: 0, True: 0}
    for piece, values in zip(pieces, found, strict=True):
        if None in values:
            continue
        plain = np.array(values, np.float64)
        for normalised in rights:
            scores = plain / piece.lengths if normalised else plain
            rights[normalised] += int(np.argmax(scores) == piece.answer)
    return TaskResult(*head, rights[False] / len(pieces), rights[True] / len(pieces), None, invalid)


_HEADER = ("task", "engine", "items", "tokens", "shots", "accuracy", "length-normalised", "perplexity")
_NOTES = (
    "A choice is scored by the sum of the log-likelihoods of its tokens after the question; length-normalised accuracy "
    "divides that by the choice's characters. Softmax's logarithm is taken by the host, in float64, from the logits.",
    "Perplexity is a token's, over windows that do not overlap; the first token of a window is not scored. Published "
    "tables state neither their windows nor whether accuracy is normalised; the tables below take the plain one.",
)


def _write(
    config: EvaluateConfig,
    model: Model,
    results: list[TaskResult],
    text: Alphabet,
    seconds: float,
    notes: list[str],
    out: Path,
) -> None:
    name = config.model.name or (config.model.checkpoint.name if config.model.checkpoint else model.source.name)
    rows = [[_shown(r, field) for field in _HEADER] for r in results]
    tables = layouts(name, config, results)
    notes = [*_NOTES, f"Tokens are those of {text.name}.", *notes]
    values = [asdict(r) for r in results]
    report = {
        "schema_version": 1,
        "config": config.resolved(),
        "model": name,
        "executor": config.executor,
        "results": values,
        "wall_seconds": seconds,
        "notes": notes,
        "versions": installed_versions(),
    }
    measured = markdown(_HEADER, rows)
    parts = [f"# {name}, {config.format}, {config.executor} executor\n", measured, *tables]
    parts.append("## Notes\n\n" + "".join(f"- {note}\n" for note in notes))
    write_text(
        out / "tasks.csv", comma_separated(list(asdict(results[0])), [list(asdict(r).values()) for r in results])
    )
    write_text(out / "evaluation.md", "\n".join(parts))
    write_text(out / "evaluation.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    print("\n".join([measured, *tables, f"report: {out / 'evaluation.md'}"]))


def _shown(result: TaskResult, field: str) -> Any:
    if field in ("accuracy", "length-normalised"):
        share = result.accuracy if field == "accuracy" else result.accuracy_normalised
        return None if share is None else f"{100 * share:.2f} %"
    return getattr(result, field)
