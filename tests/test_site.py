"""The documentation site: pages are all there and listed, what they show runs; .ci/run builds it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = ["start.md", "how_to.md", "faq.md", pytest.param("autonomous.md", marks=pytest.mark.slow)]
"""Pages whose snippets run in order, in one space; those of README.md and docs/lava.md have tests of their own."""
TOP = {ROOT / "README.md", ROOT / "CHANGELOG.md"}
"""Linked to from pages as they lie in the repository; the site has pages of them."""
sys.path.insert(0, str(ROOT / "scripts"))
import build_site  # noqa: E402


def _nav() -> list[str]:
    class Reader(yaml.SafeLoader):
        pass

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        for part in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
            yield from walk(part)

    return list(walk(yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Reader)["nav"]))


def _targets() -> set[str]:
    """Pages that are generated, without being made."""
    books = {f"tutorials/{path.stem}.md" for path in (ROOT / "notebooks").glob("*.ipynb")}
    return {"index.md", "changelog.md", "reference/command_line.md"} | books


def test_every_page_is_in_the_navigation_once() -> None:
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert not written & _targets()
    assert sorted(_nav()) == sorted(written | _targets())


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    known = {DOCS / target for target in _targets()}
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target in known or (target.is_relative_to(DOCS) and target.exists()) or target in TOP, link
        if anchor and target.exists() and not anchor.startswith("lava_nexus."):
            assert anchor in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}


@pytest.mark.wide
@pytest.mark.parametrize("page", SHOWN)
def test_what_a_page_shows_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    snippets = SNIPPET.findall((DOCS / page).read_text(encoding="utf-8"))
    assert snippets
    for i, snippet in enumerate(snippets):
        exec(compile(snippet, f"docs/{page} snippet {i}", "exec"), space)


def test_what_needs_a_checkpoint_or_a_chip_runs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small model in the checkpoint's place, and what a chip would give left out."""
    import lava_nexus as nexus

    shape = {"model_type": "qwen3", "hidden_size": 4, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 4}
    shape |= {"intermediate_size": 4, "num_hidden_layers": 2, "vocab_size": 9708, "max_position_embeddings": 16}
    monkeypatch.setattr(nexus, "load", lambda name, **how: nexus.random_model(shape, seed=0, **how))
    space: dict[str, object] = {}
    for i, snippet in enumerate(SNIPPET.findall((DOCS / "models.md").read_text(encoding="utf-8"))):
        exec(compile(snippet, f"docs/models.md snippet {i}", "exec"), space)
    on_chip, here = SNIPPET.findall((DOCS / "hardware.md").read_text(encoding="utf-8"))
    exec(compile(here, "docs/hardware.md", "exec"), space)
    space |= {"nexus": nexus, "x": 1.5, "y": 2.0}
    with pytest.raises(nexus.NexusError, match="loihi2"):
        exec(compile(on_chip, "docs/hardware.md", "exec"), space)


def test_commands_shown_are_commands() -> None:
    from lava_nexus.lab.commands import OTHERS
    from lava_nexus.lab.experiments import EXPERIMENTS

    known = {one.command for one in EXPERIMENTS} | {*OTHERS, "completion"}
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        shown = re.findall(r"^(?: {4}|[^`\n]*`)?lava-nexus ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(shown) <= known, page.name
    assert all(f"## {command}\n" in build_site.command_line_page() for command in known)


def test_the_reference_has_every_public_name() -> None:
    for stub, page in (("__init__.pyi", "python.md"), ("torch/__init__.pyi", "torch.md")):
        names = re.findall(r"import \w+ as (\w+)", (ROOT / "lava_nexus" / stub).read_text(encoding="utf-8"))
        text = (DOCS / "reference" / page).read_text(encoding="utf-8")
        numbers = {name for name in names if re.fullmatch(r"U?INT\d+|B?FLOAT\d+(?:_\w+)?", name)}
        listed = set(re.findall(r"^::: lava_nexus(?:\.torch)?\.(\w+)$", text, re.MULTILINE))
        assert listed == set(names) - numbers
        assert bool(numbers) == ("`FLOAT8_E4M3FN`" in text)


def test_what_would_be_fetched_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="//cdn.org/a.css"><a href="https://x.org">x</a><script src="a.js"></script>'
        '<link rel="canonical" href="https://x.org"><img src="https://x.org/a.png">'
    )
    (tmp_path / "a.css").write_text("@import 'https://fonts.org/f.css'; a { background: url(data:x) }")
    assert build_site.fetched_from_elsewhere(tmp_path) == [
        "a.html: //cdn.org/a.css",
        "a.html: https://x.org/a.png",
        "a.css: https://fonts.org/f.css",
    ]


CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
PROBE = """<script>addEventListener("load", () => setTimeout(() => {
  const fetched = performance.getEntriesByType("resource").map(one => one.name);
  document.body.dataset.found = [fetched.filter(name => !name.startsWith("file:")).length,
    [...document.images].filter(image => !image.naturalWidth).length, document.querySelectorAll("nav a").length,
    getComputedStyle(document.querySelector("h1")).fontFamily.includes("Roboto")].join("|");
}, 300));</script></body>"""


@pytest.mark.wide
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the site is not opened in a browser")
def test_in_a_browser_pages_fetch_nothing_and_show_their_pictures(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="no MkDocs (extra docs): the site is not built")
    site = build_site.build(tmp_path / "site")
    for name in ("index.html", "reference/python.html", "tutorials/03_mapping.html", "robustness.html"):
        page = site / name
        page.write_text(page.read_text(encoding="utf-8").replace("</body>", PROBE), encoding="utf-8")
        command = [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            "--virtual-time-budget=3000",
        ]
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        done = subprocess.run([*command, profile, page.as_uri()], capture_output=True, text=True)
        (found,) = re.findall(r'data-found="([^"]*)"', done.stdout)
        elsewhere, broken, links, fetched_font = found.split("|")
        assert (elsewhere, broken, fetched_font) == ("0", "0", "false") and int(links) > 20, name


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_holds_outputs_and_no_places_of_a_machine(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    assert '"output_type": "stream"' in text
    assert not re.search(r"/(?:home|root|tmp|work)/", text)


def test_a_notebook_keeps_its_outputs() -> None:
    pytest.importorskip("nbconvert", reason="no nbconvert (extra docs): notebooks are not made pages")
    pages = dict(build_site.notebook_pages(ROOT / "notebooks" / "05_numbers_in_time.ipynb"))
    text = pages.pop("tutorials/05_numbers_in_time.md")
    assert isinstance(text, str) and all(f"({name.partition('/')[2]})" in text for name in pages) and pages
