"""One thing has one energy: figures of the README and of docs/ are written by commands, and none stands there twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lava_nexus.lab.energy.text import EnergyTableReport, summary, tables
from lava_nexus.lab.energy.token import filled_mapping, mapping_summary
from lava_nexus.lab.pages import results_table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", DOCS / "energy.md", DOCS / "mapping.md", DOCS / "native.md"]
JOULES = re.compile(r"\d(?:[\d,.]*\d)?(?:e[+-]\d+)? ?[pnµum]?J\b")

THINGS = {
    "the block's work, delays up to 62, 256 keys": r"([\d,.]+ [num]?J) of work, \d+ % of it SynOps",
    "the GPU that the paper prints for the block": r"(?:the|for a GPU:) ([\d,.]+ µJ)(?: that the paper prints|\.)",
    "the measured GPU at batch 1": r"([\d,.]+ [µm]J) at batch 1\b",
    "the measured GPU at batch 4,096": r"([\d,.]+ [µm]J) at batch 4,096",
    "NEXUS, its code as run": r"NEXUS, its code as run: .* ([\d,.]+ nJ) of work",
    "this package, nexus basis": r"nexus basis, float32, sequential: .* ([\d,.]+ nJ) of work",
    "this package, threshold basis": r"threshold basis, float32, sequential: .* ([\d,.]+ nJ) of work",
}
"""What several sentences give a figure of, each as it is worded."""


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _tables(text: str) -> Iterator[tuple[str, list[list[str]]]]:
    """(heading above, rows with the header first) of every Markdown table."""
    heading, rows = "", []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
            continue
        if rows:
            yield heading, [rows[0], *rows[2:]]
            rows = []
        if line.startswith(("#", "**")):
            heading = line.strip("#* ")


def _energies() -> Iterator[tuple[tuple[str, str, str], str, str]]:
    """((what the table is of, row, column), figure, page) of every cell that holds joules."""
    for page in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]:
        for heading, (header, *rows) in _tables(_text(page)):
            for row in rows:
                for column, cell in zip(header[1:], row[1:], strict=False):
                    if JOULES.match(cell):
                        yield (heading, row[0], column), cell, page.name


def test_a_row_has_one_energy_wherever_it_stands() -> None:
    found: dict[tuple[str, str, str], set[str]] = {}
    for key, figure, _ in _energies():
        found.setdefault(key, set()).add(figure)
    assert len(found) > 200
    assert not {key: figures for key, figures in found.items() if len(figures) > 1}


def test_a_system_has_one_work_in_every_table() -> None:
    """Work does not depend on pace or placement: rows of one network and format have one."""
    mapped = json.loads((DOCS / "mapping.json").read_text(encoding="utf-8"))
    for run in mapped.values():
        works = {row[1] for table in run["tables"] for row in table["rows"] if row[0] == "work"}
        assert len(works) == 1


@pytest.mark.parametrize("thing", THINGS)
def test_a_thing_has_one_figure_in_all_pages(thing: str) -> None:
    found = {page.name: set(re.findall(THINGS[thing], _text(page))) for page in PAGES}
    figures = set().union(*found.values())
    assert len(figures) <= 1, f"{thing}: {found}"
    assert figures, f"no page gives a figure of {thing}"


def test_gates_cost_beside_native_layers_what_they_cost_in_the_energy_table() -> None:
    (beside,) = {
        row[1]
        for heading, (header, *rows) in _tables(_text(ROOT / "README.md"))
        for row in rows
        if header[1] == "gates, nJ a MAC" and row[0] == "float32"
    }
    (figure,) = set(re.findall(THINGS["this package, threshold basis"], _text(ROOT / "README.md")))
    assert f"{beside} nJ" == figure


def _written() -> str:
    """All that commands write onto the pages, from the reports that are kept in docs/."""
    report = EnergyTableReport.of(json.loads((DOCS / "energy.json").read_text(encoding="utf-8")))
    mapped = json.loads((DOCS / "mapping.json").read_text(encoding="utf-8"))
    digits = json.loads((DOCS / "digits.json").read_text(encoding="utf-8"))
    page = filled_mapping("<!-- mapping: begin --><!-- mapping: end -->", mapped)
    return "\n".join([summary(report), tables(report), mapping_summary(mapped), page, results_table(digits)])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_energy_is_typed_by_hand(page: Path) -> None:
    """Constants are: of an event, in pJ; and the baseline that docs/energy.md names the source of."""
    written = set(JOULES.findall(_written()))
    typed = [figure for figure in JOULES.findall(_text(page)) if figure not in written and not figure.endswith("pJ")]
    baseline = ["107 + 250 nJ"] if page.name == "energy.md" else []
    assert [figure for figure in typed if not any(figure in one for one in baseline)] == []


def test_the_mapping_page_is_that_of_the_kept_runs() -> None:
    mapped = json.loads((DOCS / "mapping.json").read_text(encoding="utf-8"))
    assert filled_mapping(_text(DOCS / "mapping.md"), mapped) == _text(DOCS / "mapping.md")


def test_nothing_is_called_an_inference_without_a_pace() -> None:
    """Pages count tokens, images or operand sets; an inference would hide how they follow one another."""
    for page in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]:
        for line in _text(page).splitlines():
            assert not re.search(r"\b(?:an|one|per|each) inference\b", line) or "pace" in line, f"{page.name}: {line}"


def test_notebooks_print_work_and_a_machine_with_its_pace() -> None:
    """Wherever a cell prints joules: of a machine, beside its pace and the work; else work alone."""
    priced = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(_text(path))["cells"]:
            printed = "".join("".join(one.get("text", [])) for one in cell.get("outputs", []))
            if JOULES.search(printed):
                assert " of work" in printed, f"{path.name}: {printed}"
                assert ("of the machine" in printed) == ("pace: " in printed), f"{path.name}: {printed}"
                priced.append((path.stem[:2], "of the machine" in printed))
    assert set(priced) >= {("01", False), ("03", True)}
