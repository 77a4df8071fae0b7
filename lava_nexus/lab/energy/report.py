"""The energy table, run and written: Markdown, CSV, JSON and two figures; and the pages that show a kept run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lava_nexus import files
from lava_nexus.documents import read_json, read_text
from lava_nexus.energy import load_energy_model
from lava_nexus.errors import NexusError
from lava_nexus.lab.configs.tables import EnergyConfig, EnergyTable
from lava_nexus.lab.energy.multiply_accumulate import placed_macs, systems
from lava_nexus.lab.energy.rows import EnergyRow, energy_rows
from lava_nexus.lab.energy.subjects import OPERATIONS
from lava_nexus.lab.energy.text import EnergyTableReport, judged, summary, tables
from lava_nexus.lab.energy.token import mapping_summary
from lava_nexus.lab.figures.costs import accounting_figure
from lava_nexus.lab.pages import filled
from lava_nexus.lab.published import published
from lava_nexus.lab.report import Report, conclude
from lava_nexus.lab.trial import marked, shrunk


@marked
def run_energy_table(config: EnergyConfig, table: EnergyTable, out: Path, quick: bool = False) -> dict[str, Any]:
    """Measures and writes energy.md, .csv, .json and accounting.png; returns the JSON values."""
    rows = [judged(row, not quick or row.subject in OPERATIONS) for row in energy_rows(config, table, quick)]
    shrunk(f"{len(rows)} of {len(table.subjects)} rows", "small layers, few operand sets")
    compared = systems(config, table, quick)
    model = load_energy_model(config.energy_model)
    fmt, sets = ("float8_e4m3fn", 16) if quick else (table.format, 256)
    macs = tuple(placed_macs(fmt, model, sets, config.seed))
    draw_accounting(rows, out)
    constants = [asdict(constant) for constant in model.constants]
    found = Report(
        title="Energy",
        name="energy",
        config={**config.resolved(), "quick": quick},
        sections=[tables(EnergyTableReport(config, quick, tuple(rows), tuple(compared), macs))],
        values={
            "rows": [asdict(row) for row in rows],
            "systems": [asdict(one) for one in compared],
            "placed": [asdict(one) for one in macs],
            "energy_model": {"name": model.name, "title": model.title, "constants": constants},
        },
        data={"energy.csv": (_CSV, [_flat(row) for row in rows])},
    )
    return conclude(found, out)


def draw_accounting(rows: Sequence[EnergyRow], out: Path) -> None:
    """The figure of what was printed beside what was counted, where anything was printed."""
    beside = [row for row in rows if row.sets and row.published is not None]
    if beside:
        accounting_figure(beside, "Energy of a row: printed, recomputed, counted", out / "accounting.png")


_CSV = (
    *("subject", "component", "group", "operand_sets", "neurons", "spikes", "synops", "updates_active", "updates_idle"),
    *("messages", "hops", "neurons_printed", "spikes_printed", "nj_printed", "nj_recomputed", "ratio"),
    *("gpu_nj_printed", "spikes_only_nj", "synops_nj", "updates_active_nj", "work_nj", "updates_idle_nj"),
    *("routing_nj", "static_nj", "machine_nj", "verdict"),
)


def _flat(row: EnergyRow) -> list[Any]:
    table, p = published("energy"), row.published
    printed = [p.neurons, p.spikes, p.loihi_nj, table.recomputed_nj(p), table.ratio(p), p.gpu_nj] if p else [None] * 6
    counts = [row.sets, row.neurons, row.spikes, row.synops, row.active, row.idle, row.messages, row.hops]
    work = [row.spikes_only_nj, row.shares["synops"], row.shares["updates_active"], row.work_nj]
    machine = [row.shares.get(name) for name in ("updates_inactive", "routing", "static")]
    joules = [*work, *machine, row.machine_nj]
    return [row.subject, row.name, p.group if p else None, *counts, *printed, *joules, row.verdict]


def update_energy_pages(results: Path, root: Path) -> None:
    """Takes report and figures of a run of the table into docs/energy.md, docs/energy.json and the README.

    Args:
        results: folder of the run, with energy.json; docs/ itself makes the pages anew of what is kept there.
        root: of the repository.

    Raises:
        NexusError: there is no report, or it is a trial's.
    """
    source = results / "energy.json"
    if not source.is_file():
        raise NexusError(
            f"{source} does not exist; `scripts/measure_energy.py configs/energy/nexus_table.yaml` writes it"
        )
    values = read_json(source, "report")
    values["config"].pop("out", None)
    report = EnergyTableReport.of(values)
    if report.quick:
        raise NexusError(f"{source} is of a trial with --quick; the pages show whole runs")
    if results.resolve() != (root / "docs").resolve():  # else the pages are made anew of the report kept there
        shutil.copyfile(results / "accounting.png", root / "docs" / "images" / "energy_accounting.png")
    files.write_text(root / "docs" / "energy.json", json.dumps(values, indent=1) + "\n")
    for path, text in energy_pages(report, root).items():
        files.write_text(path, text)


def energy_pages(report: EnergyTableReport, root: Path) -> dict[Path, str]:
    """Text of every page that shows the report."""
    docs, readme, mapped = root / "docs" / "energy.md", root / "README.md", root / "docs" / "mapping.json"
    placed = f"\n{mapping_summary(read_json(mapped, 'report'))}" if mapped.is_file() else ""
    return {
        docs: filled(read_text(docs, "page"), "energy", lambda: _whole(report), "docs/energy.md"),
        readme: filled(read_text(readme, "page"), "energy", lambda: summary(report) + placed, "README.md"),
    }


def _whole(report: EnergyTableReport) -> str:
    return f"{summary(report)}\n\n{tables(report, 'images/energy_')}"
