"""Every mistake in a config is one sentence with the key's path, the value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from lava_nexus.config import Config, load_config
from lava_nexus.errors import NexusError


class Small(Config):
    kind: Literal["small"]
    size: int = Field(default=1, ge=1)


class Large(Config):
    kind: Literal["large"]
    sizes: tuple[int, ...] = (1,)


class Sample(Config):
    model: Annotated[Small | Large, Field(discriminator="kind")]
    number: float
    word: Literal["lava", "bitsliced"] = "lava"
    folder: Path = Path("results")


GOOD = "model: {kind: small, size: 3}\nnumber: 1e-3\n"


def _load(tmp_path: Path, text: str, *overrides: str) -> Sample:
    path = tmp_path / "sample.yaml"
    path.write_text(text)
    return load_config(Sample, path, overrides)


def test_values_defaults_and_yaml_numbers(tmp_path: Path) -> None:
    config = _load(tmp_path, GOOD)
    assert config.model == Small(kind="small", size=3)
    assert config.number == 1e-3  # PyYAML alone reads text here
    assert config.resolved() == {
        "model": {"kind": "small", "size": 3},
        "number": 1e-3,
        "word": "lava",
        "folder": "results",
    }


def test_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        _load(tmp_path, GOOD).number = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("number=2.5", lambda c: c.number == 2.5),
        ("model.size=7", lambda c: c.model.size == 7),
        ("model={kind: large, sizes: [1, 2]}", lambda c: c.model.sizes == (1, 2)),
        ("folder=a=b", lambda c: c.folder == Path("a=b")),
    ],
)
def test_overrides(tmp_path: Path, override: str, read: object) -> None:
    assert read(_load(tmp_path, GOOD, override))  # type: ignore[operator]


def test_the_last_override_wins(tmp_path: Path) -> None:
    assert _load(tmp_path, GOOD, "number=2", "number=3").number == 3


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["nmber=1"], ["--set nmber=1", "'nmber'", "did you mean 'number'"]),
        (["modle.size=1"], ["--set modle.size=1", "'modle'", "did you mean 'model'"]),
        (["model.siz=1"], ["'model.siz'", "did you mean 'size'"]),
        (["model.size=0"], ["'model.size' is 0", "greater than or equal to 1"]),
        (["model.size=1.5"], ["'model.size' is 1.5", "must be an integer"]),
        (["model.size='1'"], ["'model.size' is '1'", "must be an integer"]),
        (["model.size=true"], ["'model.size' is true", "must be an integer"]),
        (["model={kind: large, sizes: [1, x]}"], ["'model.sizes.1' is 'x'"]),
        (["model=3"], ["'model' is 3", "keys and values"]),
        (["model={size: 3}"], ["'model.kind' is missing"]),
        (["model.kind=huge"], ["'model.kind' is 'huge'", "'small', 'large'"]),
        (["word=lavva"], ["'word' is 'lavva'", "'lava' or 'bitsliced'", "did you mean 'lava'"]),
        (["word=no"], ["'word' is 'no'"]),  # not False
        (["number="], ["'number' is empty"]),
        (["number.x=1"], ["'number' is 0.001", "no keys"]),
        (["number"], ["--set number", "key=value"]),
        ([".a=1"], ["--set .a=1", "key=value"]),
        (["number=[1"], ["--set number=[1", "not valid YAML"]),
    ],
)
def test_mistakes_on_the_command_line(tmp_path: Path, overrides: list[str], words: list[str]) -> None:
    _expect(tmp_path, GOOD, words, *overrides)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["sample.yaml", "'model' is missing"]),
        ("- 1", ["sample.yaml", "keys and values"]),
        ("number: 1\nnumber: 2", ["line 2", "'number' is given twice"]),
        ("a: b: c", ["not valid YAML", "line 1"]),
        ("number: &a [*a]", ["alias"]),
        ("1: 2", ["'1' does not exist"]),
        ("? [1]\n: 2", ["single word"]),
        ("number: \x00", ["not valid YAML"]),
        (GOOD + "folder: 3", ["'folder' is 3"]),
    ],
)
def test_mistakes_in_the_file(tmp_path: Path, text: str, words: list[str]) -> None:
    _expect(tmp_path, text, words)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for name, word in (("none.yaml", "does not exist"), (".", "directory"), ("binary.yaml", "not UTF-8")):
        with pytest.raises(NexusError, match=word):
            load_config(Sample, tmp_path / name)


def _expect(tmp_path: Path, text: str, words: list[str], *overrides: str) -> None:
    with pytest.raises(NexusError) as caught:
        _load(tmp_path, text, *overrides)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence
