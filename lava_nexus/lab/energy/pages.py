"""docs/energy.md and the README's words on energy: made of a kept report, never typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lava_nexus.errors import NexusError
from lava_nexus.files import write_text
from lava_nexus.lab.energy.published import published_energy
from lava_nexus.lab.energy.table import EnergyRow, System, gpu_per_mac_nj
from lava_nexus.lab.energy.text import EnergyTableReport, tables
from lava_nexus.lab.markdown import three_digits, with_prefix
from lava_nexus.lab.pages import filled

_HOLDS = 0.05


def summary(report: EnergyTableReport) -> str:
    """What the counts show, as a list: which printed rows hold, which are off by what factor, and what ours takes."""
    table = published_energy()
    printed = [row.published for row in report.rows if row.published]
    holding = [row for row in printed if abs(table.ratio(row) - 1) <= _HOLDS]
    off = sorted(table.ratio(row) for row in printed if row not in holding)
    linear, add, mul = (table.row(name) for name in ("linear_64", "add", "mul"))
    said = [
        f"Of {len(printed)} rows of the published energy table {len(holding)} hold: their energy is their spikes x "
        f"{table.spike_pj} pJ ({', '.join(row.component for row in holding)}). The other {len(off)} print "
        f"{off[0]:,.0f} to {off[-1]:,.0f} times less than that product.",
        f"Linear rows count {linear.neurons / linear.macs:.0f} neurons a multiply-accumulate; the table's own adder "
        f"and multiplier have {add.neurons + mul.neurons:,.0f}.",
        *(_ours(row) for row in report.rows if row.subject == "block" and row.sets),
        *_per_mac(report),
    ]
    return "".join(f"- {sentence}\n" for sentence in said).rstrip()


def _ours(row: EnergyRow) -> str:
    assert row.published is not None and row.published.gpu_nj is not None
    total, s = row.shares.total, row.shares
    updates = 100 * (s.updates_active + s.updates_inactive) / total
    return (
        f"Our block, counted for one token at the paper's size: {row.neurons:,.0f} neurons (printed "
        f"{row.published.neurons:,.0f}), {row.spikes:,.0f} spikes, {row.synops:,.0f} SynOps, "
        f"{with_prefix(total * 1e-9, 'J')} of which {updates:.0f} % are neuron updates; that is "
        f"{total / row.published.gpu_nj:,.0f} times the {with_prefix(row.published.gpu_nj * 1e-9, 'J')} that the paper "
        "prints for a GPU."
    )


def _per_mac(report: EnergyTableReport) -> list[str]:
    return [_system(one, one.total) for one in report.systems if one.total is not None]


def _system(one: System, total: float) -> str:
    assert one.spikes_only is not None and one.synops is not None
    return (
        f"A multiply-accumulate of {one.name}: {three_digits(one.spikes_only)} nJ by spikes only, "
        f"{three_digits(one.synops)} nJ by SynOps, {three_digits(total)} nJ with updates, "
        f"{three_digits(total / gpu_per_mac_nj())} times the GPU's printed figure."
    )


def update_energy_pages(results: Path, root: Path) -> None:
    """Takes report and figures of a run of the table into docs/energy.md, docs/energy.json and the README.

    Args:
        results: folder of the run, with energy.json.
        root: of the repository.

    Raises:
        NexusError: there is no report, or it is a trial's.
    """
    source = results / "energy.json"
    if not source.is_file():
        raise NexusError(
            f"{source} does not exist; `scripts/measure_energy.py configs/energy/nexus_table.yaml` writes it"
        )
    values = json.loads(source.read_text(encoding="utf-8"))
    values["config"].pop("out", None)
    report = EnergyTableReport.of(values)
    if report.quick:
        raise NexusError(f"{source} is of a trial with --quick; the pages show whole runs")
    for name in ("accounting", "shares"):
        shutil.copyfile(results / f"{name}.png", root / "docs" / "images" / f"energy_{name}.png")
    write_text(root / "docs" / "energy.json", json.dumps(values, indent=1) + "\n")
    for path, text in energy_pages(report, root).items():
        write_text(path, text)


def energy_pages(report: EnergyTableReport, root: Path) -> dict[Path, str]:
    """Text of every page that shows the report."""
    docs, readme = root / "docs" / "energy.md", root / "README.md"
    return {
        docs: filled(docs.read_text(encoding="utf-8"), "energy", lambda: _whole(report), "docs/energy.md"),
        readme: filled(readme.read_text(encoding="utf-8"), "energy", lambda: summary(report), "README.md"),
    }


def _whole(report: EnergyTableReport) -> str:
    return f"{summary(report)}\n\n{tables(report, 'images/energy_')}"
