"""Evaluations of tiny models against transformers' own likelihoods; resuming; reports; mistakes at the command line."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tokenizers import Tokenizer, models, pre_tokenizers

from lava_nexus import files
from lava_nexus.cli import RESUME
from lava_nexus.config import build_config, load_config
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import executor_named
from lava_nexus.lab.configs.evaluation import EvaluateConfig
from lava_nexus.lab.configs.execution import MembraneOptions
from lava_nexus.lab.configs.model import PopulationsConfig
from lava_nexus.lab.evaluation import evaluate
from lava_nexus.lab.evaluation.questions import SAMPLES, Question, questions
from lava_nexus.lab.evaluation.scoring import Alphabet, GateScorer, alphabet
from lava_nexus.lab.runs.approximation import by_populations, perplexity
from lava_nexus.models.model import load, random_model
from lava_nexus.store import Store
from tests.commands import exit_code
from tests.models.checkpoints import CASES, FAMILIES

CONFIGS = Path(__file__).parents[3] / "configs" / "eval"
ARCHITECTURE = {
    "model_type": "qwen3",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "vocab_size": 64,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}
BASE: dict[str, Any] = {
    "model": {"architecture": ARCHITECTURE},
    "tasks": [{"kind": "piqa"}, {"kind": "perplexity", "window": 8, "limit": 2}],
    "executor": "reference",
    "out": "out",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random LLaMA with a tokenizer of whole words."""
    folder = tmp_path_factory.mktemp("tiny")
    CASES["llama2"].build().save_pretrained(folder)
    words = (SAMPLES / "piqa.jsonl").read_text().replace(".", " . ").split()[:36]
    vocabulary = {"?": 0, **{word: i + 1 for i, word in enumerate(dict.fromkeys(words))}}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    return folder


def _end(config: dict[str, Any], *options: str) -> int:
    return exit_code(EvaluateConfig, evaluate.run_evaluation, yaml.safe_dump(config), *options, **RESUME)


def test_likelihoods_are_those_of_transformers(checkpoint: Path) -> None:
    theirs = CASES["llama2"].build()
    model, text = load(checkpoint), alphabet(checkpoint, 37)
    scorer = GateScorer(model, executor_named("reference"))
    for question in questions(evaluate.EvaluationTask(kind="piqa")):
        for choice in question.choices:
            context, after = text.split(*choice)
            assert context + after == text.encode("".join(choice))
            ids = torch.tensor([context + after])
            with torch.no_grad():
                logs = torch.log_softmax(theirs(ids).logits[0].double(), -1)
            right = [float(logs[len(context) + i - 1, token]) for i, token in enumerate(after)]
            assert np.allclose(scorer.log_likelihoods(context, after), right, atol=1e-5)


def test_a_context_kept_changes_no_bit(checkpoint: Path) -> None:
    model = load(checkpoint)
    kept, fresh = (GateScorer(model, executor_named("reference")) for _ in range(2))
    context = [3, 1, 4]
    kept.logits(context, [1, 5, 9])
    again = kept.logits(context, [2, 6])
    whole = model([*context, 2], executor="reference").logits[0]
    assert np.array_equal(again, whole[2:]) and np.array_equal(again, fresh.logits(context, [2, 6]))
    assert sum(tally.invocations for tally in kept.tallies) > sum(tally.invocations for tally in fresh.tallies)


def test_a_disk_that_is_full_is_told_and_the_run_goes_on(here: Path) -> None:
    config = {**BASE, "tasks": [{"kind": "perplexity", "window": 4}], "pytorch": False}
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    identity = {"config": build_config(EvaluateConfig, config, "test").resolved()}
    store = Store(here / "items", "item", identity)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, most[1]))
    try:
        with pytest.raises(NexusError, match=r"items/item.*\.npz' cannot be written: file too large"):
            for number in range(9):
                store.put(f"perplexity gates {number}", {"values": [1.0] * 10**number})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    again = Store(here / "items", "item", identity)
    kept = [number for number in range(9) if again.get(f"perplexity gates {number}") is not None]
    assert 0 < len(kept) < 9 and len(list((here / "items").iterdir())) == len(kept)


def test_noise_in_an_item_does_not_depend_on_those_before() -> None:
    options = MembraneOptions(noise=0.3).executor_options(0)
    model = random_model({**ARCHITECTURE, "vocab_size": 16}, format="float8_e4m3fn")
    after, alone, exact = (GateScorer(model, executor_named("membrane", **o)) for o in (options, options, {}))
    after.begin(1)
    after.logits([3], [1])
    found = []
    for scorer in (after, alone, exact):
        scorer.begin(2)
        found.append(scorer.logits([3], [1]).view(np.uint8))
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_accuracy_and_perplexity_of_known_logits(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    class Known:
        """Likelihood -1 a token."""

        def __init__(self, *_: Any) -> None: ...

        def begin(self, item: int) -> None: ...

        def log_likelihoods(self, context: list[int], after: list[int]) -> Any:
            return -np.ones(len(after))

    monkeypatch.setattr(evaluate, "GateScorer", Known)
    rows = [("x x x", "yyyyyyyyyy yyyyyyyyyy", 0), ("x", "y y", 0), ("x", "x x", 1)]
    text = [{"goal": "G", "sol1": a, "sol2": b, "label": c} for a, b, c in rows]
    Path("t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in text))
    tasks = [{"kind": "piqa", "file": "t.jsonl"}, {"kind": "perplexity", "window": 4}]
    assert _end({**BASE, "tasks": tasks, "pytorch": False}) == 0
    piqa, text_result = json.loads(Path("out/evaluation.json").read_text())["results"]
    assert (piqa["items"], piqa["accuracy"]) == (3, 1 / 3)  # the fewer tokens the likelier: right for the second alone
    # a byte: -3/5 against -2/21, -1/1 against -2/3, -2/3 against -1/1; a token: always -1, and the first is taken
    assert (piqa["accuracy_normalised"], piqa["accuracy_by_tokens"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert text_result["perplexity"] == pytest.approx(np.e)


def test_three_ways_to_divide_a_likelihood_choose_differently() -> None:
    """Sums -4, -5, -6, bytes 2, 8, 3, tokens 2, 3, 6: plainly the first, by bytes the second, by tokens the third."""
    parts = (([1], [2] * 2), ([1], [2] * 3), ([1], [2] * 6))
    task = evaluate.EvaluationTask(kind="piqa")
    for answer, expected in enumerate([(1, 0, 0), (0, 1, 0), (0, 0, 1)]):
        piece = evaluate.Piece(parts, (2, 8, 3), answer)
        found = evaluate._result(task, "gates", [piece], [[-4.0, -5.0, -6.0]])
        assert (found.accuracy, found.accuracy_normalised, found.accuracy_by_tokens) == expected
    asked = evaluate._asked(Question((("q", " \u00e9\u00e9 "), ("q", " x")), 0, ""), alphabet(None, 9))
    assert asked.lengths == (4, 1)


@pytest.mark.parametrize("stride", [1, 3, 7, None])
def test_perplexity_with_a_stride_is_that_of_the_sliding_window(
    checkpoint: Path, here: Path, stride: int | None
) -> None:
    """Against transformers' own logits; labels of the sliding window as its documentation lays them out."""
    theirs, window = CASES["llama2"].build(), 8
    ids = alphabet(checkpoint, 37).encode((SAMPLES / "perplexity.txt").read_text())[:30]
    logs, last = [], 0
    for begin in range(0, len(ids), stride or window):
        end = min(begin + window, len(ids))
        scored = min(end - last, end - begin - 1)  # the first token of a window has nothing before it
        with torch.no_grad():
            found = torch.log_softmax(theirs(torch.tensor([ids[begin:end]])).logits[0].double(), -1)
        logs += [float(found[i - begin - 1, ids[i]]) for i in range(end - scored, end)]
        last = end
        if end == len(ids):
            break
    assert len(logs) == (len(ids) - 1 if stride else len(ids) - 4)

    windows = list(evaluate._windows(len(ids), window, stride))
    pieces = [evaluate.Piece(((ids[b:f], ids[f:e]),), (1,)) for b, f, e in windows]
    scorer = GateScorer(load(checkpoint), executor_named("reference"))
    sums = [[float(scorer.log_likelihoods(*piece.parts[0]).sum())] for piece in pieces]
    task = evaluate.EvaluationTask(kind="perplexity", window=window, stride=stride)
    assert evaluate._result(task, "gates", pieces, sums).perplexity == pytest.approx(np.exp(-np.mean(logs)), rel=1e-5)
    if stride:
        assert all(first - begin >= window - stride for begin, first, _ in windows[1:])


def test_what_is_not_a_number_counts_as_wrong() -> None:
    piece = evaluate.Piece((([1], [2]), ([1], [3])), (1, 1), 0)
    found = evaluate._result(
        evaluate.EvaluationTask(kind="piqa"), "gates", [piece, piece], [[None, -1.0], [-1.0, -2.0]]
    )
    assert (found.accuracy, found.accuracy_normalised, found.invalid) == (0.5, 0.5, 1)
    window = evaluate.Piece((([1], [2, 3]),), (1,))
    found = evaluate._result(evaluate.EvaluationTask(kind="perplexity"), "gates", [window], [[None]])
    assert (found.perplexity, found.invalid) == (None, 1)


def test_text_without_tokens_is_told() -> None:
    words = alphabet(None, 99)
    assert words.split("a b", " c") == (words.encode("a b"), words.encode("c")[1:])
    assert words.split("a ", "b")[1] == words.encode("b")[1:]
    with pytest.raises(NexusError, match="give 0 and 1 tokens; both need one"):
        Alphabet("letters", lambda text: [1 for c in text if c.isalpha()]).split("?", " x")


def test_gates_and_pytorch_stand_in_both_layouts(here: Path) -> None:
    tasks = [
        {"kind": "perplexity", "window": 8, "limit": 1},
        {"kind": "arc", "name": "ARC-c", "limit": 2},
        {"kind": "arc", "name": "ARC-e", "limit": 1},
        *({"kind": kind, "limit": 1} for kind in ("hellaswag", "winogrande", "piqa")),
    ]
    assert _end({**BASE, "tasks": tasks, "model": {**BASE["model"], "name": "tiny"}}) == 0
    report = json.loads(Path("out/evaluation.json").read_text())
    found = {(r["task"], r["engine"]): r for r in report["results"]}
    assert len(found) == 12
    gates, pytorch = found["perplexity", "gates"]["perplexity"], found["perplexity", "pytorch"]["perplexity"]
    assert gates == pytest.approx(pytorch, rel=1e-5)
    text = Path("out/evaluation.md").read_text()
    assert "| published | Mistral (7B)" in text and "| published | LLaMA-3-8B" in text and "| measured" in text
    lines = [line.split("|") for line in text.splitlines() if "| gates " in line and "tiny" in line]
    assert all(cell.strip() != "-" for cell in lines[-1][1:-1])
    with Path("out/tasks.csv").open() as file:
        assert {row["engine"] for row in csv.DictReader(file)} == {"gates", "pytorch"}
    assert not Path("out/items").exists()
    one = {**BASE, "tasks": [{"kind": "hellaswag", "limit": 1}], "layouts": ["nls"], "pytorch": False}
    assert _end(one) == 0
    text = Path("out/evaluation.md").read_text()
    assert "as NLSpike lays them out" in text and "as NEXUS" not in text


LLAMA = {**ARCHITECTURE, "model_type": "llama", "head_dim": 4, "num_hidden_layers": 2}


@pytest.mark.parametrize("linear", ["exact", "spikes"])
def test_populations_stand_beside_the_exact_model(linear: str, here: Path) -> None:
    tasks = [
        {"kind": "perplexity", "window": 6, "limit": 1},
        {"kind": "piqa", "limit": 1},
    ][: 2 if linear == "exact" else 1]
    config = {**BASE, "model": {"architecture": LLAMA, "name": "tiny"}, "tasks": tasks, "pytorch": False}
    assert _end({**config, "nonlinear": "nls", "linear": linear, "spikes": {"calibration": 1}}) == 0
    report = json.loads(Path("out/evaluation.json").read_text())
    found = {(r["task"], r["engine"]): r for r in report["results"]}
    assert {engine for _, engine in found} == {"gates", "nls"}
    exact, changed = (found["perplexity", engine]["perplexity"] for engine in ("gates", "nls"))
    assert exact != changed and changed == pytest.approx(exact, rel=0.1)
    model, ids = random_model(LLAMA), alphabet(None, 64).encode((SAMPLES / "perplexity.txt").read_text())[:6]
    logits = model(ids, executor="reference").logits
    assert logits is not None and exact == pytest.approx(perplexity(logits, np.array([ids])))
    if linear == "exact":
        replaced = PopulationsConfig(nonlinear=dict.fromkeys(("softmax", "silu", "rms_norm"), "nls"))
        logits = by_populations(replaced, model, lambda tap: None)(ids, executor="reference").logits
        assert logits is not None and changed == pytest.approx(perplexity(logits, np.array([ids])))
        text = Path("out/evaluation.md").read_text()
        lines = [line for line in text.splitlines() if line.startswith("| measured")]
        assert [sum(name in line for line in lines) for name in ("NLSpike, change", "tiny, NLSpike")] == [1, 1]
        assert not any("PyTorch" in line for line in lines)


def test_a_run_that_was_ended_goes_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _end({**BASE, "out": "whole"}) == 0
    real, calls = GateScorer.log_likelihoods, []

    def ends(self: GateScorer, *args: Any) -> Any:
        calls.append(args)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(GateScorer, "log_likelihoods", ends)
    assert _end(BASE) == 130
    assert not Path("out/evaluation.json").exists()
    assert _end({**BASE, "seed": 1}, "--resume") == 2
    assert _end(BASE) == 2  # neither to go on nor to begin anew was asked for
    assert len(list(Path("out/items").iterdir())) == 2
    assert _end(BASE, "--resume") == 0
    assert len(calls) == 6 + 2 + 2  # two questions were kept, the third is asked anew, then the windows
    results = [json.loads(Path(f"{name}/evaluation.json").read_text())["results"] for name in ("whole", "out")]
    assert results[0] == results[1]


def test_answers_of_other_weights_are_not_gone_on_from(
    here: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = shutil.copytree(checkpoint, here / "tiny")
    config = {**BASE, "model": {"checkpoint": str(weights)}, "pytorch": False}
    real, calls = GateScorer.log_likelihoods, []

    def ends(self: GateScorer, *args: Any) -> Any:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(GateScorer, "log_likelihoods", ends)
    assert _end(config) == 130
    (file,) = weights.glob("*.safetensors")
    stat, data = file.stat(), bytearray(file.read_bytes())
    data[-2] ^= 1  # the same size, and the same time
    file.write_bytes(data)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    files._content_digest.cache_clear()
    assert _end(config, "--resume") == 2
    assert "is of a run with another weights" in capsys.readouterr().err
    assert _end(config, "--restart") == 0


def test_a_model_that_pytorch_has_not_is_evaluated_without(here: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gpt_neox"
    FAMILIES["gpt_neox"].build().save_pretrained(folder)
    Tokenizer(models.WordLevel({"?": 0}, unk_token="?")).save(str(folder / "tokenizer.json"))
    assert _end({**BASE, "model": {"checkpoint": str(folder)}, "tasks": [{"kind": "piqa", "limit": 1}]}) == 0
    report = json.loads(Path("out/evaluation.json").read_text())
    assert {r["engine"] for r in report["results"]} == {"gates"}
    assert any("no model of architecture 'gpt_neox'" in note for note in report["notes"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": {}}, "one of 'checkpoint', 'package' and 'architecture'"),
        ({"nonlinear": {"softmax": "spikes"}}, "'nonlinear.softmax' is 'spikes', must be 'gates' or 'nls'"),
        ({"nls": {"silu": {"segments": 8}}}, "nonlinear has it as gates"),
        ({"membrane": {"noise": 0.1}}, "executor is reference, not membrane"),
        ({"nonlinear": {"softmx": "nls"}}, "softmx"),
        ({"tasks": [{"kind": "squad"}]}, "'tasks.0.kind' is 'squad'"),
        ({"tasks": [{"kind": "piqa"}, {"kind": "piqa"}]}, "tasks need names that differ, found piqa, piqa"),
        ({"tasks": [{"kind": "piqa", "file": "no.jsonl"}]}, "task file 'no.jsonl' does not exist"),
        ({"tasks": [{"kind": "perplexity", "window": 8, "stride": 8}]}, "'stride' is 8, must be below the window of 8"),
        ({"layouts": ["mmlu"]}, "'layouts.0' is 'mmlu', must be 'nexus' or 'nls'"),
        ({"tasks": [{"kind": "perplexity", "file": "empty.txt"}]}, "task file 'empty.txt' has 1 tokens"),
        ({"model": {"checkpoint": "none"}}, "checkpoint 'none' is not a folder"),
        ({"model": {"architecture": {**ARCHITECTURE, "max_position_embeddings": 4}}}, "longer than the model's 4"),
        ({"model": {"architecture": {**ARCHITECTURE, "model_type": "gpt5"}}}, "architecture 'gpt5' is not supported"),
    ],
)
def test_mistakes(change: dict[str, Any], sentence: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.txt").write_text("")
    assert _end({**BASE, **change}) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.splitlines()[-1].startswith("error: ")


def test_a_checkpoint_without_tokenizer_is_told(here: Path, checkpoint: Path) -> None:
    folder = here / "bare"
    CASES["llama2"].build().save_pretrained(folder)
    assert _end({**BASE, "model": {"checkpoint": str(folder)}}) == 2


def test_the_configs_that_ship() -> None:
    for path in CONFIGS.glob("*.yaml"):
        assert load_config(EvaluateConfig, path).tasks
    kinds = [task.kind for task in load_config(EvaluateConfig, CONFIGS / "samples.yaml").tasks]
    assert {p.stem for p in SAMPLES.iterdir()} == set(kinds)
    shots = {t.kind: t.shots for t in load_config(EvaluateConfig, CONFIGS / "nexus.yaml").tasks}
    assert (shots["mmlu"], shots["hellaswag"], shots["arc"], shots["truthfulqa"]) == (5, 0, 25, 0)
