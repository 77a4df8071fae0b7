"""The ULP tables: layers forward and backward, and single operations, by neurons, reference, PyTorch and float64.

Beside them the tables that a config asks for, handwritten digits among them: the transformer by gates and lava-dl's
bootstrap network.
"""

from __future__ import annotations

import time
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import circuit
from lava_nexus.circuits.operations import OPERATIONS
from lava_nexus.config import did_you_mean
from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.lab.configs.ulp_tables import DigitsBaselines, ModelTables, UlpTablesConfig
from lava_nexus.lab.report import conclude
from lava_nexus.lab.spread import spread
from lava_nexus.lab.trial import marked, smaller
from lava_nexus.lab.ulp.comparison import Answers, UlpRow, joined, row
from lava_nexus.lab.ulp.components import (
    Feeds,
    component_feeds,
    component_program,
    fused_multiply_add,
    random_values,
)
from lava_nexus.lab.ulp.encoding_table import encoding_section
from lava_nexus.lab.ulp.methods import TOGETHER, Section, coded_linear_section, methods_section
from lava_nexus.lab.ulp.report import ulp_report
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split
from lava_nexus.models.stages import Arithmetic
from lava_nexus.progress import doing
from lava_nexus.torch.orders import accumulation

_NARROW = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 64,
    "num_hidden_layers": 2,
}
_INPUTS, _SEEDS, _WIDTH, _IMAGES = 1024, 3, 32, 1


def small(config: UlpTablesConfig) -> UlpTablesConfig:
    """The same tables in a few seconds: 1,024 inputs, three seeds, a narrow block and model."""
    update: dict[str, object] = {"inputs": tuple(sorted({min(n, _INPUTS) for n in config.inputs}))}
    if config.encodings is not None:
        update["encodings"] = None  # every row of it is a published one
    if config.methods is not None:
        widths = {"width": min(config.methods.width, _WIDTH), "hidden": min(config.methods.hidden, 3 * _WIDTH)}
        update["methods"] = config.methods.model_copy(update=widths)
    if config.digits is not None:
        update["digits"] = config.digits.model_copy(update={"images": _IMAGES, "steps": (8,), "epochs": 2})
    if config.model is not None:
        update["model"] = _small_model(config.model)
    return config.model_copy(update=update)


def _small_model(model: ModelTables) -> ModelTables:
    """At most two layers of a narrow model with four tokens; a checkpoint keeps its shape."""
    if model.architecture is None:
        return model.model_copy(update={"tokens": 2})
    narrow = {k: min(v, most) for k, most in _NARROW.items() if isinstance(v := model.architecture.get(k), int)}
    if "partial_rotary_factor" in model.architecture:
        narrow["partial_rotary_factor"] = 1  # of few channels a share may be odd
    return model.model_copy(update={"tokens": 4, "architecture": {**model.architecture, **narrow}})


_COLUMNS = ("network", "accuracy, %", "time steps", "neurons", "synapses", "spikes", "SynOps", "seconds")


def digits_section(options: DigitsBaselines, config: UlpTablesConfig) -> Section:
    """Runs the transformer, trains and runs a bootstrap network for each number of steps."""
    from lava_nexus.lab.training.baselines import bootstrap_digits

    rows = _transformer(options, config)
    for steps in options.steps:
        found = bootstrap_digits(options.hidden, steps, options.epochs, config.seed, options.images)
        rows.append(
            _row(
                f"lava-dl bootstrap, rate coded, {options.hidden} hidden neurons",
                *(found.accuracy, steps, found.neurons, found.synapses, found.spikes, found.synops, found.seconds),
            )
        )
        rows.append(_row(f"the ANN that stood in for it, T = {steps}", found.accuracy_ann or 0.0))
    images = options.images or len(load_split().test_labels)
    notes = [
        f"{images} test images; spikes and SynOps are means of an image (a spike times the synapses that it "
        "reaches). Seconds: of the run for the transformer, of training for bootstrap.",
        f"The bootstrap network is a perceptron of 64 input and {options.hidden} hidden CUBA LIF neurons and 10 sums, "
        f"on a constant picture for T steps, trained for {options.epochs} epochs with seed {config.seed}; it is "
        "another and far smaller model than the transformer. It ran in lava-dl's float32 simulator, not on Loihi.",
        "The transformer's neurons and synapses: an instance of its circuit for every invocation of an image; time "
        "steps: from a picture to its answer.",
    ]
    shown = [[_cell(row.get(column)) for column in _COLUMNS] for row in rows]
    return Section("digits", "Handwritten digits: gates and lava-dl's bootstrap", _COLUMNS, shown, rows, notes=notes)


def _transformer(options: DigitsBaselines, config: UlpTablesConfig) -> list[dict[str, Any]]:
    from lava_nexus.lab.training.witness import witness_logits

    fmt, split = config.float_format, load_split()
    tensors = load_checkpoint(WEIGHTS, DIGITS.tensors)
    tokens, labels = split.test_tokens[: options.images], split.test_labels[: options.images]
    how = Arithmetic(fmt, config.basis, accumulation(config.accumulate, len(labels)))
    program = digits_program(tensors, DIGITS, how)
    patterns = {"tokens": fmt.to_patterns(tokens.astype(fmt.dtype))}
    began = time.perf_counter()
    ran = run_program(program, patterns, executor_named(config.executor))
    seconds = time.perf_counter() - began
    logits, strict = ran.outputs["logits"][:, 0], run_program(program, patterns, ReferenceExecutor()).outputs["logits"]
    counts = [None if n is None else n / len(labels) for n in (ran.tallies.spikes, ran.tallies.synops)]

    def accuracy(values: Any) -> float:
        return float((np.argmax(values.astype(np.float64), axis=1) == labels).mean())

    unequal = int((logits != strict[:, 0]).sum())
    name = f"digits transformer by gates, {fmt}, {unequal} bits unequal to the strict reference"
    outside = witness_logits(tensors, tokens)
    size = (program.depth, program.neurons, program.synapses)
    return [
        _row(name.replace("bits", "results"), accuracy(fmt.from_patterns(logits)), *size, *counts, seconds),
        _row("the same transformer in PyTorch, float32", accuracy(outside)),
    ]


def _row(network: str, accuracy: float, *rest: float | None) -> dict[str, Any]:
    return {"network": network, "accuracy, %": 100 * accuracy, **dict(zip(_COLUMNS[2:], rest, strict=False))}


def _cell(value: Any) -> Any:
    return round(value, 2 if value < 1000 else None) if isinstance(value, float) else value


Values = NDArray[Any]

# Where a negative operand has no result, |N(0, 1)| is drawn.
_POSITIVE = ("sqrt", "rsqrt", "log")


@marked
def run_ulp_tables(config: UlpTablesConfig, out: Path, quick: bool = False) -> list[UlpRow]:
    """Measures every row, writes ulp_tables.{md,csv,json} and figures to `out`, prints the tables; returns the rows.

    With `quick` the tables of `small`.

    Raises:
        NexusError: an operation that does not exist or gives a bit, or, after the report is written, a row in which the
            neurons differ from the strict reference.
    """
    if quick:
        config = smaller(config, small(config))
    names = _operations(config)
    measured: list[tuple[str, str]] = [("component", name) for name in config.components]
    measured += [("operation", name) for name in names]
    measured += [] if config.model is None else [("model", "")]
    parts = [*measured, *((name, "") for name in _SECTIONS if _asked(config, name))]
    found = spread(config.cluster, _part, config, parts, "ULP", "tables", of_processor=True)
    rows = [one for of_part, _ in found[: len(measured)] for one in of_part]
    ran = next((ran for _, ran in found[: len(measured)] if ran is not None), None)
    drawn = [] if config.encodings is None else [encoding_section(config.encodings, config.seed, out)]
    conclude(ulp_report(rows, [*drawn, *found[len(measured) :]], config.resolved(), out, ran), out)
    return rows


_SECTIONS = ("methods", "codes", "digits")


def _asked(config: UlpTablesConfig, name: str) -> bool:
    if name == "digits":
        return config.digits is not None
    return config.methods is not None and (name == "methods" or config.methods.linear)


def _part(config: UlpTablesConfig, part: tuple[str, str]) -> Any:
    """(rows, how it ran) of a component, an operation or the model, or a table whose columns differ from theirs."""
    with doing(" ".join(part).strip()):
        return _measured(config, *part)


def _measured(config: UlpTablesConfig, kind: str, name: str) -> Any:
    if kind == "component":
        return _component_rows(name, config), None
    if kind == "operation":
        return _operation_rows(name, config), None
    if kind == "model":
        from lava_nexus.lab.ulp.models import model_rows

        assert config.model is not None
        return model_rows(config.model, config)
    if kind == "digits":
        assert config.digits is not None
        return digits_section(config.digits, config)
    assert config.methods is not None
    if kind == "methods":
        return methods_section(config.methods, config)
    return coded_linear_section(config.methods.codes, config.methods.steps, config)


def _component_rows(name: str, config: UlpTablesConfig) -> list[UlpRow]:
    """A row for each part and number of inputs; the smaller numbers are the first problems of the largest."""
    from lava_nexus.lab.ulp.witness import component_in_torch

    fmt, each = config.float_format, config.tokens * config.width
    problems = {ceil(n / each): ceil(n / each) * each for n in config.inputs}
    feeds = component_feeds(name, config, max(problems))
    eps = float(np.float32(config.eps).astype(fmt.dtype))  # as the program rounds it
    pytorch, double = (component_in_torch(name, feeds, eps, fmt, double=wide) or {} for wide in (False, True))
    ours, strict = _by_program(name, config, feeds)
    parts = {
        part: Answers.of(patterns, strict[part], pytorch.get(part), double.get(part), fmt)
        for part, patterns in ours.items()
    }
    found = []
    for count, inputs in problems.items():
        heads = {part: answers.head(count) for part, answers in parts.items()}
        if len(heads) > 1:
            found.append(row("component", name, TOGETHER, inputs, joined(list(heads.values())), fmt))
        found += [row("component", name, part, inputs, answers, fmt) for part, answers in heads.items()]
    return found


def _by_program(name: str, config: UlpTablesConfig, feeds: Feeds) -> tuple[Feeds, Feeds]:
    """Patterns by part: by neurons, and by the reference on the same program."""
    program = component_program(name, config)
    patterns = {key: config.float_format.to_patterns(values) for key, values in feeds.items()}
    ours = run_program(program, patterns, executor_named(config.executor, count=False))
    return ours.outputs, run_program(program, patterns, ReferenceExecutor()).outputs


def _operations(config: UlpTablesConfig) -> list[str]:
    from lava_nexus.lab.ulp.witness import IN_TORCH

    if config.operations is None:
        return [name for name in OPERATIONS if name in IN_TORCH or name == "fma"]
    for name in config.operations:
        if name not in OPERATIONS:
            raise NexusError(f"'operations' names '{name}', which does not exist{did_you_mean(name, OPERATIONS)}")
        if OPERATIONS[name].predicate:
            raise NexusError(f"'operations' names '{name}', whose result is a bit and has no ULP")
    return list(config.operations)


def _operation_rows(name: str, config: UlpTablesConfig) -> list[UlpRow]:
    """A row for each number of inputs."""
    from lava_nexus.lab.ulp.witness import operation_in_torch

    fmt = config.float_format
    unit = circuit(name, fmt, basis=config.basis)
    operands = [random_values(config.seed, f"{name} {port.name}", (max(config.inputs),), fmt) for port in unit.inputs]
    if name in _POSITIVE:
        operands = [abs(operand) for operand in operands]
    patterns = [fmt.to_patterns(operand) for operand in operands]
    double = fused_multiply_add(*operands) if name == "fma" else operation_in_torch(name, operands, fmt, double=True)
    answers = Answers.of(
        executor_named(config.executor, count=False).invoke(unit, patterns),
        ReferenceExecutor().invoke(unit, patterns),
        operation_in_torch(name, operands, fmt),
        double,
        fmt,
    )
    return [row("operation", name, "", n, answers.head(n), fmt) for n in config.inputs]
