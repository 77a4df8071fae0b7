"""The tables that a config asks for beside those of layers and operations.

The linear layer of the component table in codes that take time, and handwritten digits: the transformer by gates beside
lava-dl's bootstrap network.
"""

from __future__ import annotations

import time
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT32, UlpSummary, summarise
from lava_nexus.lab.configs.ulp_tables import DigitsBaselines, ModelTables, UlpTablesConfig
from lava_nexus.lab.published import PublishedRow, published_row
from lava_nexus.lab.trial import unless_quick
from lava_nexus.lab.ulp.components import Feeds, component_feeds, component_program, rounded_once
from lava_nexus.lab.ulp.encoding_table import encoding_section
from lava_nexus.lab.ulp.methods import Section, methods_section
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, digits_program, load_split
from lava_nexus.models.stages import Arithmetic
from lava_nexus.populations.codes import SignedCode, SpikeCode, code_named
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


def sections(config: UlpTablesConfig, folder: Path) -> list[Section]:
    """Measures the tables that the config has and draws their figures in the folder."""
    found = []
    if config.encodings is not None:
        found.append(encoding_section(config.encodings, config.seed, folder))
    if config.methods is not None:
        found.append(methods_section(config.methods, config))
        if config.methods.linear:
            found.append(coded_linear_section(config.methods.codes, config.methods.steps, config))
    if config.digits is not None:
        found.append(digits_section(config.digits, config))
    return found


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
    return model.model_copy(update={"tokens": 4, "architecture": {**model.architecture, **narrow}})


TOGETHER = "forward + backward"
_HEADER = ("code", "T", "part", "max ULP", "mean ULP", "0 ULP, %", "published max", "published mean", "published 0 ULP")


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
            shown.append(_shown(name, steps, part, ulp, beside))
            values.append(_values(name, steps, part, ulp, beside))
    source = published_row("coded_linear", name="rate")
    notes = [
        f"x and dy are spikes over {steps} steps, the largest magnitude of each known beforehand; membranes are "
        f"float64, rounded to {fmt} once. Compared with the strict reference on the component table's inputs.",
        *([f"Published: {source.source}."] if source else []),
    ]
    return Section("coded_linear", "The linear layer in codes that take time", _HEADER, shown, values, notes=notes)


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


def _shown(name: str, steps: int, part: str, ulp: UlpSummary, printed: PublishedRow | None) -> list[Any]:
    beside = [printed[c] if printed else None for c in ("max", "mean", "zero_percent")]
    measured = (f"{ulp.max:,}", f"{ulp.mean:,.3g}", f"{100 * ulp.zero_rate:.1f}")
    return [name, steps, part, *measured, *("-" if f is None else str(f) for f in beside)]


def _values(name: str, steps: int, part: str, ulp: UlpSummary, printed: PublishedRow | None) -> dict[str, Any]:
    beside = {f"published_{k}": f"{f.sign}{f.value:g}" for k, f in printed.figures.items()} if printed else {}
    return {"code": name, "steps": steps, "part": part, **ulp.as_dict(), **beside}


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
        f"{images} test images; spikes and SynOps are means of an inference (a spike times the synapses that it "
        "reaches). Seconds: of the run for the transformer, of training for bootstrap.",
        f"The bootstrap network is a perceptron of 64 input and {options.hidden} hidden CUBA LIF neurons and 10 sums, "
        f"on a constant picture for T steps, trained for {options.epochs} epochs with seed {config.seed}; it is "
        "another and far smaller model than the transformer. It ran in lava-dl's float32 simulator, not on Loihi.",
        "The transformer's neurons and synapses: an instance of its circuit for every invocation of an inference; time "
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
