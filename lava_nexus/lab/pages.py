"""Parts of pages that are made of results: between `<!-- name: begin -->` and `<!-- name: end -->`, never typed.

The README's results: read from report.json, never typed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.lab.markdown import markdown, summary_rows


def filled(page: str, name: str, content: Callable[[], str], where: str) -> str:
    """The page with today's content between its marks.

    Args:
        page: its text.
        name: of the part.
        content: gives what stands there from now on.
        where: the page's name, for the error.

    Raises:
        NexusError: the marks are not there.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise NexusError(f"{where} has no '{begin}' ... '{end}'")
    return pattern.sub(lambda _: f"{begin}\n{content()}\n{end}", page)


def results_table(report: dict[str, Any]) -> str:
    """The table between the README's marks."""
    title = f"`make run` on two cores: {report['title'][:1].lower()}{report['title'][1:]}"
    circuits = [
        [c["circuit"], f"{c['neurons']:,}", f"{c['synapses']:,}", f"{c['depth']:,}", f"{c['invocations']:,}"]
        for c in report["circuits"]
    ]
    header = ("circuit", "neurons", "synapses", "depth", "invocations")
    return f"{title}.\n\n{markdown(('', 'result'), summary_rows(report))}\n{markdown(header, circuits)}"


def filled_page(readme: str, report: dict[str, Any]) -> str:
    """The README's text with today's table between its marks.

    Raises:
        NexusError: the marks are not there.
    """
    return filled(readme, "results", lambda: results_table(report), "README.md")


def update_readme(results: Path, root: Path) -> None:
    """Takes report and figures of a run into README.md and docs/.

    Args:
        results: folder of the run, with report.json.
        root: of the repository.

    Raises:
        NexusError: there is no report.
    """
    source = results / "report.json"
    if not source.is_file():
        raise NexusError(f"{source} does not exist; `make run` writes it")
    report = json.loads(source.read_text(encoding="utf-8"))
    report["config"].pop("out", None)
    images = root / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    for figure in report["figures"]:
        shutil.copyfile(results / figure["file"], images / figure["file"])
    write_text(root / "docs" / "digits.json", json.dumps(report, indent=2) + "\n")
    readme = root / "README.md"
    write_text(readme, filled_page(readme.read_text(encoding="utf-8"), report))
