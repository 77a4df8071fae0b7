"""What a multiply-accumulate costs in the chip's own synapses, by part and format, beside gates and a GPU.

Energy is work as `lava_nexus.energy.machine` defines it: SynOps and active updates. Nothing is placed, so that idle
updates, moving spikes and static power are not in it; a GPU's joules are of the whole device.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.circuits import circuit
from lava_nexus.circuits.native import NativeLayer
from lava_nexus.crew import standing
from lava_nexus.energy import EnergyModel, load_energy_model
from lava_nexus.energy.measurements import BLOCK, GpuRecord, gpu_record
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.native.costs import ROUNDING, SYNAPSES, Cost, layer_costs, limb_synops, total
from lava_nexus.formats import FloatFormat, format_named
from lava_nexus.lab.configs.tables import NativeCostsConfig
from lava_nexus.lab.energy.multiply_accumulate import mac_by_gates
from lava_nexus.lab.energy.rows import Choices
from lava_nexus.lab.figures.costs import NativeCost, native_figure
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.runs.native_token import token_tables
from lava_nexus.lab.spread import spread
from lava_nexus.lab.trial import marked, smaller
from lava_nexus.populations.native.limbs import Limbs

PARTS = ("front end", SYNAPSES, "accumulators", "special values", "back end", ROUNDING)
_QUICK = {"size": 32, "rows": 4}
_QUICK_TOKEN = {"formats": ("float8_e4m3fn",), "width": 8, "heads": 2, "hidden": 8, "keys": 3}
_QUICK_FORMATS = ("float8_e4m3fn", "bfloat16")


@marked
def run_native_costs(config: NativeCostsConfig, out: Path, quick: bool = False) -> list[NativeCost]:
    """Measures, prints and writes native.md, .csv, .json and native.png; returns a row a format."""
    if quick:
        chosen = tuple(name for name in config.formats if name in _QUICK_FORMATS) or config.formats[:1]
        config = smaller(config, config.model_copy(update={**_QUICK, "formats": chosen}))
    model, record = load_energy_model(config.energy_model), gpu_record()
    token = config.token
    if token is not None and quick:
        token = token.model_copy(update=_QUICK_TOKEN)
    with standing(config.cluster) as cluster:
        given = (config, model, record, quick)
        rows = spread(cluster, _of_format, given, config.formats, "native layers", "formats")
        more = [] if token is None else token_tables(token, model, config.seed, cluster)
    sizes = f"{config.size} x {config.size}"
    shortened = "quick run, a small layer, " if quick else ""
    figure = native_figure(rows, f"A multiply-accumulate of a linear layer ({shortened}{sizes})", out / "native.png")
    conclude(
        Report(
            title=f"Native synapses beside gates ({shortened}{sizes}, {config.rows} rows)",
            name="native",
            config={**config.resolved(), "quick": quick},
            tables=[Table("", *_table(rows), "native.csv"), Table("Parts, pJ a MAC", *_parts(rows)), *more],
            figures=[(figure.name, "Energy a multiply-accumulate and time steps of a layer, by format.")],
            notes=[
                f"constants are those of: {model.title}; work: SynOps and active updates, nothing is placed",
                "gates: a rounded product and a rounded sum a term, counted as in docs/energy.md; delays up to 62",
                *([] if record is None else [f"GPU: {record}, the block's token ({BLOCK}), {record.method}"]),
            ],
        ),
        out,
    )
    return rows


def _of_format(given: tuple[NativeCostsConfig, EnergyModel, GpuRecord | None, bool], name: str) -> NativeCost:
    return native_cost(format_named(name), *given)


def native_cost(
    fmt: FloatFormat, config: NativeCostsConfig, model: EnergyModel, record: GpuRecord | None, quick: bool = False
) -> NativeCost:
    """The row of a format."""
    rng = np.random.default_rng(config.seed)
    weights = (rng.standard_normal((config.size, config.size)) / np.sqrt(config.size)).astype(fmt.dtype)
    layer = NativeLayer(Limbs(fmt, fmt, fmt, fmt.to_patterns(weights), "layer"))
    activations = fmt.to_patterns(rng.standard_normal((config.rows, config.size)).astype(fmt.dtype))
    costs = layer_costs(layer, activations, BitslicedExecutor(count="activity"))
    assert set(costs) == set(PARTS) and total(costs).synops > 0
    gates, steps = _by_gates(fmt, config, model, quick)
    macs = config.rows * config.size**2
    return NativeCost(
        format=str(fmt),
        synops=limb_synops(layer, costs, config.rows),
        parts={part: _picojoules(costs[part], model) / macs for part in PARTS},
        gates=gates,
        steps=layer.depth,
        gate_steps=steps,
        gpu={} if record is None else _gpu(record, str(fmt)),
    )


def _picojoules(cost: Cost, model: EnergyModel) -> float:
    events = (("synaptic_op", cost.synops), ("neuron_update_active", cost.active))
    return 1e12 * sum(count * model.joules(name) for name, count in events)


def _by_gates(fmt: FloatFormat, config: NativeCostsConfig, model: EnergyModel, quick: bool) -> tuple[float, int]:
    """(picojoules a multiply-accumulate, steps of a sum) of rounded products and sums in sequence."""
    _, _, work = mac_by_gates(Choices(fmt), BitslicedExecutor(count="activity"), model, config.seed, quick)
    multiply, add = (circuit(name, fmt) for name in ("mul", "add"))
    return 1000 * work, multiply.depth + (config.size - 1) * add.depth


def _gpu(record: GpuRecord, name: str) -> dict[int, float]:
    rows = [record.row(batch, fmt=name) for batch in record.batches]
    return {row.batch: 1e12 * row.joules_a_token / record.macs[row.subject] for row in rows if row is not None}


def _table(rows: list[NativeCost]) -> tuple[tuple[str, ...], list[list[Any]]]:
    """A MAC by gates, by native synapses, and on a GPU."""
    batches = sorted({batch for row in rows for batch in row.gpu})
    gpu = [f"GPU measured, batch {batch:,}, nJ a MAC" for batch in batches]
    names = ("format", "gates, nJ a MAC", "native, nJ a MAC", "gates / native", "gates, steps", "native, steps")
    return (*names, "SynOps a MAC", *gpu), [
        [
            row.format,
            f"{row.gates / 1000:.3g}",
            f"{row.native / 1000:.3g}",
            f"{row.gates / row.native:.0f}",
            f"{row.gate_steps:,}",
            f"{row.steps:,}",
            f"{row.synops:.2f}",
            *(f"{row.gpu[batch] / 1000:.3g}" if batch in row.gpu else None for batch in batches),
        ]
        for row in rows
    ]


def _parts(rows: list[NativeCost]) -> tuple[tuple[str, ...], list[list[Any]]]:
    header = ("format", *PARTS, "all")
    return header, [[row.format, *(f"{row.parts[part]:.1f}" for part in PARTS), f"{row.native:.1f}"] for row in rows]
