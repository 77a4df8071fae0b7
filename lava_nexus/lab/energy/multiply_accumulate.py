"""A multiply-accumulate: of every system, of this package as it is placed, and of what was measured elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lava_nexus.chip.timing import Span
from lava_nexus.circuits import circuit
from lava_nexus.energy import (
    EnergyModel,
    EnergyReport,
    PaceName,
    energy_of,
    gpu_record,
    load_energy_model,
    measured_systems,
)
from lava_nexus.energy.report import WORK
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.tables import EnergyConfig, EnergyTable
from lava_nexus.lab.energy.rows import Choices, counting_executor, measure, unit_shares
from lava_nexus.lab.energy.subjects import SMALL, Sizes
from lava_nexus.lab.markdown import joules_in_range, markdown, three_digits, with_prefix
from lava_nexus.lab.published import published
from lava_nexus.lab.trial import unless_quick
from lava_nexus.models.placing import place

_GPU = ("a token of", "joules a token", "tokens/s", "nJ a multiply-accumulate")
DELAYS: tuple[int | None, ...] = (None, 62, 0)
"""The mapper's choice, the largest that a synapse holds, and none."""


@dataclass(frozen=True)
class PlacedMac:
    """A multiplier and an adder on cores of their own, a multiply-accumulate of both.

    Attributes:
        delay: largest synaptic delay allowed; None for the one that needs fewest cores.
        neurons, relays, cores: of both.
        steps: from operands to result.
        step_ns: of the slower of the two, low, value and high.
        work_nj: nanojoules, whatever the placement and the pace.
        streamed_nj, single_nj: of the machine, low, value and high: back to back, and one after the other.
        static_nj: of `streamed_nj` the static power of a chip each.
    """

    delay: int | None
    neurons: int
    relays: int
    cores: int
    steps: int
    step_ns: tuple[float, float, float]
    work_nj: float
    streamed_nj: tuple[float, float, float]
    single_nj: tuple[float, float, float]
    static_nj: float


def placed_macs(fmt: str, model: EnergyModel, sets: int, seed: int) -> Iterator[PlacedMac]:
    """One for each of `DELAYS`, counted on N(0, 1) operands; each circuit alone on its cores and chip."""
    for delay in DELAYS:
        placed, runs = [], []
        for name in ("mul", "add"):
            made = circuit(name, format_named(fmt))
            where = place(made, max_delay=delay, sets=sets, seed=seed)
            rng, engine = np.random.default_rng(seed), MembraneExecutor()
            drawn = [rng.standard_normal(sets).astype(np.float32) for _ in range(2)]
            patterns = [format_named(fmt).to_patterns(x.astype(format_named(fmt).dtype)) for x in drawn]
            engine.invoke(where.as_placed(made), patterns)
            placed.append(where)
            runs.append(engine)

        def priced(pace: PaceName, placed: list = placed, runs: list = runs) -> list[EnergyReport]:  # type: ignore[type-arg]
            return [energy_of(ran, model, placement=at, pace=pace) for ran, at in zip(runs, placed, strict=True)]

        streamed, single = priced("streamed"), priced("single")
        yield PlacedMac(
            delay,
            sum(one.network.neurons for one in placed),
            sum(one.network.relays for one in placed),
            sum(len(one.places) for one in placed),
            sum(one.network.depth for one in placed),
            _ends(Span.largest(one.step for one in placed), 1),
            1e9 * sum(one.work.value for one in streamed) / sets,
            _ends(Span.total(one.total for one in streamed), 1e9 / sets),
            _ends(Span.total(one.total for one in single), 1e9 / sets),
            1e9 * sum(one.static for one in streamed) / sets,
        )


def _ends(span: Span, factor: float) -> tuple[float, float, float]:
    return span.low * factor, span.value * factor, span.high * factor


@dataclass(frozen=True)
class System:
    """Something that does a multiply-accumulate, under three accountings, in nanojoules; None where it prints nothing.

    Attributes:
        name, source: what it is and where its figures are from.
        spikes: a multiply-accumulate.
        spikes_only, synops, work: spikes and SynOps times a constant; SynOps and active updates.
    """

    name: str
    source: str
    spikes: float | None
    spikes_only: float | None
    synops: float | None
    work: float | None


def systems(config: EnergyConfig, table: EnergyTable, quick: bool = False) -> list[System]:
    """A multiply-accumulate of each system, ours measured in a linear layer in both bases."""
    printed, model = published("energy"), load_energy_model(config.energy_model)
    unit = printed.spike_pj / 1000
    linear, add, mul = (printed.row(name) for name in ("linear_64", "add", "mul"))
    of_linear, of_two = linear.spikes / linear.macs, add.spikes + mul.spikes
    linear_source = f"{printed.source}, {linear.component}"
    found = [
        System("NEXUS, its linear rows", linear_source, of_linear, of_linear * unit, None, None),
        System("NEXUS, its adder + multiplier rows", printed.source, of_two, of_two * unit, None, None),
        *(System(o.system, o.source, o.spikes, o.spikes_nj, o.synops_nj, o.total_nj) for o in printed.systems),
    ]
    found = unless_quick(found) or []
    for basis in ("nexus", "threshold"):
        choices = Choices(format_named(table.format), basis, table.accumulate)
        spikes, synops, work = mac_by_gates(choices, counting_executor(config), model, config.seed, quick)
        name = f"this package, {basis} basis, {table.format}, {table.accumulate}"
        found.append(System(name, "counted in this run", spikes, spikes * unit, synops, work))
    return found


def mac_by_gates(
    choices: Choices, executor: Executor, model: EnergyModel, seed: int, quick: bool = False
) -> tuple[float, float, float]:
    """(spikes, nanojoules of SynOps, of work) a multiply-accumulate in a linear layer, as every page gives them.

    Args:
        choices: format, basis, order of sums.
        executor: a fresh one that counts active updates.
        model: constants.
        seed: of operands and weights.
        quick: whether the layer is a small one.
    """
    sizes, sets = (SMALL, 8) if quick else (Sizes(), 64)
    macs = (64 // sizes.linear) ** 2
    ours = measure("linear_64", choices, executor, sets, sizes, seed)
    shares = unit_shares(ours, model)
    return ours.per_unit(ours.tallies.spikes) / macs, shares["synops"] / macs, sum(shares[s] for s in WORK) / macs


def measured_text() -> str:
    """The GPU's record as a table, and a sentence a system."""
    record, found = gpu_record(), ["## What was measured\n"]
    if record is None:
        found.append("No GPU was measured yet: `python benchmarks/gpu_block.py` on a CUDA machine writes the record.\n")
    else:
        rows = [
            [
                f"{r.subject}, {r.format}, {r.mode}, batch {r.batch:,}",
                joules_in_range({"low": r.least, "value": r.joules_a_token, "high": r.most}),
                round(r.tokens_a_second),
                float(f"{r.joules_a_token * 1e9 / record.macs[r.subject]:.3g}"),
            ]
            for r in record.rows
        ]
        about = f"{record}: {record.method}. In brackets the least and the most of a window."
        found.append(f"{about}\n\n" + markdown(_GPU, rows))
    found += [
        f"{one.name}: {with_prefix(one.joules_a_token, 'J')} a token, {one.nanojoules_a_mac:g} nJ a "
        f"multiply-accumulate, {one.tokens_a_second:g} tokens/s ({one.source}; {one.confidence}).\n"
        for one in measured_systems()
    ]
    return "\n".join(found)


def gpu_measured_nj() -> dict[int, float]:
    """Nanojoules a multiply-accumulate of the block on the GPU, FP32, by smallest and largest batch; empty without."""
    record = gpu_record()
    rows = [] if record is None else [row for batch in record.batches if (row := record.row(batch))]
    return {row.batch: row.joules_a_token * 1e9 / record.macs[row.subject] for row in rows if record}


def beside_measured(work: float) -> str:
    """How many times what the GPU took some nanojoules of the paper's block are, a multiply-accumulate each."""
    record, each = gpu_record(), gpu_measured_nj()
    if record is None:
        return ""
    said = [
        f"{three_digits(work / (each[batch] * Sizes().macs))} times the {with_prefix(row.joules_a_token, 'J')} "
        f"at batch {batch:,}"
        for batch in record.batches
        if (row := record.row(batch))
    ]
    return f"{' and '.join(said)} of {record.device} (measured, 128 keys, a multiply-accumulate each), and "
