"""What a checkpoint is, what of it would run and at what cost, before anything runs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.operands import whole_number
from lava_nexus.execute.run import executor_named
from lava_nexus.formats import FLOAT32, FormatLike
from lava_nexus.models.gguf_model import gguf_in
from lava_nexus.models.model import Model, load
from lava_nexus.models.stages import HEAD_BLOCK
from lava_nexus.models.text import tokenizer
from lava_nexus.programs import linear

_TERMS = 128
EXECUTORS = ("reference", "bitsliced", "membrane")
"""Executors that are timed."""


@dataclass(frozen=True)
class Inspection:
    """A checkpoint by its headers alone.

    Attributes:
        name: of the folder.
        kind: `model_type`.
        head: what makes logits, empty where nothing does.
        layers, width, vocabulary, positions: sizes.
        parameters: weights that would be used.
        format: of the run.
        notes: files, and what of them is not used.
        text: whether the folder takes text, chats included, or why not.
        context: tokens that a token sees, in what follows.
        macs: multiply-accumulates of one token.
        memory: bytes that one layer's weights, a block of the head's and keys and values of the context take.
        seconds: of processors, of one token by executor, extrapolated from the sums of a layer that is timed here.
    """

    name: str
    kind: str
    head: str
    layers: int
    width: int
    vocabulary: int
    positions: int
    parameters: int
    format: str
    notes: tuple[str, ...]
    text: str
    context: int
    macs: int
    memory: int
    seconds: dict[str, float]

    def __str__(self) -> str:
        times = ", ".join(f"{name} {seconds:.3g} s" for name, seconds in self.seconds.items())
        return "\n".join(
            (
                f"{self.name}: {self.kind}, {self.layers} layers of width {self.width}, {self.parameters:,} weights",
                f"runs: {f'body and head {self.head!r}' if self.head else 'the body alone'}, in {self.format}; "
                f"{self.vocabulary:,} tokens, at most {self.positions:,} positions",
                f"text: {self.text}",
                *self.notes,
                f"one token that sees {self.context}: {self.macs:,} multiply-accumulates; at least "
                f"{self.memory / 2**20:,.1f} MiB of weights, keys and values at a time",
                f"processor seconds a token: {times}",
            )
        )


def check(path: str | os.PathLike[str], *, context: int = 128, format: FormatLike = FLOAT32) -> Inspection:
    """What `load` would make of a folder: headers are read, no weight is, and nothing runs but a small layer, timed.

    >>> print(nexus.check("SmolLM2-135M-Instruct"))

    Args:
        path: the folder.
        context: tokens that a token sees, itself among them; at most the model's positions.
        format: of the run.

    Raises:
        NexusError: why it would not run.
    """
    model = load(path, format=format)
    spec = model.spec
    context = min(whole_number("context", context), spec.positions)
    macs = multiply_accumulates(model, context)
    return Inspection(
        name=str(path),
        kind=spec.kind,
        head="" if spec.head is None else spec.head.name,
        layers=spec.layers,
        width=spec.width,
        vocabulary=spec.vocabulary,
        positions=spec.positions,
        parameters=sum(prod(shape) for shape in spec.tensors.values()),
        format=str(model.arithmetic.format),
        notes=model.source.notes,
        text=_text(Path(path)),
        context=context,
        macs=macs,
        memory=_memory(model, context),
        seconds={name: macs * seconds for name, seconds in _timed(model).items()},
    )


def multiply_accumulates(model: Model, context: int) -> int:
    """Products of one token's linear layers, of its head and of its attention over `context` tokens."""
    spec = model.spec
    groups = [*map(spec.layer_tensors, range(spec.layers)), spec.head_tensors, spec.transform_tensors]
    linear = sum(prod(shape) for group in groups for _, shape in group.values() if len(shape) == 2)
    seen = sum(min(context, window or context) for window in spec.windows)
    return linear + 2 * spec.shape.heads * spec.shape.head_dim * seen


def _memory(model: Model, context: int) -> int:
    spec = model.spec
    layer = max(sum(prod(shape) for _, shape in spec.layer_tensors(n).values()) for n in range(spec.layers))
    head = min(HEAD_BLOCK, spec.outputs * spec.width)
    cache = 2 * context * spec.layers * spec.shape.kv_heads * spec.shape.head_dim if spec.shape.causal else 0
    return 4 * max(layer, head) + model.arithmetic.format.dtype.itemsize * cache


def _text(folder: Path) -> str:
    try:
        tokenizer(folder)
    except NexusError as error:
        return str(error)
    held = "tokenizer.json" if gguf_in(folder) is None else "tokenizer of the GGUF file"
    return f"{held}, with the ids of AutoTokenizer"


def _timed(model: Model) -> dict[str, float]:
    """Seconds of a multiply-accumulate by executor: of a linear layer as the model's own are written."""
    w, rng = model.arithmetic.writer("timing"), np.random.default_rng(0)
    x = w.program.input("x", (1, _TERMS), w.format)
    weight = rng.standard_normal((model.spec.width, _TERMS)).astype(np.float32)
    w.program.outputs["y"] = linear(w.inside("layer"), x, w.constant(weight))
    feeds = {"x": w.format.to_patterns(rng.standard_normal((1, 1, _TERMS)).astype(np.float32).astype(w.format.dtype))}
    found = {}
    for name in EXECUTORS:
        executor = executor_named(name)
        for _ in range(2):  # the first compiles
            began = time.process_time()
            run_program(w.program, feeds, executor)
            found[name] = (time.process_time() - began) / weight.size
    return found
