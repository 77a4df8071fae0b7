"""The report of any sweep: report.md for people, report.json for programs, cells.csv for spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus import files
from lava_nexus.lab.configs.robustness import RobustnessConfig
from lava_nexus.lab.markdown import comma_separated
from lava_nexus.lab.report import installed_versions

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Page:
    """What a sweep has to say.

    Attributes:
        records: its cells, all with the same keys.
        lead: sentences at the beginning, which are printed too.
        figures: names of files in the folder of the report.
        sections: Markdown after the figures.
        notes: sentences that a reader needs beside the numbers.
        extra: further values of the JSON.
        printed: text for the terminal after the lead.
    """

    records: Sequence[dict[str, Any]]
    lead: Sequence[str]
    figures: Sequence[str]
    sections: Sequence[str]
    notes: Sequence[str]
    extra: dict[str, Any]
    printed: str = ""


def write_page(config: RobustnessConfig, page: Page, out: Path) -> dict[str, Any]:
    """Writes the three files, each whole or not at all, prints a summary; returns the values of the JSON."""
    versions = installed_versions()
    values = {
        "schema_version": SCHEMA_VERSION,
        "title": config.title,
        "config": config.resolved(),
        "cells": list(page.records),
        **page.extra,
        "findings": list(page.lead),
        "figures": list(page.figures),
        "notes": list(page.notes),
        "versions": versions,
    }
    header = list(page.records[0]) if page.records else []
    files.write_text(out / "cells.csv", comma_separated(header, [list(record.values()) for record in page.records]))
    files.write_text(out / "report.json", json.dumps(values, indent=2, allow_nan=False) + "\n")
    parts = [f"# {config.title}\n", *(f"{sentence}\n" for sentence in page.lead)]
    parts += [f"![{name}]({name})\n" for name in page.figures]
    parts += [*page.sections, "## Notes\n\n" + "".join(f"- {note}\n" for note in page.notes)]
    parts.append("Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + "\n")
    files.write_text(out / "report.md", "\n".join(parts))
    print("\n".join(part for part in (config.title, *page.lead, page.printed.rstrip("\n")) if part))
    print(f"report: {out / 'report.md'}")
    return values
