"""Signatures of failure, and what to look at first: the part of a set-up that, made ideal alone, helps most.

Circuits are held against the accuracy that they should have, loss curves against a training that does not diverge.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.documents import parse_json, read_text
from lava_nexus.errors import NexusError
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import format_named, ulp_distance
from lava_nexus.lab.configs.execution import MembraneOptions
from lava_nexus.lab.configs.robustness import DiagnoseConfig
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.robustness.circuits import logic_circuit
from lava_nexus.lab.robustness.measure import operands_of
from lava_nexus.lab.trial import marked, smaller


def read_losses(path: Path) -> list[float]:
    """Losses in order, from JSON (a list, or an object with a list `losses`), CSV with a column `loss`, or lines.

    Raises:
        NexusError: no such file, or one that holds no losses.
    """
    text = read_text(path, "loss curve")
    try:
        losses = [float(value) for value in _values(text)]
    except (NexusError, ValueError, TypeError, KeyError, OverflowError):
        losses = []
    if not losses:
        raise NexusError(
            f"loss curve '{path}' holds no list of numbers: JSON 'losses', a column 'loss', or a line each"
        )
    return losses


def _values(text: str) -> list[Any]:
    if text.lstrip()[:1] in "{[":
        data = parse_json(text, "loss curve")
        return list(data["losses"] if isinstance(data, dict) else data)
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and "loss" in lines[0].split(","):
        return [row["loss"] for row in csv.DictReader(lines)]
    return lines


def divergence(losses: Sequence[float], rise: float) -> str:
    """What is wrong with a loss curve, in words; empty where nothing is.

    A loss that is NaN or infinite; one that ends above where it began; one that ends above `rise` times its minimum.
    """
    for step, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            return f"the loss is {loss} at step {step}"
    least = min(losses)
    if len(losses) > 1 and losses[-1] > losses[0]:
        return f"the loss ends at {losses[-1]:.4g}, above the {losses[0]:.4g} at which it began"
    if losses[-1] > rise * least > 0:
        return f"the loss ends at {losses[-1]:.4g}, {losses[-1] / least:.3g} times its minimum {least:.4g}"
    return ""


_QUICK_TRIALS = 500
_NOT_A_NUMBER = 2**64 - 1  # the distance of a NaN from a number
# What can be put right, and where it is put right: each is tried alone.
_PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "membrane memory": (
        "membranes carry something from one operand set to the next: take reset 'full' (on Loihi dv = 4095), or the "
        "regime 'reset'",
        {"reset": "full", "beta": 0.0},
    ),
    "threshold": (
        "thresholds do not stand in the middle between T - 1 and T: take margin 0.5 or placement 'middle'",
        {"margin": 0.5, "placement": "middle"},
    ),
    "noise of synapses": (
        "noise enters on every synapse, and grows with the fan-in: take smaller fan-in, or scale the weights",
        {"noise_on": "membrane"},
    ),
    "noise": (
        "noise is too large for a margin of half a unit weight: scale the weights, or let copies vote",
        {"noise": 0.0},
    ),
    "threshold spread": ("thresholds spread too far: scale the weights, or calibrate", {"spread": 0.0}),
    "spikes lost or made up": (
        "spikes are lost or made up on the way: look at the links, or vote",
        {"lost": 0.0, "spurious": 0.0},
    ),
    "stuck neurons": (
        "neurons are stuck: map around them, or let copies vote",
        {"stuck_silent": 0.0, "stuck_firing": 0.0},
    ),
    "membrane resolution": ("membranes keep too few fraction bits", {"fraction_bits": None}),
}


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        check: what was tried.
        value: what came out.
        limit: what would have been well.
        well: whether it is.
        first: what to look at first, empty where it is well.
    """

    check: str
    value: str
    limit: str
    well: bool
    first: str = ""


@marked
def run_diagnosis(config: DiagnoseConfig, out: Path, quick: bool = False) -> list[Finding]:
    """Makes every check, writes diagnosis.md and diagnosis.json to `out`, prints the result; returns the findings.

    Raises:
        NexusError: the file of the loss curve is missing or holds no numbers.
    """
    if quick:
        config = smaller(config, config.model_copy(update={"trials": min(config.trials, _QUICK_TRIALS)}))
    losses = None if config.losses is None else read_losses(config.losses)
    findings = [_gate(config, name) for name in config.gates]
    findings += [_operation(config, name) for name in config.operations]
    if losses is not None:
        findings.append(_training(config, losses))
    conclude(_report(config, findings), out)
    return findings


def _gate(config: DiagnoseConfig, name: str) -> Finding:
    made = logic_circuit(name, config.basis)
    noisy = config.membrane.model_copy(update={"noise": config.sigma})

    def loss(options: MembraneOptions) -> float:
        return 1 - _share_right(made, options, config)

    found = loss(noisy)
    well = found <= 1 - config.gate_accuracy
    limit = f"at least {100 * config.gate_accuracy:g} %"
    check = f"gate {name}, {config.basis} basis, at sigma {config.sigma:g}"
    return Finding(check, f"{100 * (1 - found):.2f} % right", limit, well, "" if well else _first(noisy, loss, found))


def _operation(config: DiagnoseConfig, name: str) -> Finding:
    fmt = format_named(config.format)
    made = circuit(name, fmt, basis=config.basis)

    def distance(options: MembraneOptions) -> tuple[float, float]:
        operands = operands_of(made, config.trials, config.seed)
        answers = _executor(options, config).invoke(made, operands)
        away = ulp_distance(answers, made.golden(*operands), fmt)
        numbers = away != _NOT_A_NUMBER
        return float(away[numbers].mean()) if numbers.any() else 0.0, float((~numbers).mean())

    def bad(options: MembraneOptions) -> float:
        mean, lost = distance(options)
        return mean + lost * 2.0**fmt.bits

    mean, lost = distance(config.membrane)
    well = mean <= config.mean_ulp and not lost
    check = f"{name} {config.format}, {config.basis} basis, as set up"
    value = f"mean {mean:.4g} ULP" + (f", NaN for a number {100 * lost:.3g} %" if lost else "")
    first = "" if well else _first(config.membrane, bad, bad(config.membrane))
    return Finding(check, value, f"at most {config.mean_ulp:g}", well, first)


def _training(config: DiagnoseConfig, losses: Sequence[float]) -> Finding:
    text = divergence(losses, config.rise)
    first = (
        f"the operations above, because gradients are taken at the values that they give, then at the learning rate: "
        f"{text}"
    )
    value = f"{len(losses)} losses, {losses[0]:.4g} to {losses[-1]:.4g}"
    return Finding(f"training, {config.losses}", value, "finite and falling", not text, first if text else "")


def _executor(options: MembraneOptions, config: DiagnoseConfig) -> MembraneExecutor:
    return MembraneExecutor(**options.executor_options(config.seed))


def _share_right(made: Circuit, options: MembraneOptions, config: DiagnoseConfig) -> float:
    operands = operands_of(made, config.trials, config.seed)
    return float((_executor(options, config).invoke(made, operands) == made.golden(*operands)).mean())


def _first(options: MembraneOptions, bad: Callable[[MembraneOptions], float], found: float) -> str:
    """The part that, made ideal alone, takes most of what is wrong away."""
    tried = {}
    for part, (_, ideal) in _PARTS.items():
        changed = options.model_copy(update=ideal)
        if changed != options:
            tried[part] = bad(changed)
    if not tried or min(tried.values()) >= found:
        return "no single part of the set-up explains it: several are at fault together, or the circuit is"
    best = min(tried, key=lambda part: tried[part])
    share = 100 * (1 - tried[best] / found)
    return f"{best}, which accounts for {share:.0f} % of it: {_PARTS[best][0]}"


def _report(config: DiagnoseConfig, findings: Sequence[Finding]) -> Report:
    rows = [[f.check, f.value, f.limit, "well" if f.well else "FAILS"] for f in findings]
    bad = [f for f in findings if not f.well]
    return Report(
        title="Diagnosis",
        name="diagnosis",
        config=config.resolved(),
        lead=[f"{f.check}: look first at {f.first}." for f in bad] or ["Nothing is wrong that these checks know."],
        tables=[Table("", ("check", "found", "should be", ""), rows, None)],
        values={"findings": [asdict(f) for f in findings]},
    )
