"""One run of the digits transformer: any executor, the strict reference beside it, PyTorch outside, one report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.executor import LEVELS
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import EXECUTORS, executor_named, measured_notes
from lava_nexus.formats import FloatFormat, UlpSummary, summarise
from lava_nexus.lab.configs.execution import DigitsModel, RunConfig
from lava_nexus.lab.figures.bars import synops_bars
from lava_nexus.lab.figures.circuits import spike_raster
from lava_nexus.lab.report import Run, conclude, run_counts
from lava_nexus.lab.runs import approximation
from lava_nexus.lab.runs.approximation import LayerTap, divergence, softmax_of
from lava_nexus.lab.runs.built import arithmetic_of, figures_of, first_layer_stages
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.models.checkpoint import load_checkpoint
from lava_nexus.models.digits import DIGITS, WEIGHTS, DigitsSplit, digits_program, load_split, patches
from lava_nexus.models.forward import Counts
from lava_nexus.models.placing import place
from lava_nexus.models.stages import Arithmetic
from lava_nexus.programs import Accumulate, Orders, Program
from lava_nexus.progress import doing, say
from lava_nexus.torch.orders import accumulation

Patterns = NDArray[Any]

_QUICK_IMAGES = 12


@dataclass(frozen=True)
class Answer:
    """What an executor answered.

    Attributes:
        logits: patterns [images, classes].
        counts: of the run.
        levels: (process or layer, level at which it ran).
        notes: what a reader should know of how it ran.
    """

    logits: Patterns
    counts: Counts
    levels: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


@marked
def run_digits(config: RunConfig, out: Path, quick: bool = False) -> dict[str, Any]:
    """Runs the model as the config says, writes report and figures to `out`, prints a summary; returns the report.

    With `quick` the first dozen images only.

    Raises:
        NexusError: a checkpoint that does not fit, or a run that failed.
    """
    fmt = config.float_format
    tensors = load_checkpoint(_model(config).checkpoint or WEIGHTS, DIGITS.tensors)
    split = load_split()
    images = min(_model(config).images or len(split.test_labels), _QUICK_IMAGES if quick else len(split.test_labels))
    shrunk(f"{images} of {len(split.test_labels)} images")
    tokens = split.test_tokens[:images]
    patterns = fmt.to_patterns(tokens.astype(fmt.dtype))
    orders = accumulation(config.accumulate, images)
    exact = digits_program(tensors, DIGITS, arithmetic_of(config, orders))
    program = approximate_program(config, tensors, exact, orders, split) if config.approximate else exact

    say(f"executor {config.executor}, {_level(config)}; {images} images of {split.test_tokens.shape[0]}")
    began = time.perf_counter()
    answer = _answer(program, patterns, config)
    seconds = time.perf_counter() - began

    strict = run_program(program, {"tokens": patterns}, ReferenceExecutor()).outputs["logits"][:, 0]
    run = _describe(config, program, answer, strict, split, tokens, tensors, seconds)
    _draw(run, exact, patterns, out)
    if config.approximate:
        run = _with_errors(run, exact, program, patterns, answer, split, out)
    return conclude(run, out)


def approximate_program(
    config: RunConfig,
    tensors: dict[str, NDArray[Any]],
    exact: Program,
    orders: Accumulate | Orders,
    split: DigitsSplit,
    layers: frozenset[str] | None = None,
) -> Program:
    """The model with what the config says by LIF populations, in these layers (None: all), ranges of training images.

    Raises:
        NexusError: a layer that spike counts cannot compute.
    """
    tap = LayerTap()
    if config.linear == "spikes":
        fmt = config.float_format
        images = patches(split.train_images[: config.spikes.calibration])
        tap.run(exact, {"tokens": fmt.to_patterns(images.astype(fmt.dtype))})
    nonlinear, spikes = approximation.nonlinear(config, layers), approximation.spiking(config, tap.ranges, layers)
    return digits_program(
        tensors, DIGITS, Arithmetic(config.float_format, config.basis, orders, nonlinear=nonlinear, spikes=spikes)
    )


def _with_errors(
    run: Run, exact: Program, program: Program, patterns: Patterns, answer: Answer, split: DigitsSplit, out: Path
) -> Run:
    """The report of a run with LIF populations: what they do to accuracy, softmax and hidden states."""
    taps = LayerTap(), LayerTap()
    for tap, which in zip(taps, (exact, program), strict=True):
        tap.run(which, {"tokens": patterns})
    logits, others = (tap.left["classifier"][-1][:, 0] for tap in taps)
    right = share_right(logits, split.test_labels[: len(patterns)])
    notes = [
        f"Accuracy of the exact model on these inputs: {100 * right:.2f} %.",
        f"KL of the answers, softmax of the logits: {divergence(softmax_of(logits), softmax_of(others)):.3g} nats.",
        f"Operators of LIF populations ran as {_LEVELS[run.executor]}.",
    ]
    return approximation.with_errors(run, *taps, answer.counts.tallies, notes, out)


_LEVELS = {
    "reference": "integer programs, without neurons",
    "lava": "vectorised neurons inside the operator Processes",
    "bitsliced": "vectorised neurons",
    "membrane": "vectorised neurons",
}


def _model(config: RunConfig) -> DigitsModel:
    assert isinstance(config.model, DigitsModel)
    return config.model


def _level(config: RunConfig) -> str:
    """At which level neurons will run, before anything does."""
    if config.executor != "lava":
        return f"level {EXECUTORS[config.executor].levels[0]}"
    options = config.executor_options
    told = LEVELS.get(options["level"], options["level"])
    apart = ", ".join(options["neurons"])
    return f"level {told}" + (f"; {apart}: {LEVELS['neurons']}" if apart else "")


def _answer(program: Program, patterns: Patterns, config: RunConfig) -> Answer:
    batch = _model(config).batch
    batched = {"batch": batch} if config.executor == "lava" else {}
    executor = executor_named(config.executor, **(config.executor_options | batched))
    step = len(patterns) if executor.batches else batch
    parts = [
        run_program(program, {"tokens": patterns[start : start + step]}, executor)
        for start in range(0, len(patterns), step)
    ]
    counts = Counts()
    for part in parts:
        counts.add(Counts(part.layers))
    logits = np.concatenate([part.outputs["logits"][:, 0] for part in parts])
    notes = (*parts[-1].notes, *measured_notes(executor.measured_joules))
    return Answer(logits, counts, tuple(parts[-1].levels), notes)


def _describe(
    config: RunConfig,
    program: Program,
    answer: Answer,
    strict: Patterns,
    split: DigitsSplit,
    tokens: NDArray[np.float32],
    tensors: dict[str, NDArray[Any]],
    seconds: float,
) -> Run:
    fmt, images = config.float_format, len(tokens)
    labels = split.test_labels[:images]
    with doing("the same by PyTorch"):
        from lava_nexus.lab.training.witness import witness_logits

        outside = witness_logits(tensors, tokens, precision=np.float64 if fmt.bits > 32 else np.float32)
    placed = config.place and place(program, config.chip, strategy=config.place, seed=config.seed)
    found = run_counts(answer.counts.layers, config.energy_model, images, placed or None)
    return Run(
        title=f"Digits transformer, {fmt}, {config.basis} basis, {config.executor} executor",
        config=config.resolved(),
        executor=config.executor,
        levels=answer.levels,
        inputs=images,
        accuracy_network=share_right(fmt.from_patterns(answer.logits), labels),
        accuracy_pytorch=share_right(outside, labels),
        ulp_strict=summarise(answer.logits, strict, fmt),
        ulp_pytorch=_against_float(answer.logits, outside, fmt),
        error_pytorch=_error(fmt.from_patterns(answer.logits), outside),
        neurons=program.neurons,
        synapses=program.synapses,
        depth=program.depth,
        time_steps=program.depth + images - 1,
        wall_seconds=seconds,
        figures=figures_of(config, found["spikes"] is not None, _FIGURES),
        notes=(
            *answer.notes,
            "Neurons and synapses: an instance of its circuit for every invocation of one image.",
            "Time steps: a new image enters every step and leaves `depth` steps later.",
        ),
        **found,
    )


_FIGURES = (
    ("spikes.png", "The bits of one activation as spikes through the first layer."),
    ("synops.png", "Where the synaptic operations go."),
)


def _draw(run: Run, program: Program, patterns: Patterns, out: Path) -> None:
    spikes, synops = (out / file if (file, caption) in run.figures else None for file, caption in _FIGURES)
    if spikes is not None:
        spike_raster(first_layer_stages(program, patterns), spikes, value=5, title="A pixel becomes part of a sum")
    if synops is not None:
        synops_bars(run.layers, synops)


def share_right(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Share of right answers; a row with NaN has no answer and counts as wrong."""
    values = logits.astype(np.float64)
    answered = ~np.isnan(values).any(axis=1)
    return float((answered & (np.argmax(np.nan_to_num(values), axis=1) == labels)).mean())


def _error(found: NDArray[Any], outside: NDArray[Any]) -> tuple[float, float] | None:
    """(largest absolute error, the same over the largest value); None where a value is not finite."""
    wide, right = found.astype(np.float64), outside.astype(np.float64)
    largest = float(np.abs(wide - right).max(initial=0.0))
    scale = float(np.abs(right).max(initial=0.0))
    return (largest, largest / scale) if np.isfinite(largest) and scale else None


def _against_float(logits: Patterns, outside: NDArray[Any], fmt: FloatFormat) -> UlpSummary:
    return summarise(logits, fmt.to_patterns(outside.astype(fmt.dtype)), fmt)
