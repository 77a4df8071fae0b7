"""The documentation site: python scripts/build_site.py [--out DIR].

Warnings are errors. The pages are those of docs/; the front page is README.md, the changelog CHANGELOG.md, tutorials
are the notebooks with the outputs that they hold, and the page of commands is their help. A built page that would fetch
anything from elsewhere is an error too.
"""

from __future__ import annotations

import argparse
import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "mkdocs.yml"
_FETCHING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}
_LINKS = ("stylesheet", "preload", "preconnect", "dns-prefetch", "icon", "modulepreload", "manifest")


def generated_pages() -> Iterator[tuple[str, str | bytes]]:
    """(path in the site's sources, content) of every page and picture that lies elsewhere in the repository."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    yield "index.md", re.sub(r"\]\(docs/", "](", readme)
    yield "changelog.md", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    yield "reference/command_line.md", command_line_page()
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        yield from notebook_pages(notebook)


def notebook_pages(notebook: Path) -> Iterator[tuple[str, str | bytes]]:
    """A notebook as Markdown with the outputs that it holds, then its pictures."""
    from nbconvert import MarkdownExporter

    folder = f"{notebook.stem}_files"
    text, resources = MarkdownExporter().from_filename(str(notebook), {"output_files_dir": folder})
    yield (
        f"tutorials/{notebook.stem}.md",
        f"{text}\n\n---\n\nThis page is `notebooks/{notebook.name}`, with its outputs.\n",
    )
    for name, content in resources["outputs"].items():
        yield f"tutorials/{name}", content


def command_line_page() -> str:
    """Help of `lava-nexus` and of each command."""
    from lava_nexus.lab.commands import OTHERS
    from lava_nexus.lab.experiments import EXPERIMENTS

    names = [one.command for one in EXPERIMENTS] + [*OTHERS, "completion"]
    parts = ["# Command line\n", f"```text\n{_help_of()}```\n"]
    parts += [f"## {name}\n\n```text\n{_help_of(name)}```\n" for name in names]
    return "\n".join(parts)


def _help_of(*command: str) -> str:
    from lava_nexus.cli import _dispatch

    told = io.StringIO()
    with redirect_stdout(told), suppress(SystemExit):
        _dispatch([*command, "--help"])
    return told.getvalue()


def on_files(files: Any, config: Any) -> Any:
    """MkDocs asks for its sources: what `generated_pages` gives is added."""
    from mkdocs.structure.files import File

    for path, content in generated_pages():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to the README and the changelog lead to their pages."""
    up = "../" * page.file.src_uri.count("/")
    linked = re.sub(r"\]\((?:\.\./)+README\.md", f"]({up}index.md", markdown)
    return re.sub(r"\]\((?:\.\./)+CHANGELOG\.md", f"]({up}changelog.md", linked)


class _Fetches(HTMLParser):
    """Addresses that a browser would fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Looks at what this tag loads."""
        given = dict(attrs)
        address = given.get(_FETCHING.get(tag, ""))
        if tag == "link" and set((given.get("rel") or "").split()) & set(_LINKS):
            address = given.get("href")
        if address and re.match(r"(?:https?:)?//", address):
            self.found.append(address)


def fetched_from_elsewhere(site: Path) -> list[str]:
    """'PAGE: ADDRESS' of what pages and style sheets would load that is not in the folder."""
    found = []
    for page in sorted(site.rglob("*.html")):
        parser = _Fetches()
        parser.feed(page.read_text(encoding="utf-8"))
        found += [f"{page.relative_to(site)}: {address}" for address in parser.found]
    for sheet in sorted(site.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8")
        addresses = re.findall(r"(?:@import\s+|url\()[\"']?((?:https?:)?//[^\"')]+)", text)
        found += [f"{sheet.relative_to(site)}: {address}" for address in addresses]
    return found


def build(out: Path | None = None) -> Path:
    """Builds the site, warnings being errors; returns its folder.

    Raises:
        SystemExit: a warning, or something that would be fetched from elsewhere.
    """
    from mkdocs.commands.build import build as built
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    config = load_config(str(CONFIG), strict=True, **({} if out is None else {"site_dir": str(out.resolve())}))
    config.plugins.on_startup(command="build", dirty=False)
    try:
        built(config)
    except Abort as error:
        raise SystemExit(f"error: {error}") from error
    finally:
        config.plugins.on_shutdown()
    site = Path(config.site_dir)
    if elsewhere := fetched_from_elsewhere(site):
        raise SystemExit("error: pages would fetch from elsewhere:\n" + "\n".join(elsewhere))
    return site


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the site; results/site")
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from lava_nexus.cli import run_guarded
    from lava_nexus.progress import doing, say

    def _built() -> None:
        with doing("building the site"):
            site = build(given.out)
        say(str(site / "index.html"))

    run_guarded(_built)
