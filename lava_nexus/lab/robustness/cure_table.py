"""What every cure brings and costs, and the trade-off of precision, robustness and energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.energy import EnergyModel, energy_of_tallies, load_energy_model
from lava_nexus.execute.executor import Tally
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.robustness import CureSweep, RobustnessConfig
from lava_nexus.lab.figures.robustness import Series, accuracy_figure
from lava_nexus.lab.figures.trade_off import Choice, trade_off_figure
from lava_nexus.lab.markdown import percent, with_prefix
from lava_nexus.lab.report import Report, Table
from lava_nexus.lab.robustness.cells import Cells
from lava_nexus.lab.robustness.circuits import checked, scaled, voted
from lava_nexus.lab.robustness.measure import Condition, compare, operands_of, sweep_report
from lava_nexus.neurons import NeuronModel, NonIdealities, check

Run = Callable[[Circuit, list[NDArray[Any]]], NDArray[Any]]

_HALF, _MIDDLE = NeuronModel(), NeuronModel(placement="middle")
_NEAR = NeuronModel(margin=0.1)
_NOTES = (
    "A cell is: operations whose every output bit is right, percent, mean ± standard deviation over seeds; where "
    "results were computed again, the mean number of runs.",
    "sigma: noise on the membrane in unit weights, the same for scaled and plain weights: it is the membrane's, not "
    "the synapse's. stuck: share of neurons that never fire, those of voters and checks among them.",
    "Price: of one undisturbed operation; cells.csv has SynOps and work of every cell, runs again included.",
)


@dataclass(frozen=True)
class Cure:
    """One way to build and run an operator.

    Attributes:
        label: for tables.
        circuit: its neurons.
        model: where thresholds stand.
        retries: how often a result whose flag is up is computed again at most; 0 where there is no flag.
        text: what is done.
    """

    label: str
    circuit: Circuit
    model: NeuronModel
    retries: int = 0
    text: str = ""


def cures_of(plain: Circuit, sweep: CureSweep) -> list[Cure]:
    """All ways to build one operator; every network obeys the hardware rules."""
    voters = len(plain.network.thresholds)
    found = [
        Cure("none", plain, _HALF, text="threshold at T - 1/2"),
        Cure("threshold at T - 0.1", plain, _NEAR, text="what a threshold next to T costs"),
        Cure("threshold in the middle", plain, _MIDDLE, text="of the gap between the sums that the weights can give"),
    ]
    for factor in sweep.scales:
        name = f"weights x {factor}" if factor else "weights as far as limits let"
        found.append(Cure(name, scaled(plain, factor), _MIDDLE, text="a factor a neuron, threshold in the middle"))
    for copies in sweep.copies:
        made = voted(plain, copies)
        found.append(Cure(f"vote of {copies}", made, _HALF, text="a majority neuron an output bit"))
        hardened = scaled(made, first=copies * voters)
        found.append(Cure(f"vote of {copies}, hard voters", hardened, _MIDDLE, text="voters with scaled weights"))
    twice = checked(plain)
    hardened = scaled(twice, first=2 * voters)
    parity = "two copies, parity of all output bits, again where it is odd"
    found.append(Cure("parity and retry", twice, _HALF, sweep.retries, parity))
    found.append(Cure("parity and retry, hard check", hardened, _MIDDLE, sweep.retries, f"{parity}; check scaled"))
    for cure in found:
        check(cure.circuit.network)
    return found


def run_cures(config: RobustnessConfig, out: Path) -> Report:
    """Measures every cure at every noise and share of stuck neurons; figures go to `out`."""
    sweep = config.sweep
    assert isinstance(sweep, CureSweep)
    energy = load_energy_model(config.energy_model)
    disturbances = [("sigma", s) for s in sweep.sigmas] + [("stuck", s) for s in sweep.stuck]
    todo = [
        (fmt, basis, cure, kind, value)
        for fmt in sweep.formats
        for basis in sweep.bases
        for cure in cures_of(circuit(sweep.operation, format_named(fmt), basis=basis), sweep)
        for kind, value in disturbances
    ]
    of = (config.trials, config.seeds, config.seed, repr(energy.constants))
    cells = [
        (["cure", cure.circuit.digest, repr(cure.model), cure.retries, kind, value, *of], (cure, kind, value))
        for _, _, cure, kind, value in todo
    ]
    found = Cells(out / "cells", config.cluster).measured(
        _cell, (config, energy), cells, lambda cell: f"{cell[0].label}, {cell[1]} {cell[2]:g}"
    )
    records = [
        {"operation": sweep.operation, "format": fmt, "basis": basis, "cure": cure.label, **values}
        for (fmt, basis, cure, _, _), values in zip(todo, found, strict=True)
    ]
    return _report(config, sweep, records, {cure.label: cure.text for _, _, cure, _, _ in todo}, out)


Groups = dict[tuple[str, str, str], list[dict[str, Any]]]


def _cell(shared: tuple[RobustnessConfig, EnergyModel], cell: tuple[Cure, str, float]) -> dict[str, Any]:
    return _measured(*cell, *shared)


def _measured(cure: Cure, kind: str, value: float, config: RobustnessConfig, energy: EnergyModel) -> dict[str, Any]:
    non = NonIdealities(noise=value) if kind == "sigma" else NonIdealities(stuck_silent=value)
    shares, bits, runs = [], [], []
    tallies: list[Tally] = []
    for i in range(config.seeds):
        sets = config.trials // config.seeds + (i < config.trials % config.seeds)
        operands = operands_of(cure.circuit, sets, config.seed + i)
        # As many copies as sets: a result that is computed again is so by the same copy.
        executor = Condition(cure.model, non, "reset", sets).executor(config.seed + i)
        answers, again = with_retries(executor.invoke, cure.circuit, operands, cure.retries)
        right, wrong = compare(answers, cure.circuit.golden(*operands))
        tally = next(iter(executor.tallies))
        runs.append(again)
        tallies.append(tally)
        shares.append(right)
        bits.append(wrong / (cure.circuit.output.width - (cure.retries > 0)))
    report = energy_of_tallies(tallies, energy)
    assert report is not None
    invocations = sum(tally.invocations for tally in tallies)
    each = float(np.mean(runs))
    return {
        "disturbance": kind,
        "value": value,
        "accuracy": float(np.mean(shares)),
        "deviation": float(np.std(shares, ddof=1)) if len(shares) > 1 else 0.0,
        "bit_error_rate": float(np.mean(bits)),
        "runs": each,
        "neurons": cure.circuit.neurons,
        "synops": each * sum(tally.synops or 0 for tally in tallies) / invocations,
        "joules": each * report.joules / invocations,
        "trials": config.trials,
        "seeds": config.seeds,
    }


def with_retries(run: Run, made: Circuit, operands: list[NDArray[Any]], retries: int) -> tuple[NDArray[Any], float]:
    """(answers without the flag, mean runs of a set): where the flag is up, the operand set is entered again."""
    answers = run(made, operands)
    if not retries:
        return answers, 1.0
    mask = (1 << (made.output.width - 1)) - 1
    runs = 1.0
    for _ in range(retries):
        raised = answers > mask
        if not raised.any():
            break
        runs += float(raised.mean())
        answers = np.where(raised, run(made, operands), answers)
    return answers & np.asarray(mask, answers.dtype), runs


def tolerated(points: Sequence[tuple[float, float]], wanted: float, least: float) -> tuple[float, bool]:
    """(sigma up to which the accuracy is at least `wanted`, whether that is inside the scan).

    Between neighbours the logarithm of the error is taken as linear in 1 / sigma^2, as that of the normal tail nearly
    is; `least` stands for an error of 0.
    """
    points = sorted(points)
    if points[0][1] < wanted:
        return points[0][0], True
    for (low, above), (high, below) in pairwise(points):
        if below < wanted:
            if not low:
                return high * (above - wanted) / (above - below), True
            first, last = (np.log(max(1 - share, least)) for share in (above, below))
            part = (np.log(1 - wanted) - first) / (last - first)
            return float((low**-2 + part * (high**-2 - low**-2)) ** -0.5), True
    return points[-1][0], False


def _report(
    config: RobustnessConfig, sweep: CureSweep, records: list[dict[str, Any]], texts: dict[str, str], out: Path
) -> Report:
    groups: Groups = {}
    for record in records:
        groups.setdefault((record["format"], record["basis"], record["cure"]), []).append(record)
    choices = _choices(groups, sweep)
    trade_off = [
        {"format": f, "basis": b, "cure": cure, "joules": c.energy, "tolerated_sigma": c.tolerated, "inside": c.reached}
        for (f, b, cure), c in zip(groups, choices, strict=True)
    ]
    return sweep_report(
        config,
        records,
        lead=[f"{sweep.operation}, {config.trials:,} operations a cell, {config.seeds} seeds."],
        figures=_draw(config, sweep, groups, choices, out),
        tables=[_price_table(sweep, groups, choices), *_tables(sweep, groups)],
        notes=[*_NOTES, f"Energy constants: {config.energy_model}.", *(f"{k}: {v}." for k, v in texts.items() if v)],
        values={"trade_off": trade_off},
    )


def _choices(groups: Groups, sweep: CureSweep) -> list[Choice]:
    found = []
    for (fmt, basis, label), cells in groups.items():
        noisy = [(c["value"], c["accuracy"]) for c in cells if c["disturbance"] == "sigma"]
        sigma, ended = tolerated(noisy, sweep.wanted, 0.5 / cells[0]["trials"])
        quiet = min((c for c in cells if c["disturbance"] == "sigma"), key=lambda c: float(c["value"]))
        found.append(Choice(label, fmt, quiet["joules"], sigma, ended, basis == "nexus"))
    return found


def _price_table(sweep: CureSweep, groups: Groups, choices: list[Choice]) -> Table:
    rows = []
    for ((fmt, basis, label), cells), choice in zip(groups.items(), choices, strict=True):
        plain, quiet = groups[fmt, basis, "none"][0], cells[0]
        rows.append(
            [
                *(
                    fmt,
                    basis,
                    label,
                    quiet["neurons"],
                    f"{quiet['neurons'] / plain['neurons']:.2f}",
                    round(quiet["synops"]),
                ),
                *(f"{quiet['synops'] / plain['synops']:.2f}", with_prefix(quiet["joules"], "J")),
                f"{choice.tolerated:.3f}" if choice.reached else f"{choice.tolerated:g} and more",
            ]
        )
    wanted = f"sigma for {100 * sweep.wanted:g} %"
    header = ("format", "basis", "cure", "neurons", "times", "SynOps", "times", "work", wanted)
    return Table("Price and gain", header, rows, None)


def _tables(sweep: CureSweep, groups: Groups) -> list[Table]:
    parts = []
    for fmt, basis in dict.fromkeys((f, b) for f, b, _ in groups):
        cures = {label: cells for (f, b, label), cells in groups.items() if (f, b) == (fmt, basis)}
        first = next(iter(cures.values()))
        body = [
            [f"{cell['disturbance']} {cell['value']:g}", *(_shown(cells[i]) for cells in cures.values())]
            for i, cell in enumerate(first)
        ]
        parts.append(Table(f"{sweep.operation} {fmt}, {basis} basis", ("", *cures), body, None, printed=False))
    return parts


def _shown(cell: dict[str, Any]) -> str:
    again = f", {cell['runs']:.2f} runs" if cell["runs"] > 1 else ""
    return f"{percent(cell['accuracy'])} ± {100 * cell['deviation']:.2f}{again}"


def _series(cure: str, points: list[tuple[float, float, float]]) -> Series:
    name, hard, _ = cure.partition(", hard ")
    return Series(name, points, look="ring" if hard else "dashed" if "limits" in name else "line")


def _draw(
    config: RobustnessConfig, sweep: CureSweep, groups: Groups, choices: list[Choice], out: Path
) -> list[tuple[str, str]]:
    drawn = []
    for kind, label in (("sigma", "noise, sigma in unit weights"), ("stuck", "share of neurons stuck silent")):
        panels = [
            (
                f"{fmt}, {basis}",
                [
                    _series(cure, points)
                    for (f, b, cure), cells in groups.items()
                    if (f, b) == (fmt, basis)
                    and (
                        points := [
                            (c["value"], c["accuracy"], c["deviation"]) for c in cells if c["disturbance"] == kind
                        ]
                    )
                ],
            )
            for fmt in sweep.formats
            for basis in sweep.bases
        ]
        if panels[0][1]:
            columns = len(sweep.bases)
            looks = {"ring": "voters or check scaled"}
            file = out / f"cures_{kind}.png"
            accuracy_figure(panels, columns, config.title, label, file, log=kind == "stuck", looks=looks)
            drawn.append((f"cures_{kind}.png", f"Accuracy against {label}"))
    title = f"Precision, robustness and energy of {sweep.operation}"
    drawn.append((trade_off_figure(choices, sweep.wanted, title, out / "trade_off.png").name, title))
    return drawn
