"""Multiple-choice files in their public JSONL layouts, as pieces of text to be scored.

| kind | fields | asked as | scored |
| --- | --- | --- | --- |
| arc | question (text, or stem and choices), choices, answerKey | Question: ... Answer: | each choice |
| hellaswag | activity_label, ctx_a, ctx_b (or ctx), endings, label | activity: context | each ending |
| mmlu | question, subject, choices, answer | question, A. to D., Answer: | the letter |
| truthfulqa | question, mc1_targets (choices, labels) | Q: ... A: | each choice |
| winogrande | sentence with _, option1, option2, answer | sentence up to _ with each option | what follows _ |
| piqa | goal, sol1, sol2, label (or a file of labels) | Question: ... Answer: | each solution |

The prompts are those of common evaluation harnesses; solved examples before a question are of its own subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from lava_nexus.documents import parse_json, read_text
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.evaluation import EvaluationTask

Row: TypeAlias = dict[str, Any]
LETTERS = "ABCDEFGHIJ"
SAMPLES = Path(__file__).with_name("samples")


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        choices: (context, continuation) of each choice; the continuation's likelihood after the context is compared.
        answer: index of the right one.
        solved: the question with its answer, as a shot.
        heading: stands once before shots and question.
        subject: shots are of the same one; empty where the kind has none.
    """

    choices: tuple[tuple[str, str], ...]
    answer: int
    solved: str
    heading: str = ""
    subject: str = ""


def questions(task: EvaluationTask) -> list[Question]:
    """The questions of a task, shots of the same subject in front of each, as many as the task asks for.

    Raises:
        NexusError: a file that is missing or no JSONL, a row that is not of the kind's layout, or too few rows.
    """
    path = task.file or SAMPLES / f"{task.kind}.jsonl"
    found = _read(path, task.kind, task.labels)
    source = found if task.shots_file is None else _read(task.shots_file, task.kind, None)
    shots = {q.subject: [one for one in source if one.subject == q.subject][: task.shots] for q in found}
    solved = {id(one) for of_subject in shots.values() for one in of_subject}
    asked = [question for question in found if id(question) not in solved][: task.limit]
    if not asked:
        raise NexusError(f"task file '{path}' has {len(found)} rows, too few for {task.shots} shots and a question")
    for subject in {question.subject: None for question in asked}:
        if len(shots[subject]) < task.shots:
            of_subject = f" of subject '{subject}'" if subject else ""
            raise NexusError(
                f"task file '{task.shots_file or path}' has {len(shots[subject])} rows{of_subject}, too few for "
                f"{task.shots} shots"
            )
    return [_with_shots(question, shots[question.subject]) for question in asked]


def _with_shots(question: Question, shots: Sequence[Question]) -> Question:
    before = question.heading + "".join(f"{shot.solved}\n\n" for shot in shots)
    choices = tuple((before + context, continuation) for context, continuation in question.choices)
    return replace(question, choices=choices, heading="")


def _read(path: Path, kind: str, labels: Path | None) -> list[Question]:
    right = None if labels is None else _lines(labels)
    rows = list(_rows(path))
    if right is not None and len(right) != len(rows):
        raise NexusError(f"file of labels '{labels}' has {len(right)} lines, '{path}' has {len(rows)} rows")
    found = []
    for number, row in enumerate(rows, start=1):
        if right is not None:
            row["label"] = right[number - 1]
        try:
            found.append(LAYOUTS[kind](row))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            reason = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            raise NexusError(f"row {number} of '{path}' has not the layout of '{kind}': {reason}") from error
    return found


def _rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(_lines(path), start=1):
        row = parse_json(line, f"row {number} of '{path}'")
        if not isinstance(row, dict):
            raise NexusError(f"row {number} of '{path}' is a {type(row).__name__}, must be an object")
        yield row


def _lines(path: Path) -> list[str]:
    return [line for line in read_text(path, "task file").splitlines() if line.strip()]


def _prompted(prompt: str, texts: Sequence[str], answer: int, heading: str = "", subject: str = "") -> Question:
    if not 0 <= answer < len(texts):
        raise ValueError(f"the answer is none of {len(texts)} choices")
    choices = tuple((prompt, f" {text}") for text in texts)
    return Question(choices, answer, f"{prompt} {texts[answer]}", heading, subject)


def _arc(row: Row) -> Question:
    asked = row["question"]
    stem, given = (asked["stem"], asked["choices"]) if isinstance(asked, dict) else (asked, row["choices"])
    pairs = (
        list(zip(given["label"], given["text"], strict=True))
        if isinstance(given, dict)
        else [(c["label"], c["text"]) for c in given]
    )
    answer = [label for label, _ in pairs].index(row["answerKey"])
    return _prompted(f"Question: {stem}\nAnswer:", [text for _, text in pairs], answer)


def _hellaswag(row: Row) -> Question:
    context = f"{row['ctx_a']} {row['ctx_b'].capitalize()}" if "ctx_a" in row else row["ctx"]
    activity = f"{row['activity_label']}: " if row.get("activity_label") else ""
    return _prompted(_clean(activity + context), [_clean(ending) for ending in row["endings"]], int(row["label"]))


def _clean(text: str) -> str:
    """Without the marks in brackets that WikiHow leaves."""
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


def _mmlu(row: Row) -> Question:
    letters = LETTERS[: len(row["choices"])]
    lines = "".join(f"{letter}. {text}\n" for letter, text in zip(letters, row["choices"], strict=True))
    subject = str(row.get("subject", "")).replace("_", " ")
    about = f" about {subject}" if subject else ""
    heading = f"The following are multiple choice questions (with answers){about}.\n\n"
    answer = row["answer"] if isinstance(row["answer"], int) else letters.index(row["answer"])
    return _prompted(f"{row['question'].strip()}\n{lines}Answer:", letters, answer, heading, subject)


def _truthfulqa(row: Row) -> Question:
    targets = row["mc1_targets"]
    if "choices" in targets:
        texts, labels = targets["choices"], targets["labels"]
    else:
        texts, labels = list(targets), list(targets.values())
    return _prompted(f"Q: {row['question']}\nA:", texts, list(labels).index(1))


def _winogrande(row: Row) -> Question:
    before, after = row["sentence"].split("_")
    answer = {"1": 0, "2": 1}[str(row["answer"])]
    options = (row["option1"], row["option2"])
    choices = tuple((before + option, f" {after.strip()}") for option in options)
    return Question(choices, answer, before + options[answer] + after)


def _piqa(row: Row) -> Question:
    return _prompted(f"Question: {row['goal']}\nAnswer:", [row["sol1"], row["sol2"]], int(row["label"]))


LAYOUTS: dict[str, Callable[[Row], Question]] = {
    "arc": _arc,
    "hellaswag": _hellaswag,
    "mmlu": _mmlu,
    "truthfulqa": _truthfulqa,
    "winogrande": _winogrande,
    "piqa": _piqa,
}
