"""The energy table as text: for the report, and for docs/energy.md and the README, which are made of a kept report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lava_nexus.config import build_config
from lava_nexus.energy import load_energy_model
from lava_nexus.lab.configs.tables import EnergyConfig
from lava_nexus.lab.energy.published import PublishedRow, published_energy
from lava_nexus.lab.energy.subjects import Sizes
from lava_nexus.lab.energy.table import EnergyRow, Shares, System, gpu_per_mac_nj
from lava_nexus.lab.markdown import markdown, three_digits, with_prefix

_COUNTS = (
    "row",
    "operand sets",
    "neurons",
    "spikes",
    "SynOps",
    "updates, active",
    "updates, idle",
    "messages",
    "hops",
    "neurons printed",
    "spikes printed",
)
_ENERGY = (
    "row",
    "printed",
    "printed spikes x 23.6 pJ",
    "ratio",
    "GPU, printed",
    "ours: spikes only",
    "ours: SynOps",
    "ours: all",
    "verdict",
)
_SYSTEMS = (
    "system",
    "spikes",
    "spikes only",
    "SynOps",
    "SynOps + updates",
    "block's multiply-accumulates, a token",
    "beside the GPU's printed figure",
    "source",
)


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
    published = None if printed is None else PublishedRow(**{**printed, "parts": tuple(printed["parts"])})
    return EnergyRow(**{**values, "published": published, "shares": Shares(**values["shares"])})


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
            *map(_joules, (row.spikes_only_nj, row.shares.synops, row.shares.total)),
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


def _printed_energy(row: PublishedRow | None) -> list[Any]:
    """Energy as printed, recomputed, their ratio, and the GPU's."""
    if row is None:
        return [None] * 4
    table = published_energy()
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
    table, model = published_energy(), load_energy_model(config.energy_model)
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
