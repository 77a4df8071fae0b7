"""The operations of a model one by one: gates and PyTorch on the same operands, those that PyTorch's model met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.reference import ReferenceExecutor
from lava_nexus.formats import FLOAT64
from lava_nexus.lab.ulp.comparison import Answers, UlpRow, joined, row
from lava_nexus.lab.ulp.components import rounded_once
from lava_nexus.lab.ulp.model_witness import DecoderWitness, Function
from lava_nexus.models.model import Model
from lava_nexus.programs import ACTIVATIONS, LayerShape, Value, Writer, linear, rms_norm, softmax
from lava_nexus.programs.attention import Seen, aggregate, scaled_scores, seen_by
from lava_nexus.torch.tensors import from_torch

Write = Callable[[Writer, Sequence[Value], LayerShape], Value]
_CONSTANT = ("qkv_projection", "output_projection", "gate_and_up", "down", "head", "rms_norm")
_MASKED = ("attention_scores", "softmax")


def operation_rows(
    model: Model, tokens: NDArray[np.int64], layers: int, executor: Executor, printed: bool
) -> list[UlpRow]:
    """A row for each operation, over all of its calls in the first `layers` layers and behind the last one."""
    found = _Watched(model, layers, executor)
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
    answers: dict[str, list[Answers]] = field(default_factory=dict)

    def __call__(self, name: str, layer: int, function: Function, operands: tuple[Tensor, ...], result: Tensor) -> None:
        if self.layers <= layer < self.model.spec.layers:
            return
        fmt, shape = self.model.arithmetic.format, self.model.spec.layer_shape(min(layer, self.model.spec.layers - 1))
        given = [fmt.to_patterns(from_torch(x.contiguous(), fmt)) for x in operands]
        ours, strict = (self._by_program(name, given, shape, engine) for engine in (self.executor, ReferenceExecutor()))
        compared = _seen(shape, len(result[0])) if name in _MASKED else ...
        exact = None
        if fmt != FLOAT64:
            exact = rounded_once(from_torch(function(*[x.double() for x in operands]), fmt), fmt)[compared]
        theirs = fmt.canonical(fmt.to_patterns(from_torch(result.contiguous(), fmt)))[compared]
        self.answers.setdefault(name, []).append(Answers(ours.ravel(), strict.ravel(), _flat(theirs), _flat(exact)))

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


def _flat(patterns: NDArray[Any] | None) -> Any:
    return None if patterns is None else patterns.ravel()


def _rows(w: Writer, tokens: int, window: int | None, write: Callable[[Seen], Value], axis: int) -> Value:
    return w.concatenate([write(seen) for seen in seen_by(tokens, tokens, window)], axis)


def _row_of(w: Writer, x: Value, seen: Seen) -> Value:
    return w.take(x, -2, seen.token.start, seen.token.stop)


def _scores(w: Writer, v: Sequence[Value], shape: LayerShape) -> Value:
    def one(seen: Seen) -> Value:
        return scaled_scores(w, _row_of(w, v[0], seen), seen.of(w, v[1]), shape.scale, seen)

    return _rows(w, v[0].shape[-2], shape.window, one, -1)


def _softmax(w: Writer, v: Sequence[Value], shape: LayerShape) -> Value:
    def one(seen: Seen) -> Value:
        x = w.take(_row_of(w, v[0], seen), -1, seen.keys.start, seen.keys.stop)
        return softmax(w, x, seen.scores(1))

    return _rows(w, v[0].shape[-2], shape.window, one, -1)


def _aggregation(w: Writer, v: Sequence[Value], shape: LayerShape) -> Value:
    def one(seen: Seen) -> Value:
        weights = w.take(_row_of(w, v[0], seen), -1, seen.keys.start, seen.keys.stop)
        return aggregate(w, weights, seen.of(w, v[1]), seen)

    return _rows(w, v[0].shape[-2], shape.window, one, -2)


def _linear(w: Writer, v: Sequence[Value], shape: LayerShape) -> Value:
    return linear(w, *v)


_WRITE: dict[str, Write] = {
    **dict.fromkeys(("qkv_projection", "output_projection", "gate_and_up", "down", "head"), _linear),
    "rms_norm": lambda w, v, shape: rms_norm(w, v[0], v[1], shape.eps),
    "silu": lambda w, v, shape: ACTIVATIONS[shape.activation](w, v[0]),
    "attention_scores": _scores,
    "softmax": _softmax,
    "value_aggregation": _aggregation,
}
