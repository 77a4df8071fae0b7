"""A model with operators of LIF populations beside the exact one: layer by layer, on the reference executor.

Both programs are evaluated by golden functions and integer programs, which neurons equal bit for bit. What leaves a
layer, the values that other layers read, is compared in the order of the program. A report of a run lists every
operator too: sizes, coding, shifts, spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.executor import Tallies, Tally
from lava_nexus.execute.interpret import ProgramResult, run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FloatFormat
from lava_nexus.lab.configs.model import PopulationsConfig
from lava_nexus.lab.figures.approximation import approximation_figure
from lava_nexus.lab.report import Run, Table
from lava_nexus.models.model import Model
from lava_nexus.populations import Operator
from lava_nexus.populations.catalogue import Nonlinear, SpikingLinear
from lava_nexus.programs import Contract, Program, Value

Floats = NDArray[np.float64]


@dataclass(eq=False)
class LayerTap(ReferenceExecutor):
    """A reference executor that keeps what leaves every layer.

    Attributes:
        left: values [batch, ...] by layer, one entry a value that left it.
        kinds: of the layers.
        ranges: largest finite magnitude of the operand of every linear layer.
    """

    left: dict[str, list[Floats]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def run_whole(self, program: Program, feeds: Mapping[str, NDArray[Any]]) -> ProgramResult:
        """See `run`."""
        return self.run(program, feeds)

    def run(self, program: Program, feeds: Mapping[str, NDArray[Any]]) -> ProgramResult:
        """Runs a program by golden functions and keeps what leaves its layers."""
        leaving = _leaving(program)
        operands = {
            n.layer: n.operands[0]
            for n in program.nodes
            if isinstance(n, Contract) and n.operands[1].number in program.constants
        }
        wanted = {v.number for values in leaving.values() for v in values} | {v.number for v in operands.values()}
        result = run_program(program, feeds, ReferenceExecutor(), keep=wanted)
        for layer, values in leaving.items():
            self.left.setdefault(layer, []).extend(_numbers(v, result.kept[v.number]) for v in values)
            self.kinds[layer] = program.kinds.get(layer, "other")
        given = {v.number: feeds[name] for name, v in program.inputs.items()}
        for layer, value in operands.items():
            patterns = result.kept[value.number] if value.number in result.kept else given[value.number]
            numbers = np.abs(_numbers(value, patterns))
            largest = float(numbers[np.isfinite(numbers)].max(initial=0.0))
            self.ranges[layer] = max(self.ranges.get(layer, 0.0), largest)
        return result


@dataclass(frozen=True)
class LayerError:
    """How far what leaves a layer is from the exact model's.

    Attributes:
        layer, kind: which.
        cosine, least_cosine: of vectors along the last axis, mean and least; 1 where both are zero.
        max_error, mean_error: absolute.
        largest: largest magnitude of the exact values.
        divergence: mean KL(exact || approximate) of the rows of a softmax, else None.
    """

    layer: str
    kind: str
    cosine: float
    least_cosine: float
    max_error: float
    mean_error: float
    largest: float
    divergence: float | None

    @property
    def row(self) -> dict[str, Any]:
        """For the table."""
        return {
            "layer": self.layer,
            "kind": self.kind,
            "1 - cosine": 1 - self.cosine,
            "largest 1 - cosine": 1 - self.least_cosine,
            "max error": self.max_error,
            "mean error": self.mean_error,
            "largest value": self.largest,
            "KL": self.divergence,
        }


def compare(exact: LayerTap, changed: LayerTap) -> list[LayerError]:
    """Every layer of both that gave as many values of the same shapes."""
    found = []
    for layer, values in exact.left.items():
        others = changed.left.get(layer, [])
        if [v.shape for v in values] == [v.shape for v in others] and values:
            found.append(_error(layer, exact.kinds[layer], values, others))
    return found


def divergence(exact: Floats, changed: Floats, floor: float = 2.0**-13) -> float:
    """Mean KL(p || q) in nats of rows along the last axis.

    q is what the approximation gave, no entry taken below `floor`, and normalised, because a grid has zeros.
    """
    p, q = exact.reshape(-1, exact.shape[-1]), np.maximum(changed.reshape(-1, changed.shape[-1]), floor)
    q = q / q.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0.0)
    mean = float(terms.sum(axis=1).mean())
    return 0.0 if abs(mean) < 1e-15 else mean  # rounding of equal rows


def softmax_of(logits: Floats) -> Floats:
    """Probabilities, in float64."""
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def perplexity(logits: Floats, tokens: NDArray[np.int64]) -> float:
    """exp of the mean negative log-likelihood of tokens [batch, n] under logits [batch, n, vocabulary], one behind."""
    p = softmax_of(logits[:, :-1].astype(np.float64))
    chosen = np.take_along_axis(p, tokens[:, 1:, None], axis=-1)
    return float(np.exp(-np.log(np.maximum(chosen, 1e-300)).mean()))


def _leaving(program: Program) -> dict[str, list[Value]]:
    """By layer the floating-point values that other layers, or no layer, read, in order."""
    layer_of = {node.result.number: node.layer for node in program.nodes}
    read_in: dict[int, set[str]] = {}
    for node in program.nodes:
        for value in node.operands:
            read_in.setdefault(value.number, set()).add(node.layer)
    outputs = {value.number for value in program.outputs.values()}
    found: dict[str, list[Value]] = {}
    for node in program.nodes:
        value, readers = node.result, read_in.get(node.result.number, set())
        outside = value.number in outputs or any(reader != layer_of[value.number] for reader in readers)
        if outside and isinstance(value.format, FloatFormat):
            found.setdefault(node.layer, []).append(value)
    return found


def _numbers(value: Value, patterns: NDArray[Any]) -> Floats:
    return np.asarray(value.float_format.from_patterns(patterns).astype(np.float64))


def _error(layer: str, kind: str, exact: list[Floats], changed: list[Floats]) -> LayerError:
    cosines, errors, largest = [], [], 0.0
    for a, b in zip(exact, changed, strict=True):
        rows, others = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
        size = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)
        both_zero = ~(rows.any(axis=1) | others.any(axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine = np.where(both_zero, 1.0, np.where(size > 0, (rows * others).sum(axis=1) / size, 0.0))
        cosines.append(np.minimum(cosine, 1.0))
        errors.append(np.abs(a - b).ravel())
        largest = max(largest, float(np.abs(a).max(initial=0.0)))
    cosine, error = np.concatenate(cosines), np.concatenate(errors)
    kl = [divergence(a, b) for a, b in zip(exact, changed, strict=True)] if kind == "softmax" else []
    return LayerError(
        layer,
        kind,
        float(cosine.mean()),
        float(cosine.min()),
        float(error.max()),
        float(error.mean()),
        largest,
        float(np.mean(kl)) if kl else None,
    )


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
    rows = [(e.layer, e.max_error, e.mean_error, 1 - e.cosine) for e in errors]
    approximation_figure(rows, out / FIGURE[0])
    operators = [_operator(tally.circuit, tally) for tally in tallies if isinstance(tally.circuit, Operator)]
    tables = (
        Table.of("Layer by layer, against the exact model", [e.row for e in errors]),
        Table.of("Operators of LIF populations", operators),
    )
    kl = [e.divergence for e in errors if e.divergence is not None]
    about = [*_NOTES, f"KL of all softmax layers: mean {sum(kl) / len(kl):.3g} nats."] if kl else _NOTES
    return replace(
        run, tables=(*run.tables, *tables), figures=(*run.figures, FIGURE), notes=(*run.notes, *about, *notes)
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
