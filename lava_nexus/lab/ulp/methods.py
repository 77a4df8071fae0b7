"""A feed-forward block by gates, by PyTorch and by codes that take time, and a linear layer in these codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT32, UlpSummary, encode, summarise
from lava_nexus.lab.configs.ulp_tables import MethodOptions, UlpTablesConfig
from lava_nexus.lab.published import PublishedRow, published_row
from lava_nexus.lab.report import Table
from lava_nexus.lab.trial import unless_quick
from lava_nexus.lab.ulp.comparison import NOT_A_NUMBER
from lava_nexus.lab.ulp.components import Feeds, component_feeds, component_program, random_values, rounded_once
from lava_nexus.populations.codes import SignedCode, SpikeCode, code_named
from lava_nexus.programs import Program, Writer, feed_forward
from lava_nexus.torch.orders import accumulation


@dataclass(frozen=True)
class Section:
    """A table whose columns differ from those of the ULP rows.

    Attributes:
        name: of the CSV file and the key in the JSON report.
        title: above the table.
        header, rows: as shown.
        values: one flat dict a row, with full precision, for CSV and JSON.
        figures: file names in the folder of the report.
        notes: sentences below the table.
    """

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    values: Sequence[dict[str, Any]]
    figures: Sequence[str] = ()
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Title, table and notes."""
        return Table(self.title, self.header, self.rows, None, "\n".join(f"- {note}" for note in self.notes)).markdown()


Values = NDArray[Any]

_AGAINST = {"strict": "strict reference", "pytorch": "PyTorch", "exact": "float64 rounded once"}
_HEADER = (
    "method",
    "T",
    "spikes a number",
    *("MSE", "max ULP", "mean ULP", "0 ULP, %"),
    *("published MSE", "published max ULP", "published mean ULP", "published 0 ULP, %"),
    "measured against",
)


@dataclass(frozen=True)
class MethodRow:
    """One method against one yardstick.

    Attributes:
        method: "spatial_bit" (the gates), the name of a code, or "pytorch".
        steps: time steps of a number; None for PyTorch.
        spikes: mean spikes that carry one number of the input; None for PyTorch.
        against: "strict", "pytorch" or "exact".
        mse: mean squared difference.
        ulp: distances.
        published: what is printed, or None.
    """

    method: str
    steps: int | None
    spikes: float | None
    against: str
    mse: float
    ulp: UlpSummary
    published: PublishedRow | None

    def values(self) -> dict[str, Any]:
        """A flat dict for CSV and JSON."""
        found = {k: v for k, v in vars(self).items() if k not in ("ulp", "published")} | self.ulp.as_dict()
        printed = self.published.figures if self.published else {}
        return found | {f"published_{name}": f"{figure.sign}{figure.value:g}" for name, figure in printed.items()}


def methods_section(options: MethodOptions, config: UlpTablesConfig) -> Section:
    """Runs the block by gates and by every code; the codes' numbers are FP32 whatever the config's format."""
    from lava_nexus.lab.ulp.witness import swiglu_in_torch

    fmt = config.float_format
    x, weights = _problem(options, config)
    pytorch = fmt.to_patterns(swiglu_in_torch(x, weights, fmt))
    ours, strict = _by_gates(x, weights, config)
    exact = rounded_once(swiglu_in_torch(x, weights, fmt, double=True), fmt)
    outside = {"strict": strict, "pytorch": pytorch, "exact": exact}
    rows = []
    answers: list[tuple[str, int | None, float | None, Values]] = [
        ("spatial_bit", 1, float(encode(x, fmt).sum() / x.size), ours),
        ("pytorch", None, None, pytorch),
    ]
    for name in options.codes:
        code = code_named(name, options.steps)
        y, sent = coded_swiglu(x, weights, code, config.seed)
        answers.append((name, code.steps, sent, rounded_once(y, fmt)))
    for against, other in outside.items():
        for method, steps, spikes, patterns in answers:
            if method == against:
                continue
            difference = fmt.from_patterns(patterns).astype(np.float64) - fmt.from_patterns(other).astype(np.float64)
            printed = unless_quick(published_row("methods", name=method)) if fmt == FLOAT32 else None
            mse = float(np.mean(difference**2))
            rows.append(MethodRow(method, steps, spikes, against, mse, summarise(patterns, other, fmt), printed))
    return Section(
        "methods",
        f"Methods: a feed-forward block {options.width} to {options.hidden} to {options.width}",
        _HEADER,
        [_shown(row) for row in rows],
        [row.values() for row in rows],
        notes=_notes(options, rows),
    )


def coded_swiglu(
    x: Values, weights: dict[str, Values], code: SpikeCode, seed: int
) -> tuple[NDArray[np.float64], float]:
    """(silu(x gate^T) * (x up^T)) down^T with x and the hidden numbers as spikes of a code; also spikes a number of x.

    What the codes cannot do is given to them: the largest magnitude of each tensor is known beforehand, membranes are
    float64, and silu and the product act on what the membranes hold after T steps.
    """
    into = SignedCode(code, _largest(x), seed)
    spikes = into.encode(x)
    gate, up = into.synaptic_sums(spikes, weights["gate"]), into.synaptic_sums(spikes, weights["up"])
    hidden = gate / (1.0 + np.exp(-gate)) * up
    out = SignedCode(code, _largest(hidden), seed + 1)
    return out.synaptic_sums(out.encode(hidden), weights["down"]), float(spikes.sum() / x.size)


def _problem(options: MethodOptions, config: UlpTablesConfig) -> tuple[Values, dict[str, Values]]:
    shapes = {
        "gate": (options.hidden, options.width),
        "up": (options.hidden, options.width),
        "down": (options.width, options.hidden),
    }
    fmt = config.float_format
    x = random_values(config.seed, "methods x", (options.tokens, options.width), fmt)
    weights = {
        name: (random_values(config.seed, f"methods {name}", shape, FLOAT32) * np.float32(shape[1] ** -0.5))
        for name, shape in shapes.items()
    }
    return x, {name: weight.astype(fmt.dtype) for name, weight in weights.items()}


def _by_gates(x: Values, weights: dict[str, Values], config: UlpTablesConfig) -> tuple[Values, Values]:
    """Patterns by neurons, and by the strict reference on the same program."""
    fmt = config.float_format
    w = Writer(Program("feed_forward"), fmt, config.basis, accumulation(config.accumulate))
    value = w.program.input("x", x.shape, fmt)
    constants = {f"{name}.weight": w.constant(weights[name]) for name in ("gate", "up", "down")}
    w.program.outputs["y"] = feed_forward(w.inside("feed_forward"), value, constants)
    feeds = {"x": fmt.to_patterns(x)[None]}
    ours = run_program(w.program, feeds, executor_named(config.executor, count=False)).outputs["y"][0]
    return ours, run_program(w.program, feeds, ReferenceExecutor()).outputs["y"][0]


def _largest(values: Values) -> float:
    return float(np.abs(values.astype(np.float64)).max()) or 1.0


def _notes(options: MethodOptions, rows: list[MethodRow]) -> list[str]:
    source = next((row.published.source for row in rows if row.published), None)
    notes = [
        f"x is [{options.tokens}, {options.width}] from N(0, 1), weights are from N(0, 1 / inputs), so that hidden and "
        "output numbers are of the order of 1; the paper states neither.",
        "The codes are favoured: the largest magnitude of each tensor is known beforehand, membranes are float64, and "
        "silu and the product act on what the membranes hold after T steps. What is left is the error of the code.",
        "T is the time steps of one number; spatial bits take one step and a channel a bit. Spikes are those that "
        "carry one number of x.",
    ]
    return [*notes, f"Published: {source}."] if source else notes


def _shown(row: MethodRow) -> list[Any]:
    printed = [None if row.published is None else row.published[c] for c in ("mse", "max", "mean", "zero_percent")]
    largest = "NaN" if row.ulp.max == NOT_A_NUMBER else f"{row.ulp.max:,}"
    return [
        *(row.method, row.steps, None if row.spikes is None else round(row.spikes, 1)),
        *(f"{row.mse:.3g}", largest, f"{row.ulp.mean:,.3g}", f"{100 * row.ulp.zero_rate:.1f}"),
        *("-" if figure is None else str(figure) for figure in printed),
        _AGAINST[row.against],
    ]


TOGETHER = "forward + backward"
_OF_CODES = (
    "code",
    "T",
    "part",
    "max ULP",
    "mean ULP",
    "0 ULP, %",
    "published max",
    "published mean",
    "published 0 ULP",
)


def coded_linear_section(codes: tuple[str, ...], steps: int, config: UlpTablesConfig) -> Section:
    """ULP of every part in every code against the strict reference, on the first of the config's numbers of inputs."""
    fmt = config.float_format
    problems = ceil(min(config.inputs) / (config.tokens * config.width))
    feeds = component_feeds("linear", config, problems)
    patterns = {key: fmt.to_patterns(values) for key, values in feeds.items()}
    strict = run_program(component_program("linear", config), patterns, ReferenceExecutor()).outputs
    shown, values = [], []
    for name in codes:
        found = {part: rounded_once(y, fmt) for part, y in coded_linear(feeds, code_named(name, steps)).items()}
        parts = {part: (found[part], strict[part]) for part in found}
        joined = [np.concatenate([pair[side].ravel() for pair in parts.values()]) for side in (0, 1)]
        printed = unless_quick(published_row("coded_linear", name=name)) if fmt == FLOAT32 else None
        for part, (ours, right) in {TOGETHER: joined, **parts}.items():
            ulp = summarise(ours, right, fmt)
            beside = printed if part == TOGETHER else None
            shown.append(_coded_shown(name, steps, part, ulp, beside))
            values.append(_coded_values(name, steps, part, ulp, beside))
    source = published_row("coded_linear", name="rate")
    notes = [
        f"x and dy are spikes over {steps} steps, the largest magnitude of each known beforehand; membranes are "
        f"float64, rounded to {fmt} once. Compared with the strict reference on the component table's inputs.",
        *([f"Published: {source.source}."] if source else []),
    ]
    return Section("coded_linear", "The linear layer in codes that take time", _OF_CODES, shown, values, notes=notes)


def coded_linear(feeds: Feeds, code: SpikeCode, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Every problem's y, dx, dweight and dbias, with x and dy as spikes of a code.

    The gradient of the weight multiplies two coded tensors: what x's spikes mean is summed over dy's.
    """
    x, dy = (
        SignedCode(code, float(np.abs(feeds[key].astype(np.float64)).max()), seed + i)
        for i, key in enumerate(("x", "dy"))
    )
    parts: dict[str, list[Any]] = {"forward": [], "grad x": [], "grad weight": [], "grad bias": []}
    for i in range(len(feeds["x"])):
        weight = feeds["weight"][i].astype(np.float64)
        x_spikes, dy_spikes = x.encode(feeds["x"][i]), dy.encode(feeds["dy"][i])
        parts["forward"].append(x.synaptic_sums(x_spikes, weight) + feeds["bias"][i].astype(np.float64))
        parts["grad x"].append(dy.synaptic_sums(dy_spikes, weight.T))
        by_output = np.swapaxes(dy_spikes, -1, -2)
        parts["grad weight"].append(dy.synaptic_sums(by_output, x.decode(x_spikes).T))
        parts["grad bias"].append(dy.decode(dy_spikes).sum(axis=0))
    return {part: np.stack(arrays) for part, arrays in parts.items()}


def _coded_shown(name: str, steps: int, part: str, ulp: UlpSummary, printed: PublishedRow | None) -> list[Any]:
    beside = [printed[c] if printed else None for c in ("max", "mean", "zero_percent")]
    measured = (f"{ulp.max:,}", f"{ulp.mean:,.3g}", f"{100 * ulp.zero_rate:.1f}")
    return [name, steps, part, *measured, *("-" if f is None else str(f) for f in beside)]


def _coded_values(name: str, steps: int, part: str, ulp: UlpSummary, printed: PublishedRow | None) -> dict[str, Any]:
    beside = {f"published_{k}": f"{f.sign}{f.value:g}" for k, f in printed.figures.items()} if printed else {}
    return {"code": name, "steps": steps, "part": part, **ulp.as_dict(), **beside}
