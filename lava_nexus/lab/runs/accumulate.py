"""One linear layer in every order of accumulation: its bits against PyTorch and float64, its counts and energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.energy import EnergyModel, energy_of_tallies, load_energy_model
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT32, UlpSummary, summarise
from lava_nexus.lab.configs.tables import AccumulateConfig, Choice
from lava_nexus.lab.figures import style
from lava_nexus.lab.report import Report, Table, columns, conclude
from lava_nexus.lab.spread import spread
from lava_nexus.lab.trial import marked, smaller
from lava_nexus.programs import Program, Writer, linear
from lava_nexus.torch.kernels import Kernel
from lava_nexus.torch.orders import accumulation

_QUICK = {"tokens": 4, "inputs": 8, "outputs": 2, "counted": 1}
_QUICK_ORDERS = ("sequential", "torch")


@dataclass(frozen=True)
class OrderRow:
    """One choice; counts and energy are per multiply-accumulate, means of exact counts.

    Attributes:
        accumulate, weights, style: the choice.
        torch_max, torch_mean, torch_zero_rate: ULP distance from PyTorch's F.linear.
        exact_max, exact_mean, exact_zero_rate: ULP distance from the float64 result, rounded.
        neurons: with an instance for every invocation.
        depth: time steps of the whole layer.
        synops, updates, active: of the run.
        nanojoules: work: SynOps and active updates.
        nanojoules_all_active: the same with every update taken as active, as the baseline's are: work at most.
        times_less: the baseline's energy over `nanojoules_all_active`.
    """

    accumulate: str
    weights: str
    style: str
    torch_max: int
    torch_mean: float
    torch_zero_rate: float
    exact_max: int
    exact_mean: float
    exact_zero_rate: float
    neurons: float
    depth: int
    synops: float
    updates: float
    active: float
    nanojoules: float
    nanojoules_all_active: float
    times_less: float


@marked
def run_accumulate_orders(config: AccumulateConfig, out: Path, quick: bool = False) -> list[OrderRow]:
    """Measures, prints and writes orders.md, .csv, .json and orders.png; returns the rows."""
    if quick:
        choices = tuple(choice for choice in config.choices if choice.accumulate in _QUICK_ORDERS)
        config = smaller(config, config.model_copy(update={**_QUICK, "choices": choices or config.choices[:1]}))
    rng = np.random.default_rng(config.seed)
    x = rng.standard_normal((config.tokens, config.inputs)).astype(np.float32)
    weight = rng.standard_normal((config.outputs, config.inputs)).astype(np.float32)
    witness = Kernel("linear", config.inputs, config.tokens, config.outputs)(x, weight)[0]
    exact = (x.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.float32)
    model = load_energy_model(config.energy_model)
    given = (config, x, weight, (witness, exact), model)
    rows = spread(config.cluster, _measured, given, config.choices, "orders", "choices", of_processor=True)
    _draw(rows, out / "orders.png")
    conclude(_report(config, model, rows, quick), out)
    return rows


def _measured(given: tuple[Any, ...], choice: Choice) -> OrderRow:
    config, x, weight, others, model = given
    y, _ = _run(choice, x, weight, ReferenceExecutor())
    distances = [summarise(y, FLOAT32.to_patterns(other), FLOAT32) for other in others]
    return _row(config, choice, x, weight, distances, model)


def _run(choice: Choice, x: NDArray[Any], weight: NDArray[Any], executor: Executor) -> tuple[NDArray[Any], Any]:
    """Result patterns, and (program, result)."""
    w = Writer(
        Program("linear"),
        FLOAT32,
        accumulate=accumulation(choice.accumulate),
        weights=choice.weights,
        style=choice.style,
    ).inside("linear")
    given = w.program.input("x", x.shape, FLOAT32)
    w.program.outputs["y"] = linear(w, given, w.constant(weight))
    result = run_program(w.program, {"x": FLOAT32.to_patterns(x)[None]}, executor)
    return result.outputs["y"][0], (w.program, result)


def _row(
    config: AccumulateConfig,
    choice: Choice,
    x: NDArray[Any],
    weight: NDArray[Any],
    distances: list[UlpSummary],
    model: EnergyModel,
) -> OrderRow:
    executor = BitslicedExecutor("activity") if config.executor == "bitsliced" else MembraneExecutor()
    _, (program, result) = _run(choice, x, weight[: config.counted], executor)
    tallies = result.tallies
    energy = energy_of_tallies(tallies, model)
    assert energy is not None
    macs = x.size * min(config.counted, len(weight))
    synops, updates = (tallies.synops or 0) / macs, tallies.updates / macs
    awake = synops * model.joules("synaptic_op") + updates * model.joules("neuron_update_active")
    base = config.baseline
    before = base.synops * model.joules("synaptic_op") + base.updates * model.joules("neuron_update_active")
    witness, exact = distances
    return OrderRow(
        accumulate=choice.accumulate,
        weights=choice.weights,
        style=choice.style,
        torch_max=witness.max,
        torch_mean=witness.mean,
        torch_zero_rate=witness.zero_rate,
        exact_max=exact.max,
        exact_mean=exact.mean,
        exact_zero_rate=exact.zero_rate,
        neurons=program.neurons / macs,
        depth=program.depth,
        synops=synops,
        updates=updates,
        active=(tallies.active or 0) / macs,
        nanojoules=energy.joules / macs * 1e9,
        nanojoules_all_active=awake * 1e9,
        times_less=before / awake,
    )


_SHOWN = (
    *("accumulate, weights, style", "max, mean ULP and 0 ULP rate against PyTorch", "against float64", "neurons"),
    *("depth", "SynOps", "updates (active)", "nJ of work", "nJ, all active", "times less"),
)


def _report(config: AccumulateConfig, model: EnergyModel, rows: list[OrderRow], quick: bool) -> Report:
    base = config.baseline
    what = (
        f"A linear layer of {config.inputs} inputs and {config.outputs} outputs in FP32, "
        f"{config.tokens} tokens, inputs and weights from N(0, 1), seed {config.seed}. Neurons, SynOps, updates and "
        f"work are per multiply-accumulate, counted on {min(config.counted, config.outputs)} outputs by the "
        f"{config.executor} executor; nothing is placed. Constants: {model.title}. `times less` is against {base.name} "
        f"({base.source}): {base.synops:,} SynOps and {base.updates:,} updates."
    )
    found = [asdict(row) for row in rows]
    return Report(
        title="Orders of accumulation",
        name="orders",
        config={**config.resolved(), "quick": quick},
        lead=[what],
        tables=[Table("", _SHOWN, [_cells(row) for row in rows], None)],
        figures=[("orders.png", "Orders: distance from PyTorch and float64, and work.")],
        values={"rows": found},
        data={"orders.csv": columns(found)},
    )


def _cells(row: OrderRow) -> tuple[Any, ...]:
    name = f"{row.accumulate}, {row.weights}, {row.style}"
    against = [
        f"{most:,}, {mean:.3g}, {rate:.1%}"
        for most, mean, rate in (
            (row.torch_max, row.torch_mean, row.torch_zero_rate),
            (row.exact_max, row.exact_mean, row.exact_zero_rate),
        )
    ]
    counts = (f"{row.neurons:,.0f}", f"{row.depth:,}", f"{row.synops:,.0f}", f"{row.updates:,.0f} ({row.active:,.0f})")
    energies = (f"{row.nanojoules:.1f}", f"{row.nanojoules_all_active:.1f}", f"{row.times_less:.2f}")
    return (name, *against, *counts, *energies)


def _draw(rows: Sequence[OrderRow], path: Path) -> None:
    """Two panels: equal bits, and energy."""
    figure = style.new_figure(max(8.0, 1.35 * len(rows) + 1.2), 6.4)
    upper, lower = figure.subplots(2, 1, sharex=True)
    places = np.arange(len(rows))
    series = (
        ("PyTorch", style.PALETTE[0], -0.2, [(row.torch_zero_rate, row.torch_mean) for row in rows]),
        ("float64, rounded", style.PALETTE[1], 0.2, [(row.exact_zero_rate, row.exact_mean) for row in rows]),
    )
    for name, colour, shift, values in series:
        upper.bar(places + shift, [100 * rate for rate, _ in values], 0.36, color=colour, label=name)
        for place, (rate, mean) in zip(places, values, strict=True):
            text = f"{100 * rate:.0f} %\n{mean:.2g}"
            upper.text(place + shift, 100 * rate + 1.5, text, ha="center", va="bottom", fontsize=8)
    upper.set_ylim(0, 128)
    upper.set_yticks([0, 25, 50, 75, 100])
    upper.set_ylabel("same bits, %")
    upper.set_title("Results with the same bits (below the rate: mean ULP)")
    upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    energies = [row.nanojoules for row in rows]
    lower.bar(places, energies, 0.6, color=style.PALETTE[2])
    for place, nano in zip(places, energies, strict=True):
        lower.text(place, nano, f"{nano:.0f}", ha="center", va="bottom", fontsize=8, color=style.FAINT)
    lower.set_ylabel("nJ a multiply-accumulate")
    lower.set_title("Work: SynOps and active neuron updates")
    lower.set_xticks(places, [_name(row) for row in rows], fontsize=9)
    for axes in (upper, lower):
        style.grid(axes, "y")
        style.bare(axes, "bottom")
    figure.tight_layout()
    style.save(figure, path)


def _name(row: OrderRow) -> str:
    extra = [word for word in (f"{row.weights} weights", row.style) if word not in ("operand weights", "neurons")]
    return "\n".join([row.accumulate, *extra])
