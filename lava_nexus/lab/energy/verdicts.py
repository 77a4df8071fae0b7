"""What is said of a printed row: does its energy follow from its spikes, do its parts add up, who needs less."""

from __future__ import annotations

from dataclasses import replace
from math import isclose

from lava_nexus.lab.energy.rows import EnergyRow
from lava_nexus.lab.energy.subjects import NO_NEURONS
from lava_nexus.lab.markdown import three_digits
from lava_nexus.lab.published import PublishedEnergy, PublishedEnergyRow, published

ROUNDING = 0.05
"""Printed energies within this of printed spikes x printed energy hold: the table prints two or three digits."""


def judged(row: EnergyRow, comparable: bool) -> EnergyRow:
    """The row with its verdict; `comparable`: what ran is of the size that the published row is of."""
    table, printed = published("energy"), row.published
    if row.subject in NO_NEURONS:
        said = "; ".join([verdict(table, printed, 0.0) if printed else "", NO_NEURONS[row.subject]])
    elif printed is None:
        said = "not in the published table" if comparable else "not of the published size"
    else:
        said = verdict(table, printed, row.work_nj if comparable else None)
    return replace(row, verdict=said)


def verdict(table: PublishedEnergy, row: PublishedEnergyRow, ours_nj: float | None) -> str:
    """Sentences: does the printed energy follow from the printed spikes, do parts add up, who needs less."""
    said = [_arithmetic(table, row), *_parts(table, row), *_macs(table, row), _beside_gpu(row, ours_nj)]
    return "; ".join(sentence for sentence in said if sentence)


def _arithmetic(table: PublishedEnergy, row: PublishedEnergyRow) -> str:
    ratio = table.ratio(row)
    if abs(ratio - 1) <= ROUNDING:
        return "printed energy holds: spikes x 23.6 pJ"
    return f"printed energy is {three_digits(1 / ratio)} of spikes x 23.6 pJ, {ratio:,.0f} times too small"


def _parts(table: PublishedEnergy, row: PublishedEnergyRow) -> list[str]:
    if not row.parts:
        return []
    total = row.times * sum(table.row(name).neurons for name in row.parts)
    if isclose(total, row.neurons, rel_tol=ROUNDING):
        return ["neurons are the sum of the parts"]
    shown = f"{row.times:,} x {row.parts[0]}" if row.times > 1 else " + ".join(row.parts)
    return [f"{shown} would be {total:,.0f} neurons, printed {row.neurons:,.0f}"]


def _macs(table: PublishedEnergy, row: PublishedEnergyRow) -> list[str]:
    """Only for rows that are multiply-accumulates and nothing else."""
    if not row.macs or row.parts:
        return []
    own = table.row("add").neurons + table.row("mul").neurons
    per_mac = row.neurons / row.macs
    return [f"{three_digits(per_mac)} neurons a multiply-accumulate, where its adder and multiplier have {own:,.0f}"]


def _beside_gpu(row: PublishedEnergyRow, ours_nj: float | None) -> str:
    if row.gpu_nj is None or ours_nj is None:
        return ""
    if ours_nj > row.gpu_nj:
        return f"our work alone is {three_digits(ours_nj / row.gpu_nj)} times the GPU's printed energy"
    return f"our work alone is {three_digits(ours_nj / row.gpu_nj)} of the GPU's printed energy"
