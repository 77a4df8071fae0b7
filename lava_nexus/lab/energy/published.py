"""The published energy table, as data with its source, and what follows from its own figures.

What can be said of a published row from its own figures, and of ours beside the GPU's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import isclose
from pathlib import Path

import yaml

from lava_nexus.lab.markdown import three_digits

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


_ROUNDING = 0.05  # the table prints two or three digits


def verdict(table: PublishedEnergy, row: PublishedRow, ours_nj: float | None) -> str:
    """Sentences: does the printed energy follow from the printed spikes, do parts add up, who needs less."""
    said = [_arithmetic(table, row), *_parts(table, row), *_macs(table, row), _beside_gpu(row, ours_nj)]
    return "; ".join(sentence for sentence in said if sentence)


def _arithmetic(table: PublishedEnergy, row: PublishedRow) -> str:
    ratio = table.ratio(row)
    if abs(ratio - 1) <= _ROUNDING:
        return "printed energy holds: spikes x 23.6 pJ"
    return f"printed energy is {three_digits(1 / ratio)} of spikes x 23.6 pJ, {ratio:,.0f} times too small"


def _parts(table: PublishedEnergy, row: PublishedRow) -> list[str]:
    if not row.parts:
        return []
    total = row.times * sum(table.row(name).neurons for name in row.parts)
    if isclose(total, row.neurons, rel_tol=_ROUNDING):
        return ["neurons are the sum of the parts"]
    shown = f"{row.times:,} x {row.parts[0]}" if row.times > 1 else " + ".join(row.parts)
    return [f"{shown} would be {total:,.0f} neurons, printed {row.neurons:,.0f}"]


def _macs(table: PublishedEnergy, row: PublishedRow) -> list[str]:
    """Only for rows that are multiply-accumulates and nothing else."""
    if not row.macs or row.parts:
        return []
    own = table.row("add").neurons + table.row("mul").neurons
    per_mac = row.neurons / row.macs
    return [f"{three_digits(per_mac)} neurons a multiply-accumulate, where its adder and multiplier have {own:,.0f}"]


def _beside_gpu(row: PublishedRow, ours_nj: float | None) -> str:
    if row.gpu_nj is None or ours_nj is None:
        return ""
    if ours_nj > row.gpu_nj:
        return f"ours takes {three_digits(ours_nj / row.gpu_nj)} times the GPU's printed energy"
    return f"ours takes {three_digits(ours_nj / row.gpu_nj)} of the GPU's printed energy"
