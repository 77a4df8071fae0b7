"""Tables of operators of LIF populations: sizes, coding, shifts, and what a run of them did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lava_nexus.executors.executor import Tally
from lava_nexus.nlspike import Operator

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
