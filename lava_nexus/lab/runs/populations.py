"""LIF populations in a run: what the config replaces, calibrated, and what the report says of them.

A report compares them with the exact model layer by layer, and lists every operator: sizes, coding, shifts, spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lava_nexus.execute.executor import Tallies, Tally
from lava_nexus.lab.configs.model import PopulationsConfig
from lava_nexus.lab.figures.approximation import approximation_figure
from lava_nexus.lab.report import Run, Table
from lava_nexus.lab.runs.approximation import (
    APPROXIMATION_HEADER,
    LayerError,
    LayerTap,
    compare,
    divergence,
    perplexity,
    softmax_of,
)
from lava_nexus.lab.runs.job import Job, through
from lava_nexus.models.model import Model
from lava_nexus.populations import Operator
from lava_nexus.programs import GATES, Nonlinear, SpikingLinear

FIGURE = ("layers.png", "Error against the exact model, layer by layer.")


def nonlinear(config: PopulationsConfig, layers: frozenset[str] | None = None) -> Nonlinear:
    """Which nonlinear operators are replaced, in these layers (None: all)."""
    return Nonlinear(config.replaced, layers)


def spiking(
    config: PopulationsConfig, ranges: Mapping[str, float], layers: frozenset[str] | None = None
) -> SpikingLinear | None:
    """How linear layers are computed, for ranges by layer; None where they are exact."""
    if config.linear == "exact":
        return None
    return SpikingLinear(config.spikes.steps, config.spikes.bits, dict(ranges), layers)


def tables(errors: list[LayerError], tallies: Iterable[Tally]) -> list[Table]:
    """The tables of a report."""
    return [
        Table("Layer by layer, against the exact model", APPROXIMATION_HEADER, [e.row for e in errors]),
        Table("Operators of LIF populations", POPULATION_HEADER, population_rows(tallies)),
    ]


def draw(errors: list[LayerError], out: Path) -> None:
    """The figure of a report."""
    columns: list[list[Any]] = [[getattr(e, name) for e in errors] for name in ("layer", "max_error", "mean_error")]
    approximation_figure(columns[0], columns[1], columns[2], [e.cosine for e in errors], out / FIGURE[0])


def notes(errors: list[LayerError]) -> list[str]:
    """Sentences that go with the tables."""
    kl = [e.divergence for e in errors if e.divergence is not None]
    found = [
        "Operators of LIF populations are approximate: layers are compared with the model of gates alone, both on the "
        "reference executor, whose bits the neurons give.",
        "1 - cosine: of vectors along the last axis, mean and largest; KL: KL(exact || approximate) of softmax rows in "
        "nats, entries below 2^-13 taken as that.",
    ]
    return [*found, f"KL of all softmax layers: mean {sum(kl) / len(kl):.3g} nats."] if kl else found


def by_populations(config: PopulationsConfig, model: Model, calibrate: Callable[[LayerTap], object]) -> Model:
    """The model with what the config says by LIF populations.

    `calibrate` takes the exact model through the inputs that ranges of spike counts are taken on; it is called where
    there are such counts.
    """
    if not config.approximate:
        return model
    tap = LayerTap()
    if config.linear == "spikes":
        calibrate(tap)
    return model.by_populations(nonlinear(config), spiking(config, tap.ranges))


def with_errors(run: Run, job: Job, tallies: Tallies, out: Path) -> Run:
    """The report of a run with LIF populations: what they do to softmax, hidden states and answers."""
    exact, changed = LayerTap(), LayerTap()
    plain = through(job, job.model.by_populations(GATES), exact)
    ours = through(job, job.model, changed)
    errors = compare(exact, changed)
    draw(errors, out)
    found = notes(errors)
    if "logits" in plain:
        logits, others = (job.model.arithmetic.format.from_patterns(a["logits"]).astype(float) for a in (plain, ours))
        found.append(f"KL of the next token: {divergence(softmax_of(logits), softmax_of(others), 1e-12):.3g} nats.")
        if job.logits == "all" and job.model.spec.shape.causal and job.tokens.shape[1] > 1:
            both = [f"{perplexity(x, job.tokens):.6g}" for x in (others, logits)]
            found.append(f"Perplexity of the tokens: {both[0]}, of the exact model {both[1]}.")
    return replace(
        run,
        tables=(*run.tables, *tables(errors, tallies)),
        figures=(*run.figures, FIGURE),
        notes=(*run.notes, *found),
    )


POPULATION_HEADER = (
    "operator",
    "operands",
    "results",
    "neurons, bit",
    "neurons, graded",
    "populations",
    "synapses",
    "depth",
    "window",
    "shifts right",
    "weight exponents",
    "invocations",
    "spikes a row",
)


def population_rows(tallies: Iterable[Tally]) -> list[tuple[Any, ...]]:
    """Rows of `POPULATION_HEADER`, one an operator that a run invoked."""
    return [_row(t.circuit, t) for t in tallies if isinstance(t.circuit, Operator)]


def _row(op: Operator, tally: Tally) -> tuple[Any, ...]:
    network = op.network
    inner = network.populations[network.n_sources :]
    shifts = sorted({p.shift for p in network.projections})
    exponents = sorted({exponent for p in network.projections for exponent, _, _ in p.digits})
    return (
        op.label,
        f"{op.in_format}, {op.in_fraction} fraction bits",
        f"{op.out_format}, {op.out_fraction} fraction bits",
        sum(p.size for p in inner if p.payload == "bit"),
        sum(p.size for p in inner if p.payload != "bit"),
        len(inner),
        op.synapses,
        op.depth,
        network.window,
        f"{shifts[0]} to {shifts[-1]}",
        f"{exponents[0]} to {exponents[-1]}",
        tally.invocations,
        None if tally.spikes is None else tally.spikes / max(tally.invocations, 1),
    )
