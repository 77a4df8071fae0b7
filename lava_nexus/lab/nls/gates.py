"""What operators of LIF populations cost beside exact gates, and what they do to the digits transformer.

One operator: neurons, spikes, SynOps, joules, steps, error. The model: by fraction of operators replaced, and by time
steps and levels of its spike counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.energy import energy_of_tallies, load_energy_model
from lava_nexus.execute.executor import Tallies
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.formats import FLOAT32
from lava_nexus.lab.configs.tables import NlsTablesConfig
from lava_nexus.lab.nls.errors import EPS, EXACT, Floats, operands
from lava_nexus.lab.runs.approximation import LayerTap, divergence, softmax_of
from lava_nexus.lab.runs.digits import share_right
from lava_nexus.lab.spread import spread
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split, patches
from lava_nexus.models.stages import Arithmetic
from lava_nexus.populations import Operator, Options
from lava_nexus.populations.catalogue import GATES, Nonlinear, SpikingLinear
from lava_nexus.programs import Program, Value, Writer, rms_norm, silu, softmax
from lava_nexus.programs.layers import ACTIVATIONS, layer_norm

GATE_HEADER = ("operator", "size", "by", "neurons", "synapses", "spikes", "synops", "joules", "time steps", "max error")

_WAYS: dict[str, Nonlinear] = {
    "gates": GATES,
    "populations": Nonlinear({name: Options() for name in EXACT}),
    "populations, digits": Nonlinear({name: Options(single_ladder=False) for name in EXACT}),
}


def gate_rows(config: NlsTablesConfig) -> list[tuple[Any, ...]]:
    """Rows of `GATE_HEADER`, for one row of operands; populations with and without conversion from and to FP32."""
    sizes = [(name, n) for name in EXACT for n in ((1,) if name in ("silu", "gelu") else config.gate_sizes)]
    found = spread(config.cluster, _costs, config, sizes, "against gates", "operators")
    return [row for rows in found for row in rows]


def _costs(config: NlsTablesConfig, of: tuple[str, int]) -> list[tuple[Any, ...]]:
    x, rows = operands(*of, config.samples, config.seed), []
    seen: set[int] = set()
    for way, nonlinear in _WAYS.items():
        found = _cost(*of, x, way, nonlinear, config)
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
    program, whole = w.program, result.tallies
    found = (name, size, way if nonlinear is GATES else f"{way}, with conversions", program.neurons, program.synapses)
    rows = [(*found, *_sums(whole, len(x), config), program.depth, error)]
    for tally in whole:
        if isinstance(op := tally.circuit, Operator):
            each, counts = tally.invocations // len(x), _sums(Tallies({op.digest: tally}), len(x), config)
            rows.append((name, size, way, op.neurons * each, op.synapses * each, *counts, op.depth, error))
    return rows


def _sums(tallies: Tallies, sets: int, config: NlsTablesConfig) -> tuple[float, float, float]:
    """Spikes, SynOps and joules for one row of operands."""
    energy = energy_of_tallies(tallies, load_energy_model(config.energy_model), sets)
    assert energy is not None
    return (tallies.spikes or 0) / sets, (tallies.synops or 0) / sets, energy.joules_per_input


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


FRACTION_HEADER = ("replaced", "fraction", "operators", "accuracy", "max logit error", "mean logit error", "KL")
COUNT_HEADER = ("time steps T", "levels L", "T L", "accuracy", "max logit error", "mean logit error", "KL")

_NAMES = ("softmax", "silu", "rms_norm")
_NONLINEAR = ("norm", "softmax", "activation")


@dataclass(frozen=True)
class Digits:
    """The model, its inputs and what the exact one answers."""

    images: int
    calibration: int = 32

    def run(self, nonlinear: Nonlinear, spikes: SpikingLinear | None, train: bool = False) -> LayerTap:
        """The model on test images, or on training images that ranges are taken of."""
        split, tap = load_split(), LayerTap()
        tokens = patches(split.train_images[: self.calibration]) if train else split.test_tokens[: self.images]
        program = digits_program(
            load_checkpoint(WEIGHTS, DIGITS.tensors), DIGITS, Arithmetic(FLOAT32, nonlinear=nonlinear, spikes=spikes)
        )
        tap.run(program, {"tokens": FLOAT32.to_patterns(tokens)})
        return tap

    def row(self, a: NDArray[np.float64], changed: LayerTap) -> tuple[float, float, float, float]:
        """Accuracy, largest and mean error of the logits, KL of the answers from those of the exact logits `a`."""
        b = _logits(changed)
        error = np.abs(a - b)
        right = share_right(b, load_split().test_labels[: self.images])
        return right, float(error.max()), float(error.mean()), divergence(softmax_of(a), softmax_of(b))


def _logits(tap: LayerTap) -> NDArray[np.float64]:
    return tap.left["classifier"][-1][:, 0]


def model_rows(config: NlsTablesConfig) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows of `FRACTION_HEADER`, operators replaced from the first layer on, and of `COUNT_HEADER`."""
    digits = Digits(config.images)
    exact, ranges = digits.run(GATES, None), digits.run(GATES, None, train=True).ranges
    by_kind = {name: exact.kinds[name] for name in exact.left}
    sites = {
        "nonlinear": [name for name, kind in by_kind.items() if kind in _NONLINEAR],
        "nonlinear and linear": [name for name, kind in by_kind.items() if kind in (*_NONLINEAR, "linear")],
    }
    chosen = [(what, frozenset(names[:k])) for what, names in sites.items() for k in _counts(len(names), config)]
    pairs = [(t, level) for level in (1, 4, 16, 64) for t in (1, 2, 4, 8) if 4 <= t * level <= 256]
    ways: list[tuple[str, Nonlinear, SpikingLinear | None]] = []
    replaced = {name: Options() for name in _NAMES}
    for what, names in chosen:
        ways.append(
            (what, Nonlinear(replaced, names), SpikingLinear(4, 7, ranges, names) if "linear" in what.split() else None)
        )
    for t, level in pairs if config.images > 12 else pairs[:2]:
        ways.append(("", Nonlinear(replaced), SpikingLinear(t, (t * level).bit_length() - 1, ranges)))
    found = spread(config.cluster, _answers, (digits, _logits(exact)), ways, "the digits transformer", "models")
    fractions = [
        (what, len(names) / len(sites[what]), len(names), *row)
        for (what, names), row in zip(chosen, found, strict=False)
    ]
    counts = [(t, level, t * level, *row) for (t, level), row in zip(pairs, found[len(chosen) :], strict=False)]
    return fractions, counts


def _answers(
    given: tuple[Digits, NDArray[np.float64]], way: tuple[str, Nonlinear, SpikingLinear | None]
) -> tuple[float, float, float, float]:
    digits, exact = given
    return digits.row(exact, digits.run(*way[1:]))


def _counts(sites: int, config: NlsTablesConfig) -> Sequence[int]:
    steps = min(sites, 9) if config.images > 12 else 2
    return sorted({round(i * sites / steps) for i in range(steps + 1)})
