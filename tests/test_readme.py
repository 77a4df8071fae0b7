"""What the README shows in Python runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lava_nexus.errors import NexusError
from lava_nexus.lab.pages import filled_page as filled
from lava_nexus.lab.pages import update_readme

README = Path(__file__).parents[1] / "README.md"
PAGES = [README, *sorted((README.parent / "docs").glob("*.md"))]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SNIPPETS
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for index, snippet in enumerate(SNIPPETS):  # a later snippet may go on from an earlier one
        exec(compile(snippet, f"README.md snippet {index}", "exec"), space)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pictures_and_files_named_exist(page: Path) -> None:
    root, text = README.parent, page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text) if page == README else []  # docs: tests/test_site.py
    files = re.findall(r"(?:scripts|configs)/[\w/]+\.(?:py|yaml)", text)
    modules = re.findall(r"`(?:lava_nexus/)?(\w+/[\w/]+\.py)`", text)
    folders = re.findall(r"`(lava_nexus/[\w/]+)`", text)
    missing = [name for name in links if not (page.parent / name).exists()]
    missing += [name for name in files + folders if not (root / name).exists()]
    missing += [name for name in modules if not any((top / name).exists() for top in (root, root / "lava_nexus"))]
    assert not missing


def test_the_results_are_those_of_the_report_kept_in_docs() -> None:
    report = json.loads((README.parent / "docs" / "digits.json").read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    assert filled(text, report) == text
    report["neurons"] += 1
    assert filled(text, report) != text


def test_a_run_as_neurons_goes_to_the_page_on_lava(tmp_path: Path) -> None:
    report = json.loads((README.parent / "docs" / "digits.json").read_text(encoding="utf-8"))
    report["config"]["level"] = "neurons"  # as --set level=neurons leaves it
    (tmp_path / "docs").mkdir()
    (tmp_path / "report.json").write_text(json.dumps(report))
    page = tmp_path / "docs" / "lava.md"
    page.write_text("<!-- neurons: begin -->\n<!-- neurons: end -->\n")
    update_readme(tmp_path, tmp_path)  # a README is not there, and is not asked for
    assert f"{report['neurons']:,}" in page.read_text()


def test_a_run_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NexusError, match=r"report\.json does not exist: first run what writes"):
        update_readme(tmp_path, tmp_path)
    with pytest.raises(NexusError, match="has no '<!-- results"):
        filled("no marks", {})
