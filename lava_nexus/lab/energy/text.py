"""The energy table in words: verdicts on rows, tables, and a summary.

The report shows it, and so do docs/energy.md and the README, which are made of a kept report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isclose
from typing import Any

from lava_nexus.config import build_config
from lava_nexus.energy import load_energy_model
from lava_nexus.lab.configs.tables import EnergyConfig
from lava_nexus.lab.energy.rows import EnergyRow, System
from lava_nexus.lab.energy.subjects import NO_NEURONS, Sizes
from lava_nexus.lab.markdown import markdown, three_digits, with_prefix
from lava_nexus.lab.published import PublishedEnergy, PublishedEnergyRow, published

_COUNTS = (
    *("row", "operand sets", "neurons", "spikes", "SynOps", "updates, active", "updates, idle", "messages", "hops"),
    *("neurons printed", "spikes printed"),
)
_ENERGY = (
    *("row", "printed", "printed spikes x 23.6 pJ", "ratio", "GPU, printed"),
    *("ours: spikes only", "ours: SynOps", "ours: all", "verdict"),
)
_SYSTEMS = (
    *("system", "spikes", "spikes only", "SynOps", "SynOps + updates"),
    *("block's multiply-accumulates, a token", "beside the GPU's printed figure", "source"),
)
_ROUNDING = 0.05
"""Printed energies within this of printed spikes x printed energy hold: the table prints two or three digits."""


@dataclass(frozen=True)
class EnergyTableReport:
    """What a run of the table found."""

    config: EnergyConfig
    quick: bool
    rows: tuple[EnergyRow, ...]
    systems: tuple[System, ...]

    @classmethod
    def of(cls, values: dict[str, Any]) -> EnergyTableReport:
        """From the values of energy.json."""
        config = {key: value for key, value in values["config"].items() if key != "quick"}
        return cls(
            build_config(EnergyConfig, config, "energy.json"),
            values["config"]["quick"],
            tuple(_row(row) for row in values["rows"]),
            tuple(System(**one) for one in values["systems"]),
        )


def _row(values: dict[str, Any]) -> EnergyRow:
    printed = values["published"]
    published = None if printed is None else PublishedEnergyRow(**{**printed, "parts": tuple(printed["parts"])})
    return EnergyRow(**{**values, "published": published})


def judged(row: EnergyRow, comparable: bool) -> EnergyRow:
    """The row with its verdict; `comparable`: what ran is of the size that the published row is of."""
    table, printed = published("energy"), row.published
    if row.subject in NO_NEURONS:
        said = "; ".join([verdict(table, printed, 0.0) if printed else "", NO_NEURONS[row.subject]])
    elif printed is None:
        said = "not in the published table"
    else:
        said = verdict(table, printed, row.total_nj if comparable else None)
    return replace(row, verdict=said)


def verdict(table: PublishedEnergy, row: PublishedEnergyRow, ours_nj: float | None) -> str:
    """Sentences: does the printed energy follow from the printed spikes, do parts add up, who needs less."""
    said = [_arithmetic(table, row), *_parts(table, row), *_macs(table, row), _beside_gpu(row, ours_nj)]
    return "; ".join(sentence for sentence in said if sentence)


def _arithmetic(table: PublishedEnergy, row: PublishedEnergyRow) -> str:
    ratio = table.ratio(row)
    if abs(ratio - 1) <= _ROUNDING:
        return "printed energy holds: spikes x 23.6 pJ"
    return f"printed energy is {three_digits(1 / ratio)} of spikes x 23.6 pJ, {ratio:,.0f} times too small"


def _parts(table: PublishedEnergy, row: PublishedEnergyRow) -> list[str]:
    if not row.parts:
        return []
    total = row.times * sum(table.row(name).neurons for name in row.parts)
    if isclose(total, row.neurons, rel_tol=_ROUNDING):
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
        return f"ours takes {three_digits(ours_nj / row.gpu_nj)} times the GPU's printed energy"
    return f"ours takes {three_digits(ours_nj / row.gpu_nj)} of the GPU's printed energy"


def row_name(row: EnergyRow) -> str:
    """As the published table calls it, where it is in there."""
    return row.published.component if row.published else row.subject


def tables(report: EnergyTableReport, images: str = "") -> str:
    """Counts, energies, systems and notes as Markdown; `images` is the prefix of the figures' names."""
    rows, config = report.rows, report.config
    model = load_energy_model(config.energy_model)
    counts = [
        [
            row_name(r),
            r.sets,
            *map(_round, (r.neurons, r.spikes, r.synops, r.active, r.idle, r.messages, r.hops)),
            *_printed_counts(r),
        ]
        for r in rows
    ]
    energies = [
        [
            row_name(row),
            *_printed_energy(row.published),
            *map(_joules, (row.spikes_only_nj, row.shares["synops"], row.total_nj)),
            row.verdict,
        ]
        for row in rows
    ]
    notes = "".join(f"- {note}\n" for note in _notes(config, report.quick))
    macs = Sizes().macs
    return (
        f"Constants: {model.title}. One unit of a row is an operation, an element or a token, as the published table "
        "has it.\n\n"
        "## Counts\n\n" + markdown(_COUNTS, counts) + "\n## Energy, published beside counted\n\n"
        f"![Printed, recomputed and counted]({images}accounting.png)\n\n"
        + markdown(_ENERGY, energies)
        + f"\n## Where the energy goes\n\n![Shares]({images}shares.png)\n\n"
        + f"## A multiply-accumulate of every system, and the block's {macs:,}\n\n"
        + markdown(_SYSTEMS, [_system(one, macs) for one in report.systems])
        + f"\n{notes}"
    )


def _printed_energy(row: PublishedEnergyRow | None) -> list[Any]:
    """Energy as printed, recomputed, their ratio, and the GPU's."""
    if row is None:
        return [None] * 4
    table = published("energy")
    ratio = _round(table.ratio(row))
    return [_joules(row.loihi_nj), _joules(table.recomputed_nj(row)), ratio, _joules(row.gpu_nj)]


def _joules(nanojoules: float | None) -> str | None:
    return None if nanojoules is None else with_prefix(nanojoules * 1e-9, "J")


def _printed_counts(row: EnergyRow) -> list[Any]:
    return [_round(row.published.neurons), _round(row.published.spikes)] if row.published else [None, None]


def _system(one: System, macs: int) -> list[Any]:
    gpu = gpu_per_mac_nj()
    worst = one.total if one.total is not None else one.spikes_only
    assert worst is not None
    label = "" if one.total is not None else "spikes only: "
    beside = f"{label}{three_digits(worst / gpu)} times"
    tokens = with_prefix(worst * macs * 1e-9, "J")
    spikes = _round(one.spikes)
    energies = [_joules(value) for value in (one.spikes_only, one.synops, one.total)]
    return [one.name, spikes, *energies, f"{label}{tokens}", beside, one.source]


def _notes(config: EnergyConfig, quick: bool) -> list[str]:
    table, model = published("energy"), load_energy_model(config.energy_model)
    block = table.row("block")
    synop = model.joules("synaptic_op") * 1e12
    active, idle = (model.joules(f"neuron_update_{how}") * 1e12 for how in ("active", "inactive"))
    found = [
        f"SynOps x {synop:g} pJ; neuron updates, one a neuron and operand set (streamed): active x {active:g} pJ, idle "
        f"x {idle:g} pJ; routing and static power where a row has a placement on cores, its pipeline full.",
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


def summary(report: EnergyTableReport) -> str:
    """What the counts show, as a list: which printed rows hold, which are off by what factor, and what ours takes."""
    table = published("energy")
    printed = [row.published for row in report.rows if row.published]
    holding = [row for row in printed if abs(table.ratio(row) - 1) <= _ROUNDING]
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
    total = row.total_nj
    updates = 100 * (row.shares["updates_active"] + row.shares["updates_inactive"]) / total
    return (
        f"Our block, counted for one token at the paper's size: {row.neurons:,.0f} neurons (printed "
        f"{row.published.neurons:,.0f}), {row.spikes:,.0f} spikes, {row.synops:,.0f} SynOps, "
        f"{with_prefix(total * 1e-9, 'J')} of which {updates:.0f} % are neuron updates; that is "
        f"{total / row.published.gpu_nj:,.0f} times the {with_prefix(row.published.gpu_nj * 1e-9, 'J')} that the paper "
        "prints for a GPU."
    )


def _per_mac(report: EnergyTableReport) -> list[str]:
    return [_in_words(one, one.total) for one in report.systems if one.total is not None]


def _in_words(one: System, total: float) -> str:
    assert one.spikes_only is not None and one.synops is not None
    return (
        f"A multiply-accumulate of {one.name}: {three_digits(one.spikes_only)} nJ by spikes only, "
        f"{three_digits(one.synops)} nJ by SynOps, {three_digits(total)} nJ with updates, "
        f"{three_digits(total / gpu_per_mac_nj())} times the GPU's printed figure."
    )


def gpu_per_mac_nj() -> float:
    """The GPU figure printed for the block over its multiply-accumulates."""
    block = published("energy").row("block")
    assert block.gpu_nj is not None
    return block.gpu_nj / block.macs
