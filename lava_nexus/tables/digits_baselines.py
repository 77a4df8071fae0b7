"""Handwritten digits: the transformer by gates beside lava-dl's bootstrap network, accuracy and SynOps."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from lava_nexus.config.ulp_tables import DigitsBaselines, UlpTablesConfig
from lava_nexus.executors.interpret import run_program
from lava_nexus.executors.reference import ReferenceExecutor
from lava_nexus.executors.run import executor_named
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits.data import load_split
from lava_nexus.models.digits.program import digits_program
from lava_nexus.models.digits.spec import DIGITS, WEIGHTS
from lava_nexus.tables.section import Section
from lava_nexus.torch.orders import accumulation

_COLUMNS = ("network", "accuracy, %", "time steps", "neurons", "synapses", "spikes", "SynOps", "seconds")


def digits_section(options: DigitsBaselines, config: UlpTablesConfig) -> Section:
    """Runs the transformer, trains and runs a bootstrap network for each number of steps."""
    from lava_nexus.baselines.bootstrap import bootstrap_digits

    rows = _transformer(options, config)
    for steps in options.steps:
        found = bootstrap_digits(options.hidden, steps, options.epochs, config.seed, options.images)
        rows.append(
            _row(
                f"lava-dl bootstrap, rate coded, {options.hidden} hidden neurons",
                *(found.accuracy, steps, found.neurons, found.synapses, found.spikes, found.synops, found.seconds),
            )
        )
        rows.append(_row(f"the ANN that stood in for it, T = {steps}", found.accuracy_ann))
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
    from lava_nexus.models.digits.witness import witness_logits

    fmt, split = config.float_format, load_split()
    tensors = load_checkpoint(WEIGHTS, DIGITS.tensors)
    tokens, labels = split.test_tokens[: options.images], split.test_labels[: options.images]
    program = digits_program(tensors, DIGITS, fmt, config.basis, accumulation(config.accumulate, len(labels)))
    patterns = {"tokens": fmt.to_patterns(tokens.astype(fmt.dtype))}
    began = time.perf_counter()
    ran = run_program(program, patterns, executor_named(config.executor))
    seconds = time.perf_counter() - began
    logits, strict = ran.outputs["logits"][:, 0], run_program(program, patterns, ReferenceExecutor()).outputs["logits"]
    tallies = list(ran.tallies)
    counted = all(tally.spikes is not None for tally in tallies)
    counts = [
        sum(getattr(t, name) for t in tallies) / len(labels) if counted else None for name in ("spikes", "synops")
    ]

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
