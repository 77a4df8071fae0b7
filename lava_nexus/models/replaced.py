"""Transformers with operators of LIF populations: calibration, and the comparison with the exact model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lava_nexus.config.populations import PopulationsConfig
from lava_nexus.executors.executor import Tallies
from lava_nexus.layers import GATES
from lava_nexus.models import populations
from lava_nexus.models.approximation import LayerTap, compare, divergence, perplexity, softmax_of
from lava_nexus.models.job import Job, through
from lava_nexus.models.model import Model
from lava_nexus.reports.report import Run


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
    return model.by_populations(populations.nonlinear(config), populations.spiking(config, tap.ranges))


def with_errors(run: Run, job: Job, tallies: Tallies, out: Path) -> Run:
    """The report of a run with LIF populations: what they do to softmax, hidden states and answers."""
    exact, changed = LayerTap(), LayerTap()
    plain = through(job, job.model.by_populations(GATES), exact)
    ours = through(job, job.model, changed)
    errors = compare(exact, changed)
    populations.draw(errors, out)
    found = populations.notes(errors)
    if "logits" in plain:
        logits, others = (job.model.arithmetic.format.from_patterns(a["logits"]).astype(float) for a in (plain, ours))
        found.append(f"KL of the next token: {divergence(softmax_of(logits), softmax_of(others), 1e-12):.3g} nats.")
        if job.logits == "all" and job.model.spec.shape.causal and job.tokens.shape[1] > 1:
            both = [f"{perplexity(x, job.tokens):.6g}" for x in (others, logits)]
            found.append(f"Perplexity of the tokens: {both[0]}, of the exact model {both[1]}.")
    return replace(
        run,
        tables=(*run.tables, *populations.tables(errors, tallies)),
        figures=(*run.figures, populations.FIGURE),
        notes=(*run.notes, *found),
    )
