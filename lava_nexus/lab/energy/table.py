"""The energy table: every row measured, beside what is printed and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tqdm import tqdm

from lava_nexus.energy import EnergyModel, load_energy_model
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.tables import EnergyConfig, EnergyTable
from lava_nexus.lab.energy.measure import Choices, Measured, measure
from lava_nexus.lab.energy.published import PublishedRow, published_energy, verdict
from lava_nexus.lab.energy.subjects import NO_NEURONS, OPERATIONS, SMALL, Sizes

_QUICK = ("and", "full_adder", "add", "mul", "linear_64", "embedding", "scores")


@dataclass(frozen=True)
class Shares:
    """Energy of one unit of a row, in nanojoules."""

    synops: float
    updates_active: float
    updates_inactive: float
    spikes: float
    routing: float = 0.0
    static: float = 0.0

    @property
    def total(self) -> float:
        """All of them; routing and static power are known only with a placement."""
        return self.synops + self.updates_active + self.updates_inactive + self.spikes + self.routing + self.static


@dataclass(frozen=True)
class EnergyRow:
    """One row, one unit of it: an operation, an element or a token.

    Attributes:
        subject: name in configs.
        published: as printed; None where the row is not in the table.
        sets: operand sets run.
        neurons: an instance for every invocation.
        spikes, synops: means of exact counts.
        active, idle: neuron updates; active is None where not counted.
        spikes_only_nj: spikes times the printed energy of a spike.
        shares: under the energy model.
        verdict: sentences.
        messages, hops: between cores and between routers; None without a placement.
    """

    subject: str
    published: PublishedRow | None
    sets: int
    neurons: float
    spikes: float
    synops: float
    active: float | None
    idle: float
    spikes_only_nj: float
    shares: Shares
    verdict: str
    messages: float | None = None
    hops: float | None = None


@dataclass(frozen=True)
class System:
    """Something that does a multiply-accumulate, under three accountings, in nanojoules; None where it prints nothing.

    Attributes:
        name, source: what it is and where its figures are from.
        spikes: a multiply-accumulate.
        spikes_only, synops, total: SynOps times the model's constant; with neuron updates, without routing.
    """

    name: str
    source: str
    spikes: float | None
    spikes_only: float | None
    synops: float | None
    total: float | None


def energy_rows(config: EnergyConfig, table: EnergyTable, quick: bool = False) -> Iterator[EnergyRow]:
    """The rows in the order of the config, each as soon as it is measured."""
    model = load_energy_model(config.energy_model)
    sizes = SMALL if quick else Sizes()
    names = [name for name in table.subjects if name in _QUICK] or table.subjects[:1] if quick else table.subjects
    for name in tqdm(names, desc="energy", unit="row", disable=None):
        if name in NO_NEURONS:
            yield _row(name, None, model)
            continue
        sets = min(64, table.operand_sets) if quick else table.operand_sets
        macs = next((row.macs for row in published_energy().rows if row.subject == name), 0)
        if macs and not quick:
            sets = min(sets, max(1, table.macs_at_most // macs))
        choices = Choices(format_named(table.format), table.basis, table.accumulate)
        executor, placement = counting_executor(config), table.placements.get(name)
        found = measure(name, choices, executor, sets, sizes, config.seed, placement)
        yield _row(name, found, model, comparable=sizes == Sizes() or name in OPERATIONS)


def counting_executor(config: EnergyConfig) -> Executor:
    """A fresh executor that counts spikes, and active updates where the config asks for them."""
    if config.executor == "bitsliced":
        from lava_nexus.execute.cpu import BitslicedExecutor

        return BitslicedExecutor(count="activity" if config.activity else True)
    return executor_named(config.executor)


def _row(name: str, found: Measured | None, model: EnergyModel, comparable: bool = True) -> EnergyRow:
    """`comparable`: whether what ran is of the size that the published row is of."""
    table = published_energy()
    published = next((row for row in table.rows if row.subject == name), None)
    if found is None:
        none = Shares(0.0, 0.0, 0.0, 0.0)
        said = "; ".join([verdict(table, published, 0.0) if published else "", NO_NEURONS[name]])
        return EnergyRow(name, published, 0, 0, 0, 0, 0, 0, 0.0, none, said)
    shares = _shares(found, model)
    active = found.active
    moved = found.placed.traffic(found.tallies) if found.placed else None
    return EnergyRow(
        subject=name,
        published=published,
        sets=found.sets,
        neurons=found.neurons / found.units,
        spikes=found.per_unit(found.spikes),
        synops=found.per_unit(found.synops),
        active=None if active is None else found.per_unit(active),
        idle=found.per_unit(found.updates - (active or 0)),
        spikes_only_nj=found.per_unit(found.spikes) * table.spike_pj / 1000,
        shares=shares,
        verdict=verdict(table, published, shares.total if comparable else None)
        if published
        else "not in the published table",
        messages=found.per_unit(moved.messages) if moved else None,
        hops=found.per_unit(moved.hops_east_west + moved.hops_north_south) if moved else None,
    )


def _shares(found: Measured, model: EnergyModel) -> Shares:
    energy = found.energy(model)
    nano = 1e9 / energy.inferences
    return Shares(**{name: joules * nano for name, joules in energy.shares.items()})


def systems(config: EnergyConfig, table: EnergyTable, quick: bool = False) -> list[System]:
    """A multiply-accumulate of each system, ours measured in a linear layer in both bases."""
    published, model = published_energy(), load_energy_model(config.energy_model)
    unit = published.spike_pj / 1000
    linear, add, mul = (published.row(name) for name in ("linear_64", "add", "mul"))
    per_mac = linear.spikes / linear.macs
    found = [
        System(
            "NEXUS, its linear rows", f"{published.source}, {linear.component}", per_mac, per_mac * unit, None, None
        ),
        System(
            "NEXUS, its adder + multiplier rows",
            published.source,
            add.spikes + mul.spikes,
            (add.spikes + mul.spikes) * unit,
            None,
            None,
        ),
        *(System(o.system, o.source, o.spikes, o.spikes_nj, o.synops_nj, o.total_nj) for o in published.systems),
    ]
    for basis in ("nexus", "threshold"):
        choices = Choices(format_named(table.format), basis, table.accumulate)
        sizes = SMALL if quick else Sizes()
        ours = measure("linear_64", choices, counting_executor(config), 8 if quick else 64, sizes, config.seed)
        macs = (64 // sizes.linear) ** 2
        spikes = ours.per_unit(ours.spikes) / macs
        shares = _shares(ours, model)
        name = f"this package, {basis} basis, {table.format}, {table.accumulate}"
        found.append(
            System(name, "counted in this run", spikes, spikes * unit, shares.synops / macs, shares.total / macs)
        )
    return found


def gpu_per_mac_nj() -> float:
    """The GPU figure printed for the block over its multiply-accumulates."""
    block = published_energy().row("block")
    assert block.gpu_nj is not None
    return block.gpu_nj / block.macs
