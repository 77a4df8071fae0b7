"""The energy table in words: verdicts of printed rows, tables, and a summary.

The report shows it, and so do docs/energy.md and the README, which are made of a kept report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isclose
from typing import Any

from lava_nexus.config import build_config
from lava_nexus.energy import load_energy_model
from lava_nexus.lab.configs.tables import EnergyConfig
from lava_nexus.lab.energy.multiply_accumulate import PlacedMac, System, beside_measured, gpu_measured_nj, measured_text
from lava_nexus.lab.energy.rows import EnergyRow, where_it_goes
from lava_nexus.lab.energy.subjects import NO_NEURONS, Sizes
from lava_nexus.lab.markdown import joules_in_range, markdown, three_digits, with_prefix
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


_COUNTS = (
    *("row", "operand sets", "neurons", "spikes", "SynOps", "updates, active", "updates, idle", "messages", "hops"),
    *("neurons printed", "spikes printed"),
)
_COUNTED = ("neurons", "spikes", "synops", "active", "idle", "messages", "hops")
_ENERGY = (
    *("row", "printed", "printed spikes x 23.6 pJ", "ratio", "GPU, printed"),
    *("ours: spikes only", "ours: SynOps", "ours: work", "ours: machine", "verdict"),
)
_SYSTEMS = (
    *("system", "spikes", "spikes only", "SynOps", "work", "block's multiply-accumulates, a token"),
    *("beside the GPU, measured", "beside the GPU's printed figure", "source"),
)
_PLACED = (
    *("largest delay", "neurons", "of them relays", "cores", "steps", "step", "work", "machine, back to back"),
    *("of it static power of two chips", "machine, one after the other"),
)


@dataclass(frozen=True)
class EnergyTableReport:
    """What a run of the table found."""

    config: EnergyConfig
    quick: bool
    rows: tuple[EnergyRow, ...]
    systems: tuple[System, ...]
    placed: tuple[PlacedMac, ...] = ()

    @classmethod
    def of(cls, values: dict[str, Any]) -> EnergyTableReport:
        """From the values of energy.json."""
        config = {key: value for key, value in values["config"].items() if key != "quick"}
        return cls(
            build_config(EnergyConfig, config, "energy.json"),
            values["config"]["quick"],
            tuple(_row(row) for row in values["rows"]),
            tuple(System(**one) for one in values["systems"]),
            tuple(_placed_mac(one) for one in values["placed"]),
        )


def _beside(report: EnergyTableReport, images: str) -> str:
    """The heading of energies; nothing published stands beside a quick run."""
    if report.quick:
        return "\n## Energy, counted\n\n"
    drawn = f"![Printed, recomputed and counted]({images}accounting.png)\n\n"
    return f"\n## Energy, published beside counted\n\n{drawn}"


def _placed_mac(values: dict[str, Any]) -> PlacedMac:
    ends: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return PlacedMac(**ends)


def _row(values: dict[str, Any]) -> EnergyRow:
    printed = values["published"]
    published = None if printed is None else PublishedEnergyRow(**{**printed, "parts": tuple(printed["parts"])})
    return EnergyRow(**{**values, "published": published})


def tables(report: EnergyTableReport, images: str = "") -> str:
    """Counts, energies, systems and notes as Markdown; `images` is the prefix of the figures' names."""
    rows, config = report.rows, report.config
    model = load_energy_model(config.energy_model)
    counts = [
        [r.name, r.sets, *map(_round, (getattr(r, name) for name in _COUNTED)), *_printed_counts(r)] for r in rows
    ]
    energies = [
        [
            row.name,
            *_printed_energy(row.published),
            *map(_joules, (row.spikes_only_nj, row.shares["synops"], row.work_nj, row.machine_nj)),
            row.verdict,
        ]
        for row in rows
    ]
    notes = "".join(f"- {note}\n" for note in _notes(config, report.quick))
    macs = Sizes().macs
    return (
        f"Constants: {model.title}. One unit of a row is an operation, an element or a token, as the published table "
        "has it. Networks have delays up to 62 and stand nowhere unless `machine` has a figure: what they take is "
        "work, SynOps and active updates.\n\n"
        "## Counts\n\n"
        + markdown(_COUNTS, counts)
        + _beside(report, images)
        + markdown(_ENERGY, energies)
        + f"\n## Where the energy goes\n\n{where_it_goes(rows)}\n\n"
        + f"## A multiply-accumulate of every system, and the block's {macs:,}\n\n"
        + markdown(_SYSTEMS, [_system(one, macs) for one in report.systems])
        + "\n## A multiply-accumulate as it is placed\n\n"
        + markdown(_PLACED, [_placed(one) for one in report.placed])
        + "\nMultiplier and adder on cores of their own; static power is that of a chip each, and shared where more "
        "stands on it.\n\n" + measured_text() + f"\n{notes}"
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
    worst = one.work if one.work is not None else one.spikes_only
    assert worst is not None
    label = "" if one.work is not None else "spikes only: "
    beside = f"{label}{three_digits(worst / gpu_per_mac_nj())} times"
    measured = [f"{three_digits(worst / each)} times at batch {batch:,}" for batch, each in gpu_measured_nj().items()]
    tokens = with_prefix(worst * macs * 1e-9, "J")
    spikes = _round(one.spikes)
    energies = [_joules(value) for value in (one.spikes_only, one.synops, one.work)]
    shown = f"{label}{', '.join(measured)}" if measured else None
    return [one.name, spikes, *energies, f"{label}{tokens}", shown, beside, one.source]


def _placed(one: PlacedMac) -> list[Any]:
    delay = "the mapper's choice" if one.delay is None else str(one.delay)
    streamed, single = (_ranged(ends, 1e-9, "J") for ends in (one.streamed_nj, one.single_nj))
    step = _ranged(one.step_ns, 1e-9, "s")
    sizes = (one.neurons, one.relays, one.cores, one.steps)
    return [delay, *sizes, step, _joules(one.work_nj), streamed, _joules(one.static_nj), single]


def _ranged(ends: tuple[float, float, float], factor: float, unit: str) -> str:
    return joules_in_range(dict(zip(("low", "value", "high"), (end * factor for end in ends), strict=True)), unit)


def _notes(config: EnergyConfig, quick: bool) -> list[str]:
    table, model = published("energy"), load_energy_model(config.energy_model)
    block = table.row("block")
    synop = model.joules("synaptic_op") * 1e12
    active, idle = (model.joules(f"neuron_update_{how}") * 1e12 for how in ("active", "inactive"))
    found = [
        f"Work: SynOps x {synop:g} pJ and active updates x {active:g} pJ. Machine, where there is a placement: every "
        f"placed neuron in every step, idle ones x {idle:g} pJ, routing and static power too, the pipeline full.",
        f"The published table multiplies spikes by {table.spike_pj} pJ and counts neither fan-out nor updates nor "
        "routing.",
        f"The GPU's printed {block.gpu_nj:,.0f} nJ for the block are {gpu_per_mac_nj():.3g} nJ a multiply-accumulate "
        f"over {block.macs:,} of projections and attention products; it is taken as printed.",
        "Operands from N(0, 1), weights from N(0, 1 / inputs), fair coins for gates, "
        f"seed {config.seed}. Counts are exact; the table shows means.",
    ]
    if not config.activity:
        found.append("Active updates were not told from idle ones: work is SynOps alone, a lower bound.")
    if quick:
        found.append("A quick run: small layers and few operands, so that nothing published stands beside it.")
    return found


def _round(value: float | None) -> float | int | None:
    return round(value) if value is not None and value >= 100 else value


def summary(report: EnergyTableReport) -> str:
    """What the counts show, as a list: which printed rows hold, which are off by what factor, and what ours takes."""
    table = published("energy")
    printed = [row.published for row in report.rows if row.published]
    holding = [row for row in printed if abs(table.ratio(row) - 1) <= ROUNDING]
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
    work = row.work_nj
    printed = (
        f"{three_digits(work / row.published.gpu_nj)} times the {with_prefix(row.published.gpu_nj * 1e-9, 'J')} that "
        "the paper prints for a GPU"
    )
    return (
        f"Our block, counted for one token at the paper's size, an instance for every invocation, delays up to 62 "
        f"instead of relays, {Sizes().context} keys, placed nowhere: {row.neurons:,.0f} neurons (printed "
        f"{row.published.neurons:,.0f}), {row.spikes:,.0f} spikes, {row.synops:,.0f} SynOps, "
        f"{with_prefix(work * 1e-9, 'J')} of work, {100 * row.shares['synops'] / work:.0f} % of it SynOps, before any "
        f"idle neuron, routing or static power; that is {beside_measured(work)}{printed}."
    )


def _per_mac(report: EnergyTableReport) -> list[str]:
    return [_in_words(one, one.work) for one in report.systems if one.work is not None]


def _in_words(one: System, work: float) -> str:
    assert one.spikes_only is not None and one.synops is not None
    return (
        f"A multiply-accumulate of {one.name}: {three_digits(one.spikes_only)} nJ by spikes only, "
        f"{three_digits(one.synops)} nJ by SynOps, {three_digits(work)} nJ of work with active updates."
    )


def gpu_per_mac_nj() -> float:
    """The GPU figure printed for the block over its multiply-accumulates."""
    block = published("energy").row("block")
    assert block.gpu_nj is not None
    return block.gpu_nj / block.macs
