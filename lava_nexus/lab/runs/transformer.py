"""One run of a transformer: any executor, the strict reference beside it step by step, one report."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.crew import crew
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tallies
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named, measured_notes
from lava_nexus.execute.tiled import TiledExecutor, Tiling
from lava_nexus.formats import FloatFormat, UlpSummary, summarise
from lava_nexus.lab.configs.execution import RunConfig, TransformerModel
from lava_nexus.lab.figures.bars import synops_bars
from lava_nexus.lab.figures.circuits import spike_raster
from lava_nexus.lab.report import Run, conclude, run_counts
from lava_nexus.lab.runs.approximation import LayerTap, by_populations, divergence, perplexity, softmax_of, with_errors
from lava_nexus.lab.runs.built import built, figures_of, first_layer_stages
from lava_nexus.lab.runs.job import Job, Step, StepStore, advance, generated, invoked, stopped, through
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.models.forward import Counts, Tokens
from lava_nexus.models.generation import LENGTH, Sampling
from lava_nexus.models.model import Model, token_array
from lava_nexus.models.placing import pass_workload, place
from lava_nexus.models.tensors import TensorSource
from lava_nexus.models.text import decoded, encoded, prompted
from lava_nexus.populations.catalogue import GATES
from lava_nexus.programs import Program, linear
from lava_nexus.programs.transformer import norm
from lava_nexus.progress import Work, warn
from lava_nexus.store import processor

Patterns = NDArray[Any]

_STRICT = "strict "
_BLOCK = re.compile(r"^block\d+\.")
_FIGURES = (
    ("spikes.png", "The bits of one activation as spikes through the first product with weights."),
    ("synops.png", "Where the synaptic operations go."),
)


@marked
def run_transformer(
    config: RunConfig, out: Path, quick: bool = False, resume: bool = False, restart: bool = False
) -> dict[str, Any]:
    """Runs the model as the config says, writes report and figures to `out`, prints a summary; returns the report.

    With `quick` one layer and two tokens, of random weights an eighth of the width. Each finished step is kept in
    `out`/steps until the report is written; with `resume` those are not run again, with `restart` they are removed.

    Raises:
        NexusError: a checkpoint, tokens or steps that do not fit, steps of a run that was ended without a word what to
            do with them, or a run that failed.
    """
    exact = job_of(config, quick)
    job = replace(exact, model=by_populations(config, exact.model, lambda tap: through(exact, exact.model, tap)))
    store = StepStore(out / "steps", _identity(config, job))
    store.begin(resume, restart)
    with _executors(config, job, quick) as (executor, strict):
        steps = _run(job, executor, strict, store)
    report = conclude(_report(config, job, executor, steps, out), out)
    store.clear()
    return report


@contextmanager
def _executors(config: RunConfig, job: Job, quick: bool) -> Iterator[tuple[Executor, Executor]]:
    """The config's executor and the reference, whose sums with weights a cluster forms where there is one."""
    if config.cluster is None:
        yield executor_named(config.executor, **config.executor_options), ReferenceExecutor()
        return
    arithmetic = job.model.arithmetic
    held = [
        f"{key} '{value}'"
        for key, value, plain in (
            ("product", arithmetic.product, None),
            ("weights", arithmetic.weights, "operand"),
            ("weight_format", arithmetic.weight_format, None),
            ("linear", "spikes" if arithmetic.spikes else None, None),
        )
        if value != plain
    ]
    if held:
        raise NexusError(f"{held[0]} makes weights part of the circuits; a cluster's tiles take them as operands")
    read = partial(_weights, config, quick) if config.cluster.weights == "read" else None
    with crew(config.cluster) as workers:
        model = hashlib.sha256(f"{job.model.source.identity()} {job.model.spec}".encode()).hexdigest()
        tiling = Tiling(workers, model, read, config.executor, config.executor_options)
        yield TiledExecutor(tiling), TiledExecutor(replace(tiling, executor="reference", options={}))


def _weights(config: RunConfig, quick: bool) -> TensorSource:
    """The model's weights, as a worker opens them."""
    assert isinstance(config.model, TransformerModel)
    return built(config.model, config, narrow=quick).source


def job_of(config: RunConfig, quick: bool) -> Job:
    """What a config's run consists of; weights are not read."""
    wanted = config.model
    assert isinstance(wanted, TransformerModel)
    model = built(wanted, config, narrow=quick)
    tokens = _tokens(wanted, model, config.seed)
    types = None if wanted.token_types is None else token_array(wanted.token_types)
    layers = model.checked_layers(wanted.layers)
    if quick:
        shrunk(
            f"layer {layers[0]} alone of {model.spec.layers}", f"{min(2, tokens.shape[1])} of {tokens.shape[1]} tokens"
        )
        if wanted.architecture is not None:
            shrunk(f"random weights, width {model.spec.width}, an eighth of the model's")
        layers, tokens, types = (layers[0], layers[0] + 1), tokens[:, :2], None if types is None else types[:, :2]
    elif wanted.generate:
        model.checked_generation(tokens, wanted.generate)
    generate = 0 if quick else wanted.generate
    if any(rope.restarts(tokens.shape[1], tokens.shape[1] + generate - 1) for rope in model.spec.ropes):
        raise NexusError(
            f"{tokens.shape[1]} tokens and {generate} new ones cross the length at which longrope turns by "
            "other angles; generate them by Model.generate"
        )
    sampling = Sampling(wanted.temperature, wanted.top_k, wanted.top_p, config.seed)
    return Job(model, tokens, types, layers, wanted.logits, generate, sampling)


def _tokens(wanted: TransformerModel, model: Model, seed: int) -> Tokens:
    if wanted.text is not None and (path := wanted.path) is not None:
        return token_array(encoded(path, wanted.text))
    if wanted.prompt is not None and (path := wanted.path) is not None:
        return token_array(prompted(path, wanted.prompt))
    if isinstance(wanted.tokens, int):
        return np.random.default_rng(seed).integers(0, model.spec.vocabulary, (1, wanted.tokens))
    return token_array(wanted.tokens)


def _identity(config: RunConfig, job: Job) -> dict[str, Any]:
    """All that the bits and counts of a step depend on."""
    left_out = {"out", "energy_model", "place", "chip", "timeout_seconds", "cluster", "devices", "weight_memory"}
    found = {
        "config": {key: value for key, value in config.resolved().items() if key not in left_out},
        "weights": job.model.source.identity(),
        "model": repr(job.model.spec),
        "tokens": job.tokens.tolist(),
        "layers": job.layers,
    }
    return found if isinstance(job.model.arithmetic.accumulate, str) else {**found, "processor": processor()}


def _run(job: Job, executor: Executor, reference: Executor, store: StepStore) -> list[Step]:
    """Runs what is not finished, on the executor and on the reference; every step is kept when it ends."""
    steps = store.load(lambda name, _: invoked(job, name))
    tested = job.model.forward(executor)
    strict = None if executor.name == "reference" else job.model.forward(reference)
    with Work(job.model.spec.kind, len(job.steps), "steps", len(steps)) as bar:
        for name in list(job.steps)[len(steps) :]:
            if name.startswith("token") and stopped(job, steps):
                break
            bar.note(name)
            executor.begin(len(steps))
            began = time.perf_counter()
            arrays, counts = advance(job, tested, name, steps)
            seconds = time.perf_counter() - began
            expected = advance(job, strict, name, steps, _STRICT)[0] if strict else arrays
            arrays = arrays | {_STRICT + key: array for key, array in expected.items()}
            steps.append(Step(name, seconds, counts, arrays))
            store.save(len(steps) - 1, steps[-1])
            bar.update()
            for alarm in counts.alarms:
                warn(alarm)
    return steps


def _report(config: RunConfig, job: Job, executor: Executor, steps: list[Step], out: Path) -> Run:
    model, (first, behind) = job.model, job.layers
    fmt = model.arithmetic.format
    counts = Counts()
    for step in steps:
        counts.add(step.counts)
    placed = config.place and place(
        pass_workload(model, job.steps), config.chip, strategy=config.place, seed=config.seed
    )
    found = run_counts(counts.layers, config.energy_model, placement=placed or None)
    run = Run(
        title=(
            f"{model.spec.kind}, {_named(first, behind)} of {model.spec.layers}, {job.tokens.shape[1]} tokens, "
            f"{fmt}, {config.basis} basis, {config.executor} executor"
        ),
        config=config.resolved(),
        executor=config.executor,
        levels=(("all layers", executor.program_level),),
        inputs=1,
        ulp_strict=_ulp([_results(step) for step in steps], fmt),
        neurons=counts.neurons,
        synapses=counts.synapses,
        depth=counts.depth,
        time_steps=counts.depth,
        wall_seconds=sum(step.seconds for step in steps),
        steps=[_row(step, fmt) for step in steps],
        figures=figures_of(config, found["spikes"] is not None, _FIGURES),
        notes=(
            *model.source.notes,
            *(f"Out of range: {alarm}." for alarm in counts.alarms),
            "Neurons and synapses: an instance of its circuit for every invocation of the sequence.",
            "The host looks up the rows of the embedding tables and feeds in positions; all else is circuits.",
            *_continuation(config, job, steps),
            *measured_notes(executor.measured_joules),
        ),
        **found,
    )
    _draw(run, job, steps[0].arrays["hidden"], out)
    return _with_errors(run, job, counts.tallies, out) if config.approximate else run


def _with_errors(run: Run, job: Job, tallies: Tallies, out: Path) -> Run:
    """The report of a run with LIF populations: what they do to softmax, hidden states and answers."""
    exact, changed = LayerTap(), LayerTap()
    plain = through(job, job.model.by_populations(GATES), exact)
    ours = through(job, job.model, changed)
    notes = []
    if "logits" in plain:
        logits, others = (job.model.arithmetic.format.from_patterns(a["logits"]).astype(float) for a in (plain, ours))
        notes.append(f"KL of the next token: {divergence(softmax_of(logits), softmax_of(others), 1e-12):.3g} nats.")
        if job.logits == "all" and job.model.spec.shape.causal and job.tokens.shape[1] > 1:
            both = [f"{perplexity(x, job.tokens):.6g}" for x in (others, logits)]
            notes.append(f"Perplexity of the tokens: {both[0]}, of the exact model {both[1]}.")
    return with_errors(run, exact, changed, tallies, notes, out)


def _named(first: int, behind: int) -> str:
    return f"layer {first}" if behind == first + 1 else f"layers {first} to {behind - 1}"


def _results(step: Step) -> tuple[Patterns, Patterns]:
    """(patterns that the step gave, those of the reference)."""
    name = next(key for key in ("logits", "pooled", "features", "hidden") if key in step.arrays)
    return step.arrays[name], step.arrays[_STRICT + name]


def _ulp(pairs: list[tuple[Patterns, Patterns]], fmt: FloatFormat) -> UlpSummary:
    tested, strict = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in range(2))
    return summarise(tested, strict, fmt)


def _row(step: Step, fmt: FloatFormat) -> tuple[Any, ...]:
    """A row of `STEP_HEADER`."""
    ulp, tallies = _ulp([_results(step)], fmt), step.counts.tallies
    sizes, counts = (step.counts.neurons, step.counts.depth), (tallies.spikes, tallies.synops)
    return (step.name, ulp.max, ulp.mean, ulp.unequal_bits, ulp.count, *sizes, *counts, round(step.seconds, 3))


def _continuation(config: RunConfig, job: Job, steps: list[Step]) -> list[str]:
    """What was generated, as a sentence."""
    if not job.generate:
        return []
    new, folder = generated(job, steps), getattr(config.model, "path", None)
    text = decoded(folder, new) if folder is not None else None
    reads = f", which reads {text!r}" if text is not None else ""
    how = "greedily" if job.sampling.temperature == 0 else f"by {job.sampling}"
    return [
        f"Generated {how}: {new}{reads}; the counts are of the prompt and of each pass with a cache.",
        f"Generation stopped at {stopped(job, steps) or LENGTH}.",
    ]


def _draw(run: Run, job: Job, hidden: Patterns, out: Path) -> None:
    spikes, synops = (out / file if (file, caption) in run.figures else None for file, caption in _FIGURES)
    if spikes is not None:
        program = first_product(job.model, job.layers[0], hidden.shape[1])
        normed = run_program(program, {"hidden": hidden}, ReferenceExecutor()).outputs["read"]
        stages = first_layer_stages(program, normed, name="activation")
        spike_raster(stages, spikes, value=5, title="An activation becomes part of a sum")
    if synops is not None:
        synops_bars([(_BLOCK.sub("", layer), circuit, count) for layer, circuit, count in run.layers], synops)


def first_product(model: Model, layer: int, tokens: int) -> Program:
    """`hidden` to what the first query of a layer is made of, `read` [tokens, width], and that query."""
    plain = model.by_populations(GATES).arithmetic  # the picture is of gates
    spec, w = model.spec, plain.writer("first product").inside(f"block{layer}")
    hidden = w.program.input("hidden", (tokens, spec.width), w.format)
    wanted = {k: v for k, v in spec.layer_tensors(layer).items() if k.startswith("attention_norm")}
    weights = {role: w.constant(tensor) for role, tensor in model.source.tensors(wanted).items()}
    read = hidden if spec.shape.arrangement == "post_norm" else norm(w, hidden, weights, spec.shape, "attention_norm")
    name, shape = spec.layer_tensors(layer)["query.weight"]
    query = linear(w.inside("query"), read, w.constant(model.source.rows(name, shape, slice(0, 1))))
    w.program.outputs |= {"read": read, "query": query}
    return w.program
