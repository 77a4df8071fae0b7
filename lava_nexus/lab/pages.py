"""Kept reports: what differs between two, and the pages that are made of one.

Parts of pages stand between `<!-- name: begin -->` and `<!-- name: end -->` and are never typed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lava_nexus.documents import read_json, read_text
from lava_nexus.errors import NexusError, brief
from lava_nexus.files import write_text
from lava_nexus.lab.markdown import markdown, summary_rows

_LONGEST = 48


@dataclass(frozen=True)
class Difference:
    """One value that is not the same; `MISSING` where a report does not have it.

    Attributes:
        key: dotted path; a row of a table is named by its texts in brackets.
        a, b: the values.
    """

    key: str
    a: Any
    b: Any

    @property
    def change(self) -> float | None:
        """b - a of two numbers."""
        return self.b - self.a if _number(self.a) and _number(self.b) else None

    @property
    def ratio(self) -> float | None:
        """b / a of two numbers."""
        with suppress(OverflowError):  # integers have no largest
            return self.b / self.a if self.change is not None and self.a else None
        return None


class _Missing:
    def __repr__(self) -> str:
        return "(none)"


MISSING = _Missing()


def read_report(path: Path) -> dict[str, Any]:
    """The values of a report: a JSON file, or the folder of one run.

    Raises:
        NexusError: no such file, several JSON files in the folder, or no JSON object in it.
    """
    if path.is_dir():
        found = sorted(p for p in path.glob("*.json") if not p.name.startswith("."))
        if len(found) != 1:
            names = ", ".join(p.name for p in found) or "none"
            raise NexusError(f"folder '{path}' holds {len(found)} JSON reports ({names}), must hold one; name the file")
        path = found[0]
    values = read_json(path, "report")
    if not isinstance(values, dict):
        raise NexusError(f"report '{path}' holds a {type(values).__name__}, must hold an object")
    return values


def differences(a: dict[str, Any], b: dict[str, Any], ignore: Sequence[str] = ()) -> list[Difference]:
    """The values that differ, in the order of the reports; keys that match a pattern (`*` any text) are left out."""
    left, right = dict(_leaves(a)), dict(_leaves(b))
    keys = list(dict.fromkeys([*left, *right]))
    return [
        Difference(key, left.get(key, MISSING), right.get(key, MISSING))
        for key in keys
        if left.get(key, MISSING) != right.get(key, MISSING) and not any(fnmatchcase(key, p) for p in ignore)
    ]


def differences_table(found: Sequence[Difference], a: str, b: str) -> str:
    """A Markdown table; `a` and `b` are what the reports are called."""
    rows = [[d.key, _text(d.a), _text(d.b), *map(_figure, (d.change, d.ratio))] for d in found]
    return markdown(("key", a, b, "b - a", "b / a"), rows)


def _figure(value: float | None) -> str:
    try:
        return "-" if value is None else f"{value:.6g}"
    except OverflowError:  # integers have no largest
        return brief(str(value), 20)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths and values; a list of objects is keyed by the texts of each, other lists are one value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        seen: dict[str, int] = {}
        for item in value:
            name = " ".join(text for text in item.values() if isinstance(text, str))
            seen[name] = seen.get(name, 0) + 1
            again = f" #{seen[name]}" if seen[name] > 1 else ""
            yield from _leaves(item, f"{path}[{name}{again}]")
    else:
        yield path, value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    text = repr(value) if value is MISSING else value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


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
    """Takes report and figures of a run into README.md and docs/; of a run at `level=neurons` into docs/lava.md.

    Args:
        results: folder of the run, with report.json; docs/ itself makes the README anew of what is kept there.
        root: of the repository.

    Raises:
        NexusError: there is no report.
    """
    kept = results.resolve() == (root / "docs").resolve()
    source = results / ("digits.json" if kept else "report.json")
    if not source.is_file():
        raise NexusError(f"{source} does not exist: first run what writes its report there")
    report = read_report(source)
    report["config"].pop("out", None)
    levels = report["config"].get("level"), (report["config"].get("lava") or {}).get("level")
    if not kept and "neurons" in levels:
        page = root / "docs" / "lava.md"
        table = markdown(("", "all layers as neurons in Lava's time steps"), summary_rows(report))
        write_text(page, filled(read_text(page, "page"), "neurons", lambda: table, "docs/lava.md"))
        return
    images = root / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    _take_figures([] if kept else report["figures"], results, images)
    write_text(root / "docs" / "digits.json", json.dumps(report, indent=2) + "\n")
    readme = root / "README.md"
    write_text(readme, filled_page(read_text(readme, "page"), report))


def _take_figures(figures: Sequence[Mapping[str, Any]], results: Path, images: Path) -> None:
    """Copies figures of a report; a name that leads elsewhere would overwrite what is not the report's."""
    for figure in figures:
        name = str(figure["file"])
        if Path(name).name != name:
            raise NexusError(f"figure '{brief(name)}' of a report in '{results}' is no plain name of a file")
        shutil.copyfile(results / name, images / name)


def update_native(results: Path, root: Path) -> None:
    """Takes the native layers' table and figure into README.md and docs/images/, tokens into docs/native.md.

    Raises:
        NexusError: the run was a quick one, or the marks are not there.
    """
    report = read_report(results / "native.json")
    if report["config"]["quick"]:
        raise NexusError(f"'{results}' holds a quick run, which is no result: run it whole")
    table = report["tables"][0]
    _take_figures(report["figures"], results, root / "docs" / "images")
    readme = root / "README.md"
    notes = "\n".join(f"- {note}" for note in report["notes"])
    page = filled(read_text(readme, "page"), "native", lambda: _native(table, notes), "README.md")
    write_text(readme, page)
    docs, (_, layers, *token) = root / "docs" / "native.md", report["tables"]
    text = filled(read_text(docs, "page"), "layers", lambda: _titled([layers]), "docs/native.md")
    write_text(docs, filled(text, "token", lambda: _titled(token), "docs/native.md") if token else text)


HUNDREDS = 300
"""Tokens from which a run of a decoder that runs by itself is one of hundreds."""


def update_autonomous(results: Path, root: Path) -> None:
    """Takes a run of a decoder that runs by itself into docs/autonomous.md and its figure into docs/images/.

    Of a run of hundreds of tokens it is the sequences alone, with their record in docs/autonomous.json.

    Raises:
        NexusError: the run was a quick one, or the marks are not there.
    """
    report = read_report(results / "report.json")
    if report["quick"]:
        raise NexusError(f"'{results}' holds a quick run, which is no result: run it whole")
    page = root / "docs" / "autonomous.md"
    if report["inputs"] >= HUNDREDS:
        _kept_autonomous(root, f"{report['inputs']} tokens", report["tables"][:1])
        found = f"{report['findings'][-1]}\n\n{_titled(report['tables'][:1])}"
        write_text(page, filled(read_text(page, "page"), "long", lambda: found, "docs/autonomous.md"))
        return
    _take_figures(report["figures"], results, root / "docs" / "images")
    found = "\n".join(["\n\n".join(report["findings"]), "", _titled(report["tables"])])
    write_text(page, filled(read_text(page, "page"), "tiny", lambda: found, "docs/autonomous.md"))


def update_autonomous_map(results: Path, root: Path) -> None:
    """Takes a mapping of a decoder that runs by itself into docs/autonomous.json and docs/autonomous.md.

    Raises:
        NexusError: the run was a quick one, or the marks are not there.
    """
    report = read_report(results / "report.json")
    if report["quick"]:
        raise NexusError(f"'{results}' holds a quick run, which is no result: run it whole")
    kept = _kept_autonomous(root, report["title"], report["tables"])
    found = "\n".join(_titled(tables) for name, tables in kept.items() if not name.endswith(" tokens"))
    page = root / "docs" / "autonomous.md"
    write_text(page, filled(read_text(page, "page"), "map", lambda: found, "docs/autonomous.md"))


def _kept_autonomous(root: Path, name: str, tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The tables of docs/autonomous.json with those of one more run."""
    target = root / "docs" / "autonomous.json"
    kept: dict[str, Any] = dict(read_json(target, "report")) if target.is_file() else {}
    kept[name] = list(tables)
    write_text(target, json.dumps(kept, indent=1) + "\n")
    return kept


def _titled(tables: Sequence[dict[str, Any]]) -> str:
    return "\n".join(f"**{table['title']}**\n\n{markdown(table['header'], table['rows'])}" for table in tables)


def _native(table: dict[str, Any], notes: str) -> str:
    return f"{markdown(table['header'], table['rows'])}\n{notes}"
