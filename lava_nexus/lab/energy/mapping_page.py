"""The page on mapping shows kept runs of `scripts/map_block.py`: joules and seconds a token, in docs/mapping.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lava_nexus import files
from lava_nexus.documents import read_json
from lava_nexus.errors import NexusError
from lava_nexus.lab.markdown import markdown
from lava_nexus.lab.pages import filled

TABLES = ("energy.csv", "energy_interleaved.csv")


def update_mapping_page(results: Path, root: Path) -> None:
    """Takes the tables of a run into docs/mapping.json and docs/mapping.md, beside those of runs of other names.

    Args:
        results: folder of the run, with report.json.
        root: of the repository.

    Raises:
        NexusError: there is no report of a mapping, or it is a trial's.
    """
    source = results / "report.json"
    if not source.is_file():
        raise NexusError(f"{source} does not exist; `scripts/map_block.py configs/map_block_d256.yaml` writes it")
    values = read_json(source, "report")
    tables = [table for table in values["tables"] if table["file"] in TABLES]
    if values["config"]["quick"] or len(tables) != len(TABLES):
        raise NexusError(f"{source} is of a trial with --quick or of no mapping; the page shows whole runs")
    target = root / "docs" / "mapping.json"
    kept = read_json(target, "report") if target.is_file() else {}
    kept[values["config"]["name"]] = {"title": values["title"], "tables": tables}
    files.write_text(target, json.dumps(kept, indent=1) + "\n")
    page = root / "docs" / "mapping.md"
    files.write_text(page, filled_mapping(page.read_text(encoding="utf-8"), kept))


def filled_mapping(page: str, kept: dict[str, Any]) -> str:
    """The page with the kept tables between its marks."""
    return filled(page, "mapping", lambda: _tables(kept), "docs/mapping.md")


def _tables(kept: dict[str, Any]) -> str:
    parts = [
        f"**{run['title']}: {table['title'][:1].lower()}{table['title'][1:]}**\n\n"
        + markdown(table["header"], table["rows"])
        for run in kept.values()
        for table in run["tables"]
    ]
    return "\n".join(parts).rstrip()


def mapping_summary(kept: dict[str, Any]) -> str:
    """One sentence a run: its first placement, one token after the other."""
    said = []
    for run in kept.values():
        table = run["tables"][0]
        first = {row[0]: row[1] for row in table["rows"]}
        said.append(
            f"- On a machine, one token after the other ({run['title']}, {table['header'][1]}): {first['placement']}; "
            f"{first['seconds']} and {first['machine']} a token, {first['work']} of it work."
        )
    return "\n".join(said)
