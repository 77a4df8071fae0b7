"""The energy table as Markdown, CSV, JSON and two figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lava_nexus.audit.published import published_energy
from lava_nexus.audit.subjects import Sizes
from lava_nexus.audit.table import EnergyRow, System, energy_rows, gpu_per_mac_nj, systems
from lava_nexus.config.energy import EnergyConfig, EnergyTable
from lava_nexus.energy import load_energy_model
from lava_nexus.reports import files
from lava_nexus.reports.energy_figures import Bar, Level, accounting_figure, share_figure
from lava_nexus.reports.report import installed_versions
from lava_nexus.reports.tables import comma_separated, markdown, with_prefix

_COUNTS = (
    "row",
    "operand sets",
    "neurons",
    "spikes",
    "SynOps",
    "updates, active",
    "updates, idle",
    "neurons printed",
    "spikes printed",
)
_ENERGY = (
    "row",
    "printed nJ",
    "printed spikes x 23.6 pJ, nJ",
    "ratio",
    "GPU printed nJ",
    "ours: spikes only, nJ",
    "ours: SynOps, nJ",
    "ours: SynOps + updates, nJ",
    "verdict",
)
_SYSTEMS = (
    "system",
    "spikes",
    "spikes only, nJ",
    "SynOps, nJ",
    "SynOps + updates, nJ",
    "block's multiply-accumulates, a token",
    "beside the GPU's printed figure",
    "source",
)
SHARES = ("SynOps", "updates, active", "updates, idle", "spikes by themselves")


def run_energy_table(config: EnergyConfig, table: EnergyTable, out: Path, quick: bool = False) -> list[EnergyRow]:
    """Measures, prints and writes energy.md, .csv, .json, shares.png and accounting.png; returns the rows."""
    rows = list(energy_rows(config, table, quick))
    compared = systems(config, table, quick)
    model = load_energy_model(config.energy_model)
    share_figure(
        [_bar(row) for row in rows if row.sets], SHARES, f"Where the energy goes, {model.title}", out / "shares.png"
    )
    levels = [_level(row) for row in rows if row.published is not None and row.sets]
    if levels:
        accounting_figure(levels, "Energy of a row: printed, recomputed, counted", out / "accounting.png")
    text = _markdown(rows, compared, config, quick)
    files.write_text(out / "energy.md", text)
    files.write_text(out / "energy.csv", comma_separated(_CSV, [_flat(row) for row in rows]))
    values = {
        "config": {**config.resolved(), "quick": quick},
        "rows": [asdict(row) for row in rows],
        "systems": [asdict(one) for one in compared],
        "energy_model": {"name": model.name, "title": model.title, "constants": [asdict(c) for c in model.constants]},
        "versions": installed_versions(),
    }
    files.write_text(out / "energy.json", json.dumps(values, indent=1) + "\n")
    print(text)
    return rows


def _bar(row: EnergyRow) -> Bar:
    s = row.shares
    return Bar(_name(row), (s.synops * 1e-9, s.updates_active * 1e-9, s.updates_inactive * 1e-9, s.spikes * 1e-9))


def _level(row: EnergyRow) -> Level:
    assert row.published is not None
    table = published_energy()
    return Level(
        name=_name(row),
        printed=row.published.loihi_nj * 1e-9,
        recomputed=table.recomputed_nj(row.published) * 1e-9,
        spikes_only=row.spikes_only_nj * 1e-9,
        total=row.shares.total * 1e-9,
        gpu=None if row.published.gpu_nj is None else row.published.gpu_nj * 1e-9,
    )


def _name(row: EnergyRow) -> str:
    return row.published.component if row.published else row.subject


_CSV = (
    *("subject", "component", "group", "operand_sets", "neurons", "spikes", "synops", "updates_active", "updates_idle"),
    *("neurons_printed", "spikes_printed", "nj_printed", "nj_recomputed", "ratio", "gpu_nj_printed"),
    *("spikes_only_nj", "synops_nj", "updates_active_nj", "updates_idle_nj", "total_nj", "verdict"),
)


def _flat(row: EnergyRow) -> list[Any]:
    table, p, s = published_energy(), row.published, row.shares
    printed = [p.neurons, p.spikes, p.loihi_nj, table.recomputed_nj(p), table.ratio(p), p.gpu_nj] if p else [None] * 6
    counts = [row.sets, row.neurons, row.spikes, row.synops, row.active, row.idle]
    joules = [row.spikes_only_nj, s.synops, s.updates_active, s.updates_inactive, s.total]
    return [row.subject, _name(row), p.group if p else None, *counts, *printed, *joules, row.verdict]


def _markdown(rows: Sequence[EnergyRow], compared: Sequence[System], config: EnergyConfig, quick: bool) -> str:
    model, table = load_energy_model(config.energy_model), published_energy()
    counts = [
        [_name(r), r.sets, *map(_round, (r.neurons, r.spikes, r.synops, r.active, r.idle)), *_printed_counts(r)]
        for r in rows
    ]
    energies = [
        [
            _name(row),
            *([p.loihi_nj, table.recomputed_nj(p), table.ratio(p), p.gpu_nj] if (p := row.published) else [None] * 4),
            row.spikes_only_nj,
            row.shares.synops,
            row.shares.total,
            row.verdict,
        ]
        for row in rows
    ]
    notes = "".join(f"- {note}\n" for note in _notes(config, quick))
    macs = Sizes().macs
    return (
        "# Energy\n\n"
        f"Constants: {model.title}. One unit of a row is an operation, an element or a token, as the published table "
        "has it.\n\n"
        "## Counts\n\n" + markdown(_COUNTS, counts) + "\n## Energy, published beside counted\n\n"
        "![Printed, recomputed and counted](accounting.png)\n\n"
        + markdown(_ENERGY, energies)
        + "\n## Where the energy goes\n\n![Shares](shares.png)\n\n"
        + f"## A multiply-accumulate of every system, and the block's {macs:,}\n\n"
        + markdown(_SYSTEMS, [_system(one, macs) for one in compared])
        + f"\n{notes}"
    )


def _printed_counts(row: EnergyRow) -> list[Any]:
    return [_round(row.published.neurons), _round(row.published.spikes)] if row.published else [None, None]


def _system(one: System, macs: int) -> list[Any]:
    gpu = gpu_per_mac_nj()
    worst = one.total if one.total is not None else one.spikes_only
    assert worst is not None
    label = "" if one.total is not None else "spikes only: "
    beside = f"{label}{worst / gpu:,.3g} times"
    tokens = with_prefix(worst * macs * 1e-9, "J")
    spikes = _round(one.spikes)
    return [one.name, spikes, one.spikes_only, one.synops, one.total, f"{label}{tokens}", beside, one.source]


def _notes(config: EnergyConfig, quick: bool) -> list[str]:
    table, model = published_energy(), load_energy_model(config.energy_model)
    block = table.row("block")
    synop = model.joules("synaptic_op") * 1e12
    active, idle = (model.joules(f"neuron_update_{how}") * 1e12 for how in ("active", "inactive"))
    found = [
        f"SynOps x {synop:g} pJ; neuron updates, one a neuron and operand set (streamed): active x {active:g} pJ, idle "
        f"x {idle:g} pJ; no routing: these rows have no placement on cores.",
        f"The published table multiplies spikes by {table.spike_pj} pJ and counts neither fan-out nor updates nor "
        "routing.",
        f"The GPU's printed {block.gpu_nj:,.0f} nJ for the block are {gpu_per_mac_nj():.3g} nJ a multiply-accumulate "
        f"over {block.macs:,} of projections and attention products; it is taken as printed.",
        "Operands from N(0, 1), weights from N(0, 1 / inputs), fair coins for gates, "
        f"seed {config.seed}. Counts are exact; the table shows means.",
    ]
    if not config.activity:
        found.append("Active updates were not told from idle ones: all are charged as idle, a lower bound.")
    if quick:
        found.append("A trial: small layers and few operands. The published columns are of the paper's sizes.")
    return found


def _round(value: float | None) -> float | int | None:
    return round(value) if value is not None and value >= 100 else value
