"""Reports as pages for a browser: one file that needs nothing else, of the Markdown page and the figures beside it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from lava_nexus.lab.markdown import markdown, summary_rows
from lava_nexus.lab.trial import MARK

_FOLDED = ("Config", "Notes", "Circuits")
_IMAGE = re.compile(r'<p><img src="([^"]+)" alt="([^"]*)" ?/?></p>')


def html_page(text: str, folder: Path) -> str:
    """A Markdown report as one HTML file: sections fold, tables sort, figures are inside; light and dark.

    Args:
        text: the report, `# title` first, a section at each `## `.
        folder: where its figures lie; an SVG is taken before a PNG of the same name.
    """
    title, *sections = _sections(text)
    return _filled(title[0], _html(title[1], folder), [(name, _html(body, folder)) for name, body in sections])


def side_by_side(runs: Sequence[tuple[str, dict[str, Any], str, Path]]) -> str:
    """Several runs as one HTML file: what they found and how they were set up in columns, then each report, folded.

    Args:
        runs: (name, values of the JSON, Markdown page, folder) of each.
    """
    names = [name for name, *_ in runs]
    found = _columns([_found(values) for _, values, *_ in runs], names)
    setup = _columns([dict(_leaves(values.get("config", {}))) for _, values, *_ in runs], names, differing=True)
    marks = [f"**{MARK}: {name}.**\n\n" for name, values, *_ in runs if values.get("quick")]
    sections = [("What differs in their set-up", _html(setup, Path()))]
    sections += [(name, _html(text.partition("\n")[2].replace("\n## ", "\n### "), at)) for name, _, text, at in runs]
    return _filled(f"{len(runs)} runs side by side", _html("".join(marks) + found, Path()), sections, every=False)


def _filled(title: str, head: str, sections: Sequence[tuple[str, str]], every: bool = True) -> str:
    from jinja2 import Environment

    template = files("lava_nexus.lab").joinpath("page.html.j2").read_text(encoding="utf-8")
    parts = [(name, body, every and not name.startswith(_FOLDED)) for name, body in sections]
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    rendered: str = page.render(title=title, head=head, sections=parts, quick=MARK in title)
    return rendered


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """(heading, what stands below it); what stands above all sections has the page's title."""
    body: list[str] = []
    name, fenced = "Report", False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if not fenced and line.startswith("# ") and not body:
            name = line[2:]
        elif not fenced and line.startswith("## "):
            yield name, "\n".join(body)
            name, body = line[3:], []
        else:
            body.append(line)
    yield name, "\n".join(body)


def _html(text: str, folder: Path) -> str:
    """What a user's names and files bring in is text, never markup."""
    from markdown_it import MarkdownIt

    rendered: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    rendered = rendered.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    with_figures: str = _IMAGE.sub(lambda found: _figure(found[1], found[2], folder), rendered)
    return with_figures


def _figure(name: str, caption: str, folder: Path) -> str:
    drawn, pixels = (folder / Path(name).with_suffix(suffix).name for suffix in (".svg", ".png"))
    if drawn.is_file():
        shown = re.sub(r"^.*?(?=<svg)", "", drawn.read_text(encoding="utf-8"), flags=re.DOTALL)
    elif pixels.is_file():
        data = base64.b64encode(pixels.read_bytes()).decode()
        shown = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
    else:
        shown = f"<p>(figure {escape(name)} is not there)</p>"
    return f'<figure role="img" aria-label="{caption}">{shown}</figure>'


def _found(values: dict[str, Any]) -> dict[str, str]:
    """Figures of a run by name."""
    title = {"title": str(values.get("title", "-")), "level": ", ".join(_levels(values)) or "-"}
    if "ulp" in values and "energy" in values:
        return title | dict(summary_rows(values))
    skipped = ("config", "versions", "schema_version", "tables", "figures", "title", "levels", "notes", "findings")
    return title | dict(_leaves({key: value for key, value in values.items() if key not in skipped}))


def _levels(values: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(level["level"] for level in values.get("levels", [])))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted paths and values; lists of objects are left out."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif not (isinstance(value, list) and any(isinstance(item, dict | list) for item in value)):
        yield path, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _columns(found: Sequence[dict[str, str]], names: Sequence[str], differing: bool = False) -> str:
    keys = dict.fromkeys(key for one in found for key in one)
    rows = [[key, *(one.get(key, "-") for one in found)] for key in keys]
    rows = [row for row in rows if not differing or len(set(row[1:])) > 1]
    return markdown(("", *names), rows) if rows else "Nothing.\n"
