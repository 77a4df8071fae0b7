"""What a config says of LIF populations, as programs take it, and what a report says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lava_nexus.config.populations import PopulationsConfig
from lava_nexus.executors.executor import Tally
from lava_nexus.layers import Nonlinear, SpikingLinear
from lava_nexus.models.approximation import APPROXIMATION_HEADER, LayerError
from lava_nexus.reports.approximation_figure import approximation_figure
from lava_nexus.reports.population_tables import POPULATION_HEADER, population_rows
from lava_nexus.reports.report import Table

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
