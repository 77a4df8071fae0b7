"""The table that a verification ends in: Markdown for people, CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lava_nexus.files import write_text
from lava_nexus.reports.report import installed_versions
from lava_nexus.reports.tables import comma_separated, markdown
from lava_nexus.verification.outcome import Outcome
from lava_nexus.verification.task import Task

HEADER = ("operation", "format", "to", "basis", "inputs tried", "mismatches", "how checked", "digest", "seconds")
ROUNDING_HEADER = (
    "operation",
    "format",
    "of",
    "inputs tried",
    "not correctly rounded",
    "correct %",
    "correct % of the rest",
    "max ULP",
    "neighbours in order",
    "against order",
    "by multiple precision",
)
_REST = "The rest: results that are finite, not zero and no limit of the function (as 1 is of tanh)."
Found = Sequence[tuple[Task, Outcome]]


def rows(found: Found) -> list[tuple[Any, ...]]:
    """Rows of `HEADER`; `mismatches` is None where only the golden function was checked."""
    return [
        (
            task.operation,
            task.format,
            task.to or task.format,
            task.circuit.basis if task.neural else None,
            outcome.sets,
            outcome.mismatches,
            task.how,
            task.circuit.digest[:12] if task.neural else None,
            round(outcome.seconds, 2),
        )
        for task, outcome in found
    ]


def rounding_rows(found: Found) -> list[tuple[Any, ...]]:
    """Rows of `ROUNDING_HEADER` for the tasks that asked for correct rounding."""
    return [
        (
            task.operation,
            task.format,
            f"gates, {task.circuit.basis}" if task.direct else "golden",
            outcome.sets,
            r.wrong,
            100 * (1 - r.wrong / outcome.sets),
            100 * (1 - r.wrong_counted / r.counted) if r.counted else None,
            r.max_ulp,
            r.neighbours - r.against_order,
            r.against_order,
            r.by_precision,
        )
        for task, outcome in found
        if (r := outcome.rounding) is not None and outcome.sets
    ]


def text(found: Found, left_out: Sequence[str] = ()) -> str:
    """Both tables as Markdown."""
    parts = [markdown(HEADER, rows(found))]
    roundings = rounding_rows(found)
    if roundings:
        shown = [[f"{v:.6f}" if isinstance(v, float) else v for v in row] for row in roundings]
        parts.append(f"{markdown(ROUNDING_HEADER, shown)}\n{_REST}\n")
    parts += ["".join(f"- left out: {sentence}\n" for sentence in left_out)] if left_out else []
    return "\n".join(parts)


def write(found: Found, left_out: Sequence[str], config: dict[str, Any], folder: Path) -> None:
    """Writes verification.md, .csv and .json, and rounding.csv where it was asked for."""
    write_text(folder / "verification.md", f"# Verification\n\n{text(found, left_out)}")
    write_text(folder / "verification.csv", comma_separated(HEADER, rows(found)))
    if rounding_rows(found):
        write_text(folder / "rounding.csv", comma_separated(ROUNDING_HEADER, rounding_rows(found)))
    results = [
        {**dict(zip(HEADER, row, strict=True)), "digest": task.circuit.digest, "found": outcome.to_dict()}
        for row, (task, outcome) in zip(rows(found), found, strict=True)
    ]
    values = {"config": config, "results": results, "left_out": list(left_out), "versions": installed_versions()}
    write_text(folder / "verification.json", json.dumps(values, indent=2, allow_nan=False) + "\n")
