"""YAML and JSON at their edges: a quick, short sentence, whatever the text is."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from lava_nexus.config import Config, build_config, load_config
from lava_nexus.documents import parse_json, parse_yaml, read_json, read_yaml
from lava_nexus.errors import NexusError, brief
from lava_nexus.models.config_json import read_spec

NESTED = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)


class Sample(Config):
    seed: int = 0
    name: str = ""
    flag: bool = False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NESTED, "its aliases and lists stand for more than 100,000 values"),
        ("a: &a [*a]", "it contains itself through an alias"),
        ("!!bool maybe", "a value does not fit its tag"),
        ("!!timestamp x", "a value does not fit its tag"),
        ("!!int ''", "a value does not fit its tag"),
        ("!!map [1]", "a value does not fit its tag"),
        ("!!python/object:os.system x", "could not determine a constructor"),
        ("[" * 1000, "it is nested deeper than 64 levels"),
        ("9" * 500, "an integer of 500 digits, more than 400"),
        ("y" * 500 + ": 1\n" + "y" * 500 + ": 2", r"key 'y+\.\.\.' is given twice"),
        ("x" * 300_000, "has 300,000 characters, more than 262,144"),
    ],
    ids=range(11),
)
def test_yaml_at_its_edges(text: str, words: str) -> None:
    began = time.perf_counter()
    with pytest.raises(NexusError, match=words) as error:
        parse_yaml(text, "it")
    assert len(str(error.value)) <= 300 and "\n" not in str(error.value)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested deeper than 64 levels"),
        ("[" * 70 + "]" * 70, "nested deeper than 64 levels"),
        ("9" * 500, "an integer of 500 digits, more than 400"),
        (b"\xff", "is no JSON"),
        ("{", "is no JSON"),
    ],
    ids=range(5),
)
def test_json_at_its_edges(text: str | bytes, words: str) -> None:
    with pytest.raises(NexusError, match=words) as error:
        parse_json(text, "it")
    assert len(str(error.value)) <= 300


def test_what_is_within_the_bounds_is_read() -> None:
    assert parse_json("[" * 60 + "]" * 60, "it") and parse_json("1" + "0" * 100, "it") == 10**100
    assert parse_yaml("a: &a {b: 1}\nc: *a\nd: {<<: *a, e: 1e-5}", "it") == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 1, "e": 1e-5},
    }


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_what_is_no_file_is_refused_and_not_waited_for(read: object, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("pipe", "is no regular file"), ("", "(is a directory|is no regular file)"), ("none", "exist")):
        with pytest.raises(NexusError, match=words):
            read(tmp_path / name)  # type: ignore[operator]
    with pytest.raises(NexusError, match="embedded null byte"):
        read(tmp_path / "a\0b")  # type: ignore[operator]


@pytest.mark.parametrize(
    "override",
    [
        "seed=!!bool maybe",
        "seed=" + "9" * 1000,
        "seed=" + "[" * 1000,
        "name=" + "[x, " * 5000,
        "x" * 5000 + "=1",
        ".".join("abc" * 1000) + "=1",
        "seed=" + "x" * 5000,
        "flag=" + "1" * 300,
        "seed={? [1]: 2}",
        "seed=!!binary aGk=",
    ],
    ids=range(10),
)
def test_an_override_is_one_short_sentence(override: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("seed: 1")
    with pytest.raises(NexusError) as error:
        load_config(Sample, tmp_path / "a.yaml", [override])
    assert len(str(error.value).replace(str(tmp_path), "")) <= 300 and "\n" not in str(error.value)


def test_keys_that_are_no_words_are_one_sentence() -> None:
    with pytest.raises(NexusError):
        build_config(Sample, {(1, 2): 3}, "it")  # type: ignore[dict-item]


VALUES = [["x"], {"a": 1}, 10**30, 10**399, 10**9, -1, "x" * 5000, True, [["x"]], 1e308]
LLAMA = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 9,
    "max_position_embeddings": 8,
    "rms_norm_eps": 1e-6,
}


@pytest.mark.parametrize("key", [*LLAMA, "architectures", "rope_scaling", "num_labels", "layer_types", "rope_theta"])
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_config_json_is_read_or_refused_in_a_sentence(key: str, value: object) -> None:
    assert read_spec(LLAMA, "it").width == 8
    began = time.perf_counter()
    try:
        read_spec({**LLAMA, key: value}, "it")
    except NexusError as error:
        assert len(str(error)) <= 300 and "\n" not in str(error)
    assert time.perf_counter() - began < 2


def test_reports_are_compared_within_bounds(tmp_path: Path) -> None:
    from lava_nexus.lab.pages import differences, differences_table, read_report

    for name, text in (("deep", '{"a":' * 1000), ("pipe", None)):
        path = tmp_path / f"{name}.json"
        if text is None:
            os.mkfifo(path)
        else:
            path.write_text(text)
        with pytest.raises(NexusError) as error:
            read_report(path)
        assert len(str(error.value).replace(str(tmp_path), "")) <= 300
    (tmp_path / "large.json").write_text(json.dumps({"spikes": 2**70, "ratio": 1}))
    large = read_report(tmp_path / "large.json")
    (found,) = differences(large, {"spikes": 10**390, "ratio": 1})
    assert "..." in differences_table([found], "a", "b")
    assert found.change == 10**390 - 2**70 and found.ratio in (None, pytest.approx(float("inf")))


def test_a_text_is_cut_where_it_is_long() -> None:
    assert brief("a\n b") == "a b" and brief("x" * 100) == "x" * 57 + "..." and len(brief("x " * sys.maxunicode)) == 60


def test_a_figure_that_leads_elsewhere_overwrites_nothing(tmp_path: Path) -> None:
    from lava_nexus.lab.pages import update_readme

    (tmp_path / "README.md").write_text("mine")
    results = tmp_path / "results" / "deep"
    results.mkdir(parents=True)
    (tmp_path / "docs" / "README.md").parent.mkdir()
    (results / "report.json").write_text(json.dumps({"config": {}, "figures": [{"file": "../../README.md"}]}))
    with pytest.raises(NexusError, match=r"figure '\.\./\.\./README\.md' of a report .* is no plain name of a file"):
        update_readme(results, tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_lines_of_json_that_are_no_objects_are_named(tmp_path: Path) -> None:
    from lava_nexus.lab.evaluation.evaluate import _texts

    assert list(_texts('{"text": "a"}\n\n{"text": "b"}', tmp_path)) == ["a", "b"]
    for content in ("[1]", "{", '"text"', "[" * 1000):
        with pytest.raises(NexusError, match="row 1 of"):
            list(_texts(content, tmp_path))
