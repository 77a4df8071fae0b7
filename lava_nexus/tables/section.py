"""One more table of a report: as Markdown, CSV and JSON, with its figures and the notes that a reader needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_nexus.files import write_text
from lava_nexus.reports.tables import comma_separated, markdown


@dataclass(frozen=True)
class Section:
    """A table whose columns differ from those of the ULP rows.

    Attributes:
        name: of the CSV file and the key in the JSON report.
        title: above the table.
        header, rows: as shown.
        values: one flat dict a row, with full precision, for CSV and JSON.
        figures: file names in the folder of the report.
        notes: sentences below the table.
    """

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    values: Sequence[dict[str, Any]]
    figures: Sequence[str] = ()
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Title, table and notes."""
        notes = "".join(f"- {note}\n" for note in self.notes)
        return f"## {self.title}\n\n{markdown(self.header, self.rows)}" + (f"\n{notes}" if notes else "")

    def write_csv(self, folder: Path) -> None:
        """Writes `<name>.csv`."""
        columns = list(dict.fromkeys(key for value in self.values for key in value))
        rows = [[value.get(column) for column in columns] for value in self.values]
        write_text(folder / f"{self.name}.csv", comma_separated(columns, rows))
