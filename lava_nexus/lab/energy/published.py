"""The published energy table, as data with its source, and what follows from its own figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).parents[1] / "published" / "energy.yaml"


@dataclass(frozen=True)
class PublishedRow:
    """One row as printed.

    Attributes:
        subject: what of ours stands beside it.
        group, component: as the table says.
        neurons, spikes: IF neurons and active spikes.
        loihi_nj, gpu_nj: nanojoules; None where the table has a dash.
        saving: GPU over Loihi as printed.
        macs: multiply-accumulates of the row, 0 for rows that are none.
        parts: subjects of the rows that make it up, `times` of each.
    """

    subject: str
    group: str
    component: str
    neurons: float
    spikes: float
    loihi_nj: float
    gpu_nj: float | None
    saving: str | None
    macs: int = 0
    parts: tuple[str, ...] = ()
    times: int = 1


@dataclass(frozen=True)
class PublishedSystem:
    """Counts an FP32 multiply-accumulate of a system that others built.

    Attributes:
        system: name.
        spikes, evaluations: of neurons.
        spikes_nj, synops_nj, total_nj: the three accountings, in nanojoules.
        source: where the figures are from.
    """

    system: str
    spikes: float
    evaluations: float
    spikes_nj: float
    synops_nj: float
    total_nj: float
    source: str


@dataclass(frozen=True)
class PublishedEnergy:
    """The table, its source, and the energy that it charges a spike with."""

    source: str
    spike_pj: float
    rows: tuple[PublishedRow, ...]
    systems: tuple[PublishedSystem, ...]

    def row(self, subject: str) -> PublishedRow:
        """The row of a subject."""
        return next(row for row in self.rows if row.subject == subject)

    def recomputed_nj(self, row: PublishedRow) -> float:
        """Printed spikes times the printed energy of a spike."""
        return row.spikes * self.spike_pj / 1000

    def ratio(self, row: PublishedRow) -> float:
        """Recomputed over printed."""
        return self.recomputed_nj(row) / row.loihi_nj


@cache
def published_energy() -> PublishedEnergy:
    """What arXiv 2601.21279 prints in tab:hardware_efficiency_full."""
    data = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    rows = tuple(PublishedRow(**{**row, "parts": tuple(row.get("parts", ()))}) for row in data["rows"])
    return PublishedEnergy(
        data["source"], data["spike_pj"], rows, tuple(PublishedSystem(**one) for one in data["systems"])
    )
