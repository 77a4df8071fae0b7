"""Whole models: end to end, part by part and layer by layer, by neurons, strict reference, PyTorch and float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT64, FloatFormat
from lava_nexus.lab.configs.ulp_tables import ModelTables, UlpTablesConfig
from lava_nexus.lab.ulp.comparison import Answers, UlpRow, row
from lava_nexus.lab.ulp.components import random_values, rounded_once
from lava_nexus.models.model import Model, load, random_model, token_array
from lava_nexus.models.stages import Logits, forward_stages
from lava_nexus.programs import Value, Writer, attend, feed_forward

Values = NDArray[Any]
Parts = dict[str, Values]


@dataclass(frozen=True)
class Problem:
    """What every engine is given.

    Attributes:
        model: with its weights.
        tokens: int64 [tokens].
        logits: of "all" tokens or the "last".
        x: numbers [tokens, width], of N(0, 1), that enter the attention and the feed-forward part by themselves.
        parts: which of these two are run.
    """

    model: Model
    tokens: NDArray[np.int64]
    logits: Logits
    x: Values
    parts: tuple[str, ...]


def model_rows(options: ModelTables, config: UlpTablesConfig) -> list[UlpRow]:
    """A row for each part of the model and each depth."""
    from lava_nexus.lab.ulp.model_witness import DecoderWitness

    problem = _problem(options, config)
    fmt = config.float_format
    pytorch = _outside(DecoderWitness(problem.model), problem)
    double = {} if fmt == FLOAT64 else _outside(DecoderWitness(problem.model, double=True), problem)
    ours = _by_program(problem, executor_named(config.executor, count=False))
    strict = _by_program(problem, ReferenceExecutor())
    answers = {
        name: Answers(
            fmt.to_patterns(ours[name]),
            fmt.to_patterns(strict[name]),
            fmt.canonical(fmt.to_patterns(pytorch[name])),
            rounded_once(double[name], fmt) if name in double else None,
        )
        for name in ours
    }
    rows = _rows(answers, options, problem, fmt)
    if not options.modules:
        return rows
    from lava_nexus.lab.ulp.module_witness import operation_rows

    engine = executor_named(config.executor, count=False)
    return rows + operation_rows(problem.model, problem.tokens, options.modules, engine, options.published)


def _rows(answers: dict[str, Answers], options: ModelTables, problem: Problem, fmt: FloatFormat) -> list[UlpRow]:
    tokens, layers = len(problem.tokens), problem.model.spec.layers
    make = partial(row, part="", inputs=tokens, fmt=fmt, printed=options.published)
    named = {"model": "logits", "layer": _after(1), "feed_forward": "feed_forward", "attention": "attention"}
    found = [make("end_to_end", part, answers=answers[named[part]]) for part in options.parts]
    depths = [depth for depth in options.depths or range(1, layers + 1) if depth <= layers]
    return found + [make("depth", _after(depth), answers=answers[_after(depth)]) for depth in depths]


def _after(layers: int) -> str:
    return f"{layers} layer{'s' if layers > 1 else ''}"


def _problem(options: ModelTables, config: UlpTablesConfig) -> Problem:
    fmt = config.float_format  # PyTorch's column has every operation in it, and so has ours
    how: dict[str, Any] = {"format": fmt, "norm_format": fmt, "basis": config.basis, "accumulate": config.accumulate}
    if options.checkpoint is not None:
        model = load(options.checkpoint, **how)
    else:
        model = random_model(options.architecture or {}, config.seed, **how)
    given = options.tokens
    if isinstance(given, int):
        tokens = np.random.default_rng(config.seed).integers(0, model.spec.vocabulary, given)
    else:
        tokens = token_array(given)[0]
    x = random_values(config.seed, "model x", (len(tokens), model.spec.width), config.float_format)
    return Problem(model, tokens, options.logits, x, tuple(p for p in options.parts if p in _PARTS))


def _by_program(problem: Problem, executor: Executor) -> Parts:
    model, forward = problem.model, problem.model.forward(executor)
    stages, hidden = forward_stages(model.spec, len(problem.tokens), logits=problem.logits), []
    stream = forward.enter(problem.tokens[None])
    shown = tqdm(stages, desc=executor.name, unit=" stages", mininterval=0.5, leave=False)
    for done in forward.run(shown, stream):
        hidden += [done.left["hidden"]] if "hidden" in done.left else []
        stream = done.stream
    values = model.arithmetic.format.from_patterns
    found = {_after(i): values(patterns[0]) for i, patterns in enumerate(hidden) if i}
    found["logits"] = values(stream["logits"][0])
    angles = {name: stream[name] for name in ("cos", "sin") if name in stream}
    return found | {part: _part(part, problem, executor, angles) for part in problem.parts}


_PARTS: dict[str, Callable[..., Value]] = {
    "attention": lambda w, x, weights, shape, rotary: attend(w, x, weights, shape, rotary, None)[0],
    "feed_forward": lambda w, x, weights, shape, rotary: feed_forward(w, x, weights, shape.activation, shape.gated),
}


def _part(part: str, problem: Problem, executor: Executor, angles: Parts) -> Values:
    """A part of the first layer by itself, at these angles."""
    model = problem.model
    w: Writer = model.arithmetic.writer(part).inside(part)
    feeds = {"x": w.format.to_patterns(problem.x)[None], **(angles if part == "attention" else {})}
    values = {name: w.program.input(name, patterns.shape[1:], w.format) for name, patterns in feeds.items()}
    weights = {role: w.constant(tensor) for role, tensor in model.layer_tensors(0).items()}
    rotary = (values["cos"], values["sin"]) if "cos" in values else None
    w.program.outputs["y"] = _PARTS[part](w, values["x"], weights, model.spec.layer_shape(0), rotary)
    result: Values = w.format.from_patterns(run_program(w.program, feeds, executor).outputs["y"][0])
    return result


def _outside(witness: Any, problem: Problem) -> Parts:
    hidden, logits = witness.run(problem.tokens, problem.logits)
    found = {_after(i): h for i, h in enumerate(hidden) if i} | {"logits": logits}
    return found | {part: getattr(witness, part)(problem.x, 0) for part in problem.parts}
