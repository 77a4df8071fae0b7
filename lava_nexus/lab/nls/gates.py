"""What an operator of LIF populations costs beside the exact gates: neurons, spikes, SynOps, joules, steps, error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lava_nexus.energy import energy_of, load_energy_model
from lava_nexus.execute.executor import Tally
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT32
from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.lab.nls.errors import EPS, EXACT, Floats, operands
from lava_nexus.populations import Operator, Options
from lava_nexus.programs import GATES, Nonlinear, Program, Value, Writer, rms_norm, silu, softmax
from lava_nexus.programs.layers import ACTIVATIONS, layer_norm

GATE_HEADER = (
    "operator",
    "size",
    "by",
    "neurons",
    "synapses",
    "spikes",
    "synops",
    "joules",
    "time steps",
    "max error",
)

_WAYS: dict[str, Nonlinear] = {
    "gates": GATES,
    "populations": Nonlinear({name: Options() for name in EXACT}),
    "populations, digits": Nonlinear({name: Options(single_ladder=False) for name in EXACT}),
}


def gate_rows(config: NlsTablesConfig) -> list[tuple[Any, ...]]:
    """Rows of `GATE_HEADER`, for one row of operands; populations with and without conversion from and to FP32."""
    rows = []
    for name in EXACT:
        for size in (1,) if name in ("silu", "gelu") else config.gate_sizes:
            x = operands(name, size, config.samples, config.seed)
            seen: set[int] = set()
            for way, nonlinear in _WAYS.items():
                found = _cost(name, size, x, way, nonlinear, config)
                if found[-1][3] not in seen:  # quotients of more than 8 bits have digits either way
                    rows += found
                seen.add(found[-1][3])
    return rows


def _cost(
    name: str, size: int, x: Floats, way: str, nonlinear: Nonlinear, config: NlsTablesConfig
) -> list[tuple[Any, ...]]:
    w = Writer(Program(name), FLOAT32, nonlinear=nonlinear).inside(name)
    y = _LAYERS[name](w, w.program.input("x", (size,), FLOAT32))
    w.program.outputs["y"] = y
    feeds = {"x": FLOAT32.to_patterns(x.astype(np.float32))}
    result = run_program(w.program, feeds, MembraneExecutor())
    values = FLOAT32.from_patterns(result.outputs["y"]).astype(np.float64)
    error = float(np.abs(values - EXACT[name](x)).max())
    tallies = list(result.tallies)
    program = w.program
    found = [(name, size, way if nonlinear is GATES else f"{way}, with conversions", program.neurons, program.synapses)]
    rows = [(*found[0], *_sums(tallies, len(x), config), program.depth, error)]
    own = [t for t in tallies if isinstance(t.circuit, Operator)]
    if own:
        (tally,) = own
        op, each = tally.circuit, tally.invocations // len(x)
        counts = _sums(own, len(x), config)
        rows.append((name, size, way, op.neurons * each, op.synapses * each, *counts, op.depth, error))
    return rows


def _sums(tallies: list[Tally], sets: int, config: NlsTablesConfig) -> tuple[float, float, float]:
    """Spikes, SynOps and joules for one row of operands."""
    energy = energy_of(tallies, load_energy_model(config.energy_model), sets)
    assert energy is not None
    spikes, synops = sum(t.spikes or 0 for t in tallies), sum(t.synops or 0 for t in tallies)
    return spikes / sets, synops / sets, energy.joules_per_inference


def _norm(w: Writer, x: Value) -> Value:
    return rms_norm(w, x, w.constant(np.ones(x.shape[-1], np.float32)), EPS)


def _layer_norm(w: Writer, x: Value) -> Value:
    width = x.shape[-1]
    return layer_norm(w, x, w.constant(np.ones(width, np.float32)), w.constant(np.zeros(width, np.float32)), EPS)


_LAYERS: dict[str, Callable[[Writer, Value], Value]] = {
    "silu": silu,
    "gelu": ACTIVATIONS["gelu"],
    "softmax": softmax,
    "rms_norm": _norm,
    "layer_norm": _layer_norm,
}
