"""What can be said of a published row from its own figures, and of ours beside the GPU's."""

from __future__ import annotations

from math import isclose

from lava_nexus.reports.tables import three_digits
from lava_nexus.tables.energy.published import PublishedEnergy, PublishedRow

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
