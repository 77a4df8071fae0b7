"""What the README shows in Python runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_there_are_snippets() -> None:
    assert SNIPPETS


@pytest.mark.parametrize("index", range(len(SNIPPETS)))
def test_snippet_runs(index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for snippet in SNIPPETS[: index + 1]:  # a later snippet may go on from an earlier one
        exec(compile(snippet, f"README.md snippet {index}", "exec"), space)


def test_pictures_and_files_named_exist() -> None:
    root, text = README.parent, README.read_text(encoding="utf-8")
    named = re.findall(r"\]\((?!https?:)([^)#]+)\)", text) + re.findall(r"(?:scripts|configs)/\w+\.(?:py|yaml)", text)
    assert named
    missing = [name for name in named if not (root / name).exists()]
    assert not missing
