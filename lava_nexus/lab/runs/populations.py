"""LIF populations in a run: what the config replaces, calibrated, and what the report says of them.

A report compares them with the exact model layer by layer, and lists every operator: sizes, coding, shifts, spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lava_nexus.execute.executor import Tallies, Tally
from lava_nexus.lab.configs.model import PopulationsConfig
from lava_nexus.lab.figures.approximation import approximation_figure
from lava_nexus.lab.report import Run, Table
from lava_nexus.lab.runs.approximation import LayerTap, compare
from lava_nexus.models.model import Model
from lava_nexus.populations import Operator
from lava_nexus.populations.catalogue import Nonlinear, SpikingLinear

FIGURE = ("layers.png", "Error against the exact model, layer by layer.")
_NOTES = (
    "Operators of LIF populations are approximate: layers are compared with the model of gates alone, both on the "
    "reference executor, whose bits the neurons give.",
    "1 - cosine: of vectors along the last axis, mean and largest; KL: KL(exact || approximate) of softmax rows in "
    "nats, entries below 2^-13 taken as that.",
)


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


def with_errors(run: Run, exact: LayerTap, changed: LayerTap, tallies: Tallies, notes: Sequence[str], out: Path) -> Run:
    """The report of a run with what its LIF populations do to the exact model, layer by layer, and with these notes."""
    errors = compare(exact, changed)
    approximation_figure(errors, out / FIGURE[0])
    operators = [_operator(tally.circuit, tally) for tally in tallies if isinstance(tally.circuit, Operator)]
    tables = (
        Table.of("Layer by layer, against the exact model", [e.row for e in errors]),
        Table.of("Operators of LIF populations", operators),
    )
    kl = [e.divergence for e in errors if e.divergence is not None]
    about = [*_NOTES, f"KL of all softmax layers: mean {sum(kl) / len(kl):.3g} nats."] if kl else _NOTES
    return replace(
        run,
        tables=(*run.tables, *tables),
        figures=(*run.figures, FIGURE),
        notes=(*run.notes, *about, *notes),
    )


def _operator(op: Operator, tally: Tally) -> dict[str, Any]:
    """An operator that a run invoked."""
    network = op.network
    inner = network.populations[network.n_sources :]
    shifts = sorted({p.shift for p in network.projections})
    exponents = sorted({exponent for p in network.projections for exponent, _, _ in p.digits})
    return {
        "operator": op.label,
        "operands": f"{op.in_format}, {op.in_fraction} fraction bits",
        "results": f"{op.out_format}, {op.out_fraction} fraction bits",
        "neurons, bit": sum(p.size for p in inner if p.payload == "bit"),
        "neurons, graded": sum(p.size for p in inner if p.payload != "bit"),
        "populations": len(inner),
        "synapses": op.synapses,
        "depth": op.depth,
        "window": network.window,
        "shifts right": f"{shifts[0]} to {shifts[-1]}",
        "weight exponents": f"{exponents[0]} to {exponents[-1]}",
        "invocations": tally.invocations,
        "spikes a row": None if tally.spikes is None else tally.spikes / max(tally.invocations, 1),
    }
