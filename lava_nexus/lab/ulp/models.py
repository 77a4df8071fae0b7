"""Whole models: end to end, part by part, layer by layer and operation by operation.

The engines run side by side, a stage each, so that weights are read once and no more than a stage's are in memory.

Each by neurons, strict reference, PyTorch and float64. Operations are asked one by one: gates and PyTorch on the same
operands, those that PyTorch's model met.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lava_nexus.execute.cuda.device import machine
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import BFLOAT16, FLOAT64, FloatFormat
from lava_nexus.lab.configs.ulp_tables import ModelTables, UlpTablesConfig
from lava_nexus.lab.ulp.comparison import Answers, Ran, UlpRow, joined, row
from lava_nexus.lab.ulp.components import random_values
from lava_nexus.lab.ulp.decoders import DecoderWitness, Function, OnDevice
from lava_nexus.models.hashed import HashedTensors
from lava_nexus.models.model import Model, load, random_model, token_array
from lava_nexus.models.stages import Logits, Stage, forward_stages
from lava_nexus.models.stream import Stream
from lava_nexus.models.tensors import HeldTensors
from lava_nexus.programs import ACTIVATIONS, LayerShape, Value, Writer, attend, feed_forward, linear, rms_norm, softmax
from lava_nexus.programs.layers import layer_norm
from lava_nexus.programs.transformer import Seen, aggregate, scaled_scores, seen_by
from lava_nexus.progress import track
from lava_nexus.torch.tensors import from_torch

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
        held: the model's weights, as long as they are wanted; None where nobody holds them.
    """

    model: Model
    tokens: NDArray[np.int64]
    logits: Logits
    x: Values
    parts: tuple[str, ...]
    held: HeldTensors | None = None

    def numbers(self, patterns: NDArray[Any]) -> Values:
        """Of the one sequence."""
        return self.model.arithmetic.format.from_patterns(patterns[0])


def model_rows(options: ModelTables, config: UlpTablesConfig) -> tuple[list[UlpRow], Ran]:
    """A row for each part of the model and each depth."""
    problem = _problem(options, config)
    fmt, gates = config.float_format, executor_named(config.executor, count=False)
    on_gpu = config.executor == "cuda"
    weights = OnDevice(problem.model, "cuda" if on_gpu else "cpu")
    outside = {"pytorch": DecoderWitness(problem.model, weights=weights)}
    if fmt != FLOAT64:
        outside["exact"] = DecoderWitness(problem.model, double=True, weights=weights)
    engines = {"ours": gates, "strict": strict_beside(gates)}
    found, seconds = _side_by_side(problem, engines, outside)
    answers = {
        name: Answers.of(
            fmt.to_patterns(by["ours"]), fmt.to_patterns(by["strict"]), by["pytorch"], by.get("exact"), fmt
        )
        for name, by in found.items()
    }
    rows = _rows(answers, options, problem, fmt)
    if options.modules:
        rows += operation_rows(problem.model, problem.tokens, options.modules, gates, options.published)
    return rows, Ran(seconds, machine() if on_gpu else None)


def strict_beside(executor: Executor) -> Executor:
    """The strict reference, on the GPU where the executor is there."""
    return executor_named("reference_cuda") if executor.name == "cuda" else ReferenceExecutor()


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
    if (path := options.path) is not None:
        model = load(path, **how)
    else:
        model = random_model(options.architecture or {}, config.seed, **how)
    given = options.tokens
    if isinstance(given, int):
        tokens = np.random.default_rng(config.seed).integers(0, model.spec.vocabulary, given)
    else:
        tokens = token_array(given)[0]
    x = random_values(config.seed, "model x", (len(tokens), model.spec.width), config.float_format)
    parts = tuple(p for p in options.parts if p in _PARTS)
    if options.weights == "bfloat16":  # made faster than they are kept
        made = Model(model.spec, HashedTensors(config.seed), replace(model.arithmetic, weight_format=BFLOAT16))
        return Problem(made, tokens, options.logits, x, parts)
    held = HeldTensors(model.source)
    return Problem(Model(model.spec, held, model.arithmetic), tokens, options.logits, x, parts, held)


def _side_by_side(
    problem: Problem, engines: dict[str, Executor], outside: dict[str, DecoderWitness]
) -> tuple[dict[str, Parts], dict[str, float]]:
    """Numbers by what they are and engine, and seconds by engine, all engines of a stage before the next."""
    tokens, seconds, depth = problem.tokens, dict.fromkeys([*engines, *outside], 0.0), 0
    forwards = {name: problem.model.forward(engine) for name, engine in engines.items()}
    streams = {name: forward.enter(tokens[None]) for name, forward in forwards.items()}
    walks = {name: witness.walk(tokens, problem.logits) for name, witness in outside.items()}

    def timed(name: str, number: Callable[[], Values]) -> Values:
        began = time.perf_counter()
        result = number()
        seconds[name] += time.perf_counter() - began
        return result

    def ran(stage: Stage, name: str, left: str) -> Values:
        (done,) = forwards[name].run([stage], streams[name])
        streams[name] = done.stream
        return problem.numbers(done.left[left]) if left in done.left else np.empty(0)

    for name, walk in walks.items():
        timed(name, partial(next, walk))  # what enters the first layer
    found: dict[str, Parts] = {}
    stages = forward_stages(problem.model.spec, len(tokens), logits=problem.logits)
    for stage in track(stages, f"model by {' and '.join(e.name for e in engines.values())}", "stages"):
        by = {name: timed(name, partial(ran, stage, name, "hidden")) for name in engines}
        if stage.step.startswith("layer"):
            depth += 1
            found[_after(depth)] = by | {name: timed(name, partial(next, walk)) for name, walk in walks.items()}
        if problem.held is not None:
            problem.held.let_go()
    found["logits"] = {name: problem.numbers(stream["logits"]) for name, stream in streams.items()}
    found["logits"] |= {name: timed(name, partial(next, walk)) for name, walk in walks.items()}
    for part in problem.parts:
        by = {name: _part(part, problem, engine, streams[name]) for name, engine in engines.items()}
        found[part] = by | {name: getattr(witness, part)(problem.x, 0) for name, witness in outside.items()}
    return found, seconds


_PARTS: dict[str, Callable[..., Value]] = {
    "attention": lambda w, x, weights, shape, rotary: attend(w, x, weights, shape, rotary, None)[0],
    "feed_forward": lambda w, x, weights, shape, rotary: feed_forward(w, x, weights, shape.activation, shape.gated),
}


def _part(part: str, problem: Problem, executor: Executor, stream: Stream) -> Values:
    """A part of the first layer by itself, at the angles of a stream."""
    model = problem.model
    w: Writer = model.arithmetic.writer(part).inside(part)
    angles = {key: stream[key] for key in ("cos", "sin") if key in stream}
    feeds = {"x": w.format.to_patterns(problem.x)[None], **(angles if part == "attention" else {})}
    values = {name: w.program.input(name, patterns.shape[1:], w.format) for name, patterns in feeds.items()}
    weights = {role: w.constant(tensor) for role, tensor in model.layer_tensors(0).items()}
    rotary = (values["cos"], values["sin"]) if "cos" in values else None
    w.program.outputs["y"] = _PARTS[part](w, values["x"], weights, model.spec.layer_shape(0), rotary)
    result: Values = w.format.from_patterns(run_program(w.program, feeds, executor).outputs["y"][0])
    return result


Write = Callable[[Writer, Sequence[Value], LayerShape], Value]
_CONSTANT = ("qkv_projection", "output_projection", "gate_and_up", "down", "head", "rms_norm", "layer_norm")
_MASKED = ("attention_scores", "softmax")


def operation_rows(
    model: Model, tokens: NDArray[np.int64], layers: int, executor: Executor, printed: bool
) -> list[UlpRow]:
    """A row for each operation, over all of its calls in the first `layers` layers and behind the last one."""
    found = _Watched(model, layers, executor, strict_beside(executor))
    DecoderWitness(model, watch=found).run(tokens, "all")
    fmt = model.arithmetic.format
    return [
        row("module", name, "forward", len(tokens), joined(answers), fmt, printed)
        for name, answers in found.answers.items()
    ]


@dataclass
class _Watched:
    """Asks the gates for every operation that PyTorch is seen to do.

    Attributes:
        answers: by operation.
    """

    model: Model
    layers: int
    executor: Executor
    strict: Executor
    answers: dict[str, list[Answers]] = field(default_factory=dict)

    def __call__(self, name: str, layer: int, function: Function, operands: tuple[Tensor, ...], result: Tensor) -> None:
        if self.layers <= layer < self.model.spec.layers:
            return
        fmt, shape = self.model.arithmetic.format, self.model.spec.layer_shape(min(layer, self.model.spec.layers - 1))
        given = [fmt.to_patterns(from_torch(x.contiguous(), fmt)) for x in operands]
        ours, strict = (self._by_program(name, given, shape, engine) for engine in (self.executor, self.strict))
        compared = _seen(shape, len(result[0])) if name in _MASKED else ...
        double = from_torch(function(*[x.double() for x in operands]), fmt)
        answers = Answers.of(ours, strict, from_torch(result.contiguous(), fmt), double, fmt)
        seen = Answers(ours, strict, *(None if p is None else p[compared] for p in (answers.pytorch, answers.exact)))
        self.answers.setdefault(name, []).append(seen.each(np.ravel))

    def _by_program(self, name: str, given: list[NDArray[Any]], shape: LayerShape, engine: Executor) -> NDArray[Any]:
        w = self.model.arithmetic.writer(name).inside(name)
        weights = given[1:] if name in _CONSTANT else []
        feeds = {f"v{i}": patterns[None] for i, patterns in enumerate(given[: len(given) - len(weights)])}
        values = [w.program.input(key, patterns.shape[1:], w.format) for key, patterns in feeds.items()]
        values += [w.program.constant(patterns, w.format) for patterns in weights]
        w.program.outputs["y"] = _WRITE[name](w, values, shape)
        result: NDArray[Any] = run_program(w.program, feeds, engine).outputs["y"]
        return result


def _seen(shape: LayerShape, tokens: int) -> tuple[Any, ...]:
    """Index of the scores [heads, tokens, keys] that are not masked."""
    mask = np.zeros((tokens, tokens), bool)
    for number, seen in enumerate(seen_by(tokens, tokens, shape.window)):
        mask[number, seen.keys.start : seen.keys.stop] = True
    return (slice(None), mask)


def _row_by_row(w: Writer, tokens: int, window: int | None, write: Callable[[Seen], Value], axis: int) -> Value:
    return w.concatenate([write(seen) for seen in seen_by(tokens, tokens, window)], axis)


def _row_of(w: Writer, x: Value, seen: Seen) -> Value:
    return w.take(x, -2, seen.token.start, seen.token.stop)


def _scores(w: Writer, v: Sequence[Value], shape: LayerShape) -> Value:
    def one(seen: Seen) -> Value:
        return scaled_scores(w, _row_of(w, v[0], seen), seen.of(w, v[1]), shape.scale, seen)

    return _row_by_row(w, v[0].shape[-2], shape.window, one, -1)


def _softmax(w: Writer, v: Sequence[Value], shape: LayerShape) -> Value:
    def one(seen: Seen) -> Value:
        x = w.take(_row_of(w, v[0], seen), -1, seen.keys.start, seen.keys.stop)
        return softmax(w, x, seen.scores(1))

    return _row_by_row(w, v[0].shape[-2], shape.window, one, -1)


def _aggregation(w: Writer, v: Sequence[Value], shape: LayerShape) -> Value:
    def one(seen: Seen) -> Value:
        weights = w.take(_row_of(w, v[0], seen), -1, seen.keys.start, seen.keys.stop)
        return aggregate(w, weights, seen.of(w, v[1]), seen)

    return _row_by_row(w, v[0].shape[-2], shape.window, one, -2)


def _linear(w: Writer, v: Sequence[Value], shape: LayerShape) -> Value:
    return linear(w, *v)


_WRITE: dict[str, Write] = {
    **dict.fromkeys(("qkv_projection", "output_projection", "gate_and_up", "down", "head"), _linear),
    "rms_norm": lambda w, v, shape: rms_norm(w, v[0], v[1], shape.eps),
    "layer_norm": lambda w, v, shape: layer_norm(w, v[0], v[1], v[2], shape.eps),
    **dict.fromkeys(("silu", "gelu", "gelu_tanh"), lambda w, v, shape: ACTIVATIONS[shape.activation](w, v[0])),
    "attention_scores": _scores,
    "softmax": _softmax,
    "value_aggregation": _aggregation,
}
