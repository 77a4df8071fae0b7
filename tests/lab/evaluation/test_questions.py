"""Task files: what is asked, which answer is right, shots, and rows that are not as they should be."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.evaluation import EvaluationTask
from lava_nexus.lab.evaluation.questions import LAYOUTS, SAMPLES, questions

ROWS: dict[str, tuple[dict[str, Any], list[tuple[str, str]], int]] = {
    "arc": (
        {"question": "Q?", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"},
        [("Question: Q?\nAnswer:", " x"), ("Question: Q?\nAnswer:", " y")],
        1,
    ),
    "hellaswag": (
        {
            "activity_label": "Play",
            "ctx_a": "A [x] b.",
            "ctx_b": "he",
            "endings": ["runs. [sub] ", "sits."],
            "label": "1",
        },
        [("Play: A b. He", " runs. "), ("Play: A b. He", " sits.")],
        1,
    ),
    "mmlu": (
        {"question": " Q? ", "subject": "high_school_art", "choices": ["x", "y", "z"], "answer": 2},
        [
            (
                "The following are multiple choice questions (with answers) about high school art.\n\n"
                "Q?\nA. x\nB. y\nC. z\nAnswer:",
                f" {letter}",
            )
            for letter in "ABC"
        ],
        2,
    ),
    "truthfulqa": (
        {"question": "Q?", "mc1_targets": {"choices": ["x", "y"], "labels": [0, 1]}, "mc2_targets": {}},
        [("Q: Q?\nA:", " x"), ("Q: Q?\nA:", " y")],
        1,
    ),
    "winogrande": (
        {"sentence": "A saw B as _ woke.", "option1": "A", "option2": "B", "answer": "1"},
        [("A saw B as A", " woke."), ("A saw B as B", " woke.")],
        0,
    ),
    "piqa": (
        {"goal": "G", "sol1": "x", "sol2": "y", "label": 1},
        [("Question: G\nAnswer:", " x"), ("Question: G\nAnswer:", " y")],
        1,
    ),
}


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("kind", LAYOUTS)
def test_each_layout(kind: str, tmp_path: Path) -> None:
    row, choices, answer = ROWS[kind]
    (found,) = questions(EvaluationTask(kind=kind, file=written(tmp_path / "t.jsonl", row)))
    assert list(found.choices) == choices
    assert found.answer == answer


def test_other_spellings_of_the_same() -> None:
    ai2 = {"question": {"stem": "Q?", "choices": [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}]}}
    assert LAYOUTS["arc"]({**ai2, "answerKey": "B"}) == LAYOUTS["arc"](ROWS["arc"][0])
    assert LAYOUTS["mmlu"]({**ROWS["mmlu"][0], "answer": "C"}) == LAYOUTS["mmlu"](ROWS["mmlu"][0])
    plain = {"question": "Q?", "mc1_targets": {"x": 0, "y": 1}}
    assert LAYOUTS["truthfulqa"](plain) == LAYOUTS["truthfulqa"](ROWS["truthfulqa"][0])


@pytest.mark.parametrize("kind", LAYOUTS)
def test_the_samples_that_come_with_the_package(kind: str) -> None:
    found = questions(EvaluationTask(kind=kind))
    assert len(found) >= 3
    assert len({question.answer for question in found}) > 1
    assert (SAMPLES / "perplexity.txt").read_text()


def test_shots_stand_before_and_are_not_asked(tmp_path: Path) -> None:
    rows = [{"goal": f"G{i}", "sol1": f"x{i}", "sol2": "y", "label": 0} for i in range(4)]
    path = written(tmp_path / "t.jsonl", *rows)
    found = questions(EvaluationTask(kind="piqa", file=path, shots=2, limit=1))
    before = "Question: G0\nAnswer: x0\n\nQuestion: G1\nAnswer: x1\n\n"
    assert [q.choices[0][0] for q in found] == [before + "Question: G2\nAnswer:"]
    other = written(tmp_path / "s.jsonl", rows[3])
    found = questions(EvaluationTask(kind="piqa", file=path, shots=1, shots_file=other))
    assert [q.choices[0][0] for q in found] == [
        f"Question: G3\nAnswer: x3\n\nQuestion: G{i}\nAnswer:" for i in range(4)
    ]
    mmlu = questions(EvaluationTask(kind="mmlu", shots=1))[0].choices[0][0]
    assert mmlu.count("The following are multiple choice questions") == 1


def test_shots_are_of_the_questions_own_subject(tmp_path: Path) -> None:
    """Rows of two subjects in turn: before each question stand the first ones of its own, and its own heading."""

    def row(subject: str, i: int) -> dict[str, Any]:
        return {"question": f"{subject} {i}", "subject": subject, "choices": ["x", "y"], "answer": 0}

    rows = [row(subject, i) for i in range(4) for subject in ("art", "law")]
    path = written(tmp_path / "t.jsonl", *rows)
    found = questions(EvaluationTask(kind="mmlu", file=path, shots=2))
    asked = [question.choices[0][0] for question in found]
    assert len(asked) == 4
    for text, (subject, i) in zip(asked, [("art", 2), ("law", 2), ("art", 3), ("law", 3)], strict=True):
        shots = "".join(f"{subject} {j}\nA. x\nB. y\nAnswer: A\n\n" for j in range(2))
        heading = f"The following are multiple choice questions (with answers) about {subject}.\n\n"
        assert text == f"{heading}{shots}{subject} {i}\nA. x\nB. y\nAnswer:"
    dev = written(tmp_path / "dev.jsonl", row("law", 7), row("art", 8), row("art", 9))
    found = questions(EvaluationTask(kind="mmlu", file=path, shots=1, shots_file=dev))
    assert [("law 7" in q.choices[0][0], "art 8" in q.choices[0][0]) for q in found[:2]] == [
        (False, True),
        (True, False),
    ]
    with pytest.raises(NexusError, match=r"dev\.jsonl' has 1 rows of subject 'law', too few for 2 shots"):
        questions(EvaluationTask(kind="mmlu", file=path, shots=2, shots_file=dev))


def test_labels_in_a_file_of_their_own(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", *({"goal": "G", "sol1": "x", "sol2": "y"} for _ in range(2)))
    labels = written(tmp_path / "l.lst", "1", "0")
    found = questions(EvaluationTask(kind="piqa", file=path, labels=labels))
    assert [q.answer for q in found] == [1, 0]
    with pytest.raises(NexusError, match=r"'.*l\.lst' has 1 lines, '.*t\.jsonl' has 2 rows"):
        questions(EvaluationTask(kind="piqa", file=path, labels=written(labels, "1")))


@pytest.mark.parametrize(
    ("kind", "row", "sentence"),
    [
        ("piqa", {"goal": "G", "sol1": "x", "label": 0}, "row 1 of '.*' has not the layout of 'piqa': field 'sol2'"),
        ("piqa", {"goal": "G", "sol1": "x", "sol2": "y", "label": "?"}, "invalid literal"),
        ("piqa", {"goal": "G", "sol1": "x", "sol2": "y", "label": 2}, "the answer is none of 2 choices"),
        ("winogrande", {"sentence": "no gap", "option1": "a", "option2": "b", "answer": "1"}, "not enough values"),
        ("arc", {"question": "Q", "choices": {"text": ["x"], "label": ["A"]}, "answerKey": "B"}, "not in list"),
        ("hellaswag", {"ctx": "c", "endings": ["x"], "label": ""}, "invalid literal"),
        ("mmlu", "{", "row 1 of '.*' is no JSON"),
        ("mmlu", "[]", "is a list, must be an object"),
    ],
)
def test_bad_rows(kind: str, row: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=sentence):
        questions(EvaluationTask(kind=kind, file=written(tmp_path / "t.jsonl", row)))


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=r"task file '.*nothing\.jsonl' does not exist"):
        questions(EvaluationTask(kind="arc", file=tmp_path / "nothing.jsonl"))
    with pytest.raises(NexusError, match="it is a directory"):
        questions(EvaluationTask(kind="arc", file=tmp_path))
    os.mkfifo(tmp_path / "pipe.jsonl")  # nobody writes: waiting for it would be for ever
    with pytest.raises(NexusError, match="it is no regular file"):
        questions(EvaluationTask(kind="arc", file=tmp_path / "pipe.jsonl"))
    with pytest.raises(NexusError, match="0 rows, too few for 0 shots and a question"):
        questions(EvaluationTask(kind="arc", file=written(tmp_path / "e.jsonl")))
    with pytest.raises(NexusError, match="3 rows, too few for 3 shots"):
        questions(EvaluationTask(kind="piqa", shots=3))
    (tmp_path / "b.jsonl").write_bytes(b"\xff")
    with pytest.raises(NexusError, match="is not UTF-8"):
        questions(EvaluationTask(kind="arc", file=tmp_path / "b.jsonl"))
