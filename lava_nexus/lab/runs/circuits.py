"""Circuits by themselves: the table of what each is made of and does.

What a circuit is made of is read off its network, what it does is counted in a run.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.config import did_you_mean
from lava_nexus.errors import NexusError
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import format_named
from lava_nexus.lab.configs.tables import CircuitTableConfig
from lava_nexus.lab.figures.circuits import CircuitSize, neuron_figure, tradeoff_figure
from lava_nexus.lab.published import published
from lava_nexus.lab.report import Report, Table, columns, conclude
from lava_nexus.lab.spread import spread
from lava_nexus.lab.trial import marked, smaller, unless_quick
from lava_nexus.neurons import Port

# Where a negative operand has no result, |N(0, 1)| is drawn.
_POSITIVE = {"sqrt", "rsqrt", "log"}
_ALWAYS_CORRECT = 16  # bits of a format up to which every function is correctly rounded
_QUICK_OPERATIONS, _QUICK_FORMATS, _QUICK_INPUTS = ("add", "mul", "sqrt"), ("float8_e4m3fn", "float16"), 256


@dataclass(frozen=True)
class CircuitRow:
    """One circuit.

    Attributes:
        operation, format, to, basis, style: what it is; `to` is the format of the result, "bit" for one plain bit.
        neurons: relays included.
        relays: neurons that only delay.
        synapses: those of inputs and strobe included.
        depth: time steps from operands to result.
        fan_in: largest number of synapses of a neuron.
        weight: largest magnitude of a weight.
        strobed: neurons that hang on the strobe.
        spikes, synops: mean an operation, None where not counted.
        nexus, mofneurosim: neurons as published (arXiv 2601.21279 and 2512.07724), None where not printed.
    """

    operation: str
    format: str
    to: str
    basis: str
    style: str
    neurons: int
    relays: int
    synapses: int
    depth: int
    fan_in: int
    weight: int
    strobed: int
    spikes: float | None
    synops: float | None
    nexus: int | None
    mofneurosim: int | None


_SHOWN = (
    *("operation", "format", "to", "basis", "style", "neurons"),
    *("of them relays", "synapses", "depth", "largest fan-in", "largest weight", "strobed"),
    *("spikes an operation", "SynOps an operation", "NEXUS prints", "MofNeuroSim prints"),
)


@marked
def run_circuit_table(config: CircuitTableConfig, out: Path, quick: bool = False) -> list[CircuitRow]:
    """Builds and runs the circuits, writes circuits.md, .csv, .json and neurons.png to `out`; returns the rows.

    With more than one style, styles.png too: neurons against depth in the format of most bits.

    Raises:
        NexusError: an operation that does not exist.
    """
    config = smaller(config, _small(config)) if quick else config
    found = spread(config.cluster, _of_format, config, _asked(config), "counting", "operations")
    rows, left_out = [row for of, _ in found for row in of], [sentence for _, of in found for sentence in of]
    sizes = [
        CircuitSize(row.operation, row.format, row.basis, row.style, row.neurons, row.depth)
        for row in rows
        if row.operation in OPERATIONS
    ]
    beside: dict[tuple[str, str], Any] = unless_quick(published("neurons")["nexus"]) or {}
    printed = {name: entry.neurons for (name, fmt), entry in beside.items() if fmt == "float32"}
    neuron_figure([size for size in sizes if size.style == config.styles[0]], printed, out / "neurons.png")
    if len(config.styles) > 1:
        widest = max({size.format for size in sizes}, key=lambda name: format_named(name).bits)
        built = [size for size in sizes if size.format == widest and size.basis == "threshold"]
        tradeoff_figure(built, f"Two styles of the same {widest} operations", out / "styles.png")
    conclude(_report(rows, left_out, {**config.resolved(), "quick": quick}), out)
    return rows


def _small(config: CircuitTableConfig) -> CircuitTableConfig:
    """The first formats of few bits, three operations, few operand sets."""
    operations = config.operations[:3] if config.operations is not None else _QUICK_OPERATIONS
    formats = tuple(name for name in config.formats if name in _QUICK_FORMATS) or config.formats[:1]
    update = {"operations": operations, "formats": formats, "inputs": min(config.inputs, _QUICK_INPUTS)}
    return config.model_copy(update=update)


def _asked(config: CircuitTableConfig) -> list[tuple[str, str]]:
    """(operation, format)."""
    names = config.operations or tuple(OPERATIONS)
    for name in names:
        if name not in OPERATIONS:
            raise NexusError(f"'operations' holds '{name}', which does not exist{did_you_mean(name, OPERATIONS)}")
    return [(name, fmt) for name in names for fmt in config.formats]


def _of_format(config: CircuitTableConfig, asked: tuple[str, str]) -> tuple[list[CircuitRow], list[str]]:
    """(rows of an operation in a format, what was left out)."""
    left_out: list[str] = []
    made = _circuits(*asked, config, left_out)
    return [_row(one, name, fmt, style, config) for name, fmt, style, one in made], left_out


def _circuits(
    name: str, fmt: str, config: CircuitTableConfig, left_out: list[str]
) -> Iterator[tuple[str, str, str, Circuit]]:
    """(operation, format, style, circuit); a network that another style gave already is not given again."""
    if config.operations is None and fmt == "float64" and "terms" in OPERATIONS[name].options:
        left_out.append(f"{name} {fmt}: a sum of thousands of places, counted where it is asked for by name")
        return
    yield from _styles(name, fmt, config, left_out)
    if "threshold" in config.bases and format_named(fmt).bits > _ALWAYS_CORRECT and _rounds(name):
        try:
            made = _circuit(name, fmt, "threshold", "neurons", config.max_delay, rounding="correct")
            yield f"{name}, rounding correct", fmt, "neurons", made
        except NexusError as error:
            left_out.append(f"{name} {fmt}, rounding correct: {error}")


def _styles(
    name: str, fmt: str, config: CircuitTableConfig, left_out: list[str]
) -> Iterator[tuple[str, str, str, Circuit]]:
    seen: set[str] = set()
    for basis in config.bases:
        for style in config.styles if basis == "threshold" else ("neurons",):
            try:
                made = _circuit(name, fmt, basis, style, config.max_delay)
            except NexusError as error:
                left_out.append(f"{name} {fmt}, {basis} basis: {error}")
                continue
            if made.digest not in seen:
                yield name, fmt, style, made
            seen.add(made.digest)


def _rounds(name: str) -> bool:
    """Whether the function can be had correctly rounded on every input."""
    return "rounding" in OPERATIONS[name].options and "correct" in OPERATIONS[name].options["rounding"].allowed


def _circuit(name: str, fmt: str, basis: str, style: str, max_delay: int, **options: Any) -> Circuit:
    return circuit(name, format_named(fmt), basis=basis, style=style, max_delay=max_delay, **options)


def _row(made: Circuit, name: str, fmt: str, style: str, config: CircuitTableConfig) -> CircuitRow:
    network = made.network
    spikes, synops = _counted(made, name, config)
    return CircuitRow(
        operation=name,
        format=fmt,
        to=str(made.output.format or ("bit" if made.output.width == 1 else f"{made.output.width} bits")),
        basis=made.basis,
        style=style,
        neurons=network.neurons,
        relays=network.relays,
        synapses=network.synapses,
        depth=network.depth,
        fan_in=int(np.diff(network.offsets).max(initial=0)),
        weight=int(np.abs(network.weights).max(initial=0)),
        strobed=network.strobed,
        spikes=spikes,
        synops=synops,
        nexus=_printed("nexus", name, fmt),
        mofneurosim=_printed("mofneurosim", name, fmt),
    )


def _printed(paper: str, name: str, fmt: str) -> int | None:
    entry = unless_quick(published("neurons")[paper].get((name, fmt)))
    return None if entry is None else entry.neurons


def _counted(made: Circuit, name: str, config: CircuitTableConfig) -> tuple[float | None, float | None]:
    """Mean spikes and SynOps an operation over one run."""
    if not config.inputs:
        return None, None
    rng = np.random.default_rng([config.seed, zlib.crc32(name.encode())])
    executor = executor_named(config.executor)
    executor.invoke(made, [random_operand(port, config.inputs, name in _POSITIVE, rng) for port in made.inputs])
    tally = next(iter(executor.tallies))
    return round(tally.spikes / config.inputs, 1), round(tally.synops / config.inputs, 1)


def random_operand(port: Port, size: int, positive: bool, rng: np.random.Generator) -> NDArray[Any]:
    """N(0, 1) rounded to the port's format; uniform bits where it has none."""
    if port.format is None:
        full = (1 << port.width) - 1
        return rng.integers(0, full, size, dtype=np.uint64, endpoint=True).astype(port.pattern_dtype)
    values = rng.standard_normal(size)
    rounded = (np.abs(values) if positive else values).astype(port.format.dtype)
    return np.ascontiguousarray(rounded).view(port.format.pattern_dtype)


def _report(rows: list[CircuitRow], left_out: list[str], config: dict[str, Any]) -> Report:
    """Counts of a hundred and more are shown without decimals."""
    cells = [
        [round(value) if isinstance(value, float) and value >= 100 else value for value in astuple(row)] for row in rows
    ]
    records = [asdict(row) for row in rows]
    counted = (
        f"Spikes and SynOps: mean over {config['inputs']:,} operand sets from N(0, 1) (|N(0, 1)| for "
        f"{', '.join(sorted(_POSITIVE))}; uniform bits for integers), seed {config['seed']}, {config['executor']} "
        "executor; SynOps include the synapses of inputs and strobe."
    )
    sources = {
        f"{name} {fmt} ({paper})": entry.source
        for paper, entries in published("neurons").items()
        for (name, fmt), entry in entries.items()
    }
    figures = [("neurons.png", "Neurons of every operation, by format and basis.")]
    figures += [("styles.png", "Neurons against depth, by style.")] if len(config["styles"]) > 1 else []
    return Report(
        title="Circuits",
        name="circuits",
        config=config,
        tables=[Table("", _SHOWN, cells, None)],
        figures=figures,
        notes=[
            f"Neurons include relays, at a largest synaptic delay of {config['max_delay']}.",
            counted if config["inputs"] else "Spikes and SynOps: not counted, inputs is 0.",
            *(f"Left out: {sentence}." for sentence in left_out),
        ],
        values={"circuits": records, "published": sources},
        data={"circuits.csv": columns(records)},
    )
