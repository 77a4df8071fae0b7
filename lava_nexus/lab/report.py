"""The report of one run: report.json for programs, report.md for people, CSV tables for spreadsheets."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus import files
from lava_nexus.energy import EnergyReport
from lava_nexus.execute.executor import Tally
from lava_nexus.formats import UlpSummary
from lava_nexus.lab.markdown import comma_separated, report_markdown
from lava_nexus.versions import installed_versions as installed_versions

SCHEMA_VERSION = 1
CIRCUIT_HEADER = ("circuit", "basis", "neurons", "synapses", "depth", "invocations", "spikes", "synops")
LAYER_HEADER = ("layer", "circuit", "synops")
STEP_HEADER = (
    "step",
    "max ULP",
    "mean ULP",
    "unequal bits",
    "values",
    "neurons",
    "depth",
    "spikes",
    "synops",
    "seconds",
)


@dataclass(frozen=True)
class Table:
    """A further table of a report: a title, which also names its CSV file, a header and rows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @property
    def file(self) -> str:
        """Name of the CSV file."""
        return "_".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split()) + ".csv"


@dataclass(frozen=True)
class Run:
    """What a run found; None where something was not counted or has no witness.

    Attributes:
        title: first line of report.md.
        config: the resolved config.
        executor: its name.
        levels: (process or layer, level at which it ran: "LIF", "vectorised neurons", "word logic", "reference").
        inferences: inputs answered.
        accuracy_network, accuracy_pytorch: share 0..1 of right answers, None without labels.
        ulp_strict: against the strict reference.
        ulp_pytorch: against PyTorch, None without it.
        neurons, synapses: of every circuit of the program, as laid out on a chip.
        depth, time_steps: of one inference, and of the run.
        spikes, synops: over the run.
        energy: from the counts.
        wall_seconds: of the run, compilation included.
        circuits: rows of `CIRCUIT_HEADER`.
        layers: rows of `LAYER_HEADER`: SynOps by layer and circuit.
        steps: rows of `STEP_HEADER`: programs that ran one after the other, against the strict reference.
        tables: further tables.
        figures: (file name in the folder of the report, caption).
        notes: sentences that a reader needs beside the numbers.
    """

    title: str
    config: dict[str, Any]
    executor: str
    inferences: int
    ulp_strict: UlpSummary | None
    neurons: int
    synapses: int
    depth: int
    time_steps: int
    spikes: int | None
    synops: int | None
    energy: EnergyReport | None
    wall_seconds: float
    ulp_pytorch: UlpSummary | None = None
    accuracy_network: float | None = None
    accuracy_pytorch: float | None = None
    levels: Sequence[tuple[str, str]] = ()
    circuits: Sequence[Sequence[Any]] = ()
    layers: Sequence[tuple[str, str, int]] = ()
    steps: Sequence[Sequence[Any]] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    versions: dict[str, str] = field(default_factory=installed_versions)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for report.json."""
        energy = self.energy.to_dict() if self.energy else {"joules": None, "joules_per_inference": None}
        return {
            "schema_version": SCHEMA_VERSION,
            "title": self.title,
            "config": self.config,
            "executor": self.executor,
            "levels": [{"process": process, "level": level} for process, level in self.levels],
            "inferences": self.inferences,
            "accuracy": {"network": self.accuracy_network, "pytorch": self.accuracy_pytorch},
            "ulp": {"strict": _ulp(self.ulp_strict), "pytorch": _ulp(self.ulp_pytorch)},
            "neurons": self.neurons,
            "synapses": self.synapses,
            "depth": self.depth,
            "time_steps": self.time_steps,
            "spikes": self.spikes,
            "synops": self.synops,
            "energy": energy,
            "wall_seconds": self.wall_seconds,
            "circuits": [dict(zip(CIRCUIT_HEADER, row, strict=True)) for row in self.circuits],
            "layers": [dict(zip(LAYER_HEADER, row, strict=True)) for row in self.layers],
            "steps": [dict(zip(STEP_HEADER, row, strict=True)) for row in self.steps],
            "tables": [
                {"title": t.title, "file": t.file, "header": list(t.header), "rows": [list(row) for row in t.rows]}
                for t in self.tables
            ],
            "figures": [{"file": name, "caption": caption} for name, caption in self.figures],
            "notes": list(self.notes),
            "versions": self.versions,
        }


def circuit_rows(tallies: Iterable[Tally]) -> list[tuple[Any, ...]]:
    """Rows of `CIRCUIT_HEADER`, most SynOps first."""
    rows = [
        (
            tally.circuit.label,
            tally.circuit.basis,
            tally.circuit.neurons,
            tally.circuit.synapses,
            tally.circuit.depth,
            tally.invocations,
            tally.spikes,
            tally.synops,
        )
        for tally in tallies
    ]
    return sorted(rows, key=lambda row: (-(row[7] or 0), row[0]))


def write_report(run: Run, folder: Path) -> dict[str, Any]:
    """Writes report.json, report.md, circuits.csv, layers.csv, steps.csv and a CSV a table, each whole or not at all.

    Returns:
        The JSON values.

    The JSON is strict: a number that is not finite becomes null.
    """
    report: dict[str, Any] = _finite(run.to_dict())
    if run.circuits:
        files.write_text(folder / "circuits.csv", comma_separated(CIRCUIT_HEADER, run.circuits))
    if run.layers:
        files.write_text(folder / "layers.csv", comma_separated(LAYER_HEADER, run.layers))
    if run.steps:
        files.write_text(folder / "steps.csv", comma_separated(STEP_HEADER, run.steps))
    for table in run.tables:
        files.write_text(folder / table.file, comma_separated(table.header, table.rows))
    files.write_text(folder / "report.md", report_markdown(report))
    files.write_text(folder / "report.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    return report


def _ulp(summary: UlpSummary | None) -> dict[str, float | int | None]:
    if summary is None:
        return {"max": None, "mean": None, "zero_rate": None, "unequal_bits": None, "count": None}
    return dict(summary.as_dict())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
