"""The stages of a forward pass by shape alone: what each reads and leaves, its tensors, and what it writes.

    embedding, rotary, layer 0 .. layer n - 1, then pooler, or final norm or head transform, then the head in blocks

A stage is a program to be: with tensors its weights are constants of it, without them inputs. Whoever runs a model,
keeps its steps, lists its circuits or places them on a chip walks these stages, and nothing else says what a pass is.

The host looks up rows of the tables (words, positions, token types) by token id and feeds them in as patterns; it feeds
positions too, and keeps keys and values. All else is circuits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from lava_nexus.chip.workload import WEIGHT
from lava_nexus.formats import FLOAT32, FloatFormat
from lava_nexus.models.spec import ModelSpec, Shape, Tensors
from lava_nexus.models.tensors import TensorSource
from lava_nexus.programs import GATES, Nonlinear, Program, SpikingLinear, Value, Writer, linear
from lava_nexus.programs.excerpt import Excerpt, Span
from lava_nexus.programs.layers import ACTIVATIONS, projection, residual, rotary_angles
from lava_nexus.programs.order import Accumulate, Orders
from lava_nexus.programs.transformer import LayerState, norm, transformer_layer

HEAD_BLOCK = 1 << 24
"""Weights of the head that are in memory at a time."""

Values = Mapping[str, Value]
Write = Callable[[Writer, Values, Values], dict[str, Value]]
"""(writer, inputs, weights by role) to outputs."""
Logits = Literal["all", "last", "none"]


@dataclass(frozen=True)
class Arithmetic:
    """How a model's programs are written.

    Attributes:
        format: of weights, activations and every operation but the angles of RoPE, which are FP32.
        basis: of every circuit.
        accumulate: order of every sum.
        nonlinear: which nonlinear operators are LIF populations.
        spikes: how linear layers are computed by spike counts; None for exact ones.
        weights: whether weights are operands of the multipliers of linear layers, or constants of them.
        weight_format: what weights of linear layers are rounded to first; None for `format`.
        accumulate_format: of products and sums, which are then rounded to `format`; None for `format`.
        product: kind of the products of linear layers (`lava_nexus.programs.KINDS`); None for what the rest asks for.
    """

    format: FloatFormat = FLOAT32
    basis: str = "threshold"
    accumulate: Accumulate | Orders = "sequential"
    nonlinear: Nonlinear = GATES
    spikes: SpikingLinear | None = None
    weights: Literal["operand", "constant"] = "operand"
    weight_format: FloatFormat | None = None
    accumulate_format: FloatFormat | None = None
    product: str | None = None

    def of_batch(self, batch: int) -> Arithmetic:
        """The same for so many sequences at once: PyTorch's orders may depend on it, named ones do not."""
        if isinstance(self.accumulate, str):
            return self
        return replace(self, accumulate=self.accumulate.of_batch(batch))

    def writer(self, name: str) -> Writer:
        """A writer of a new program, its fields those of the same names."""
        return Writer(Program(name), **vars(self))


@dataclass(frozen=True)
class Read:
    """What a stage is fed: the newest tokens of something in the stream.

    Attributes:
        name: in the stream.
        shape: for one sequence; tokens are its last axis but one.
        format: of the patterns; None for that of the arithmetic.
    """

    name: str
    shape: Shape
    format: FloatFormat | None = None


@dataclass(frozen=True)
class Stage:
    """One program of a forward pass, or what the host hands on.

    Attributes:
        step: the part of a pass that it belongs to: "embedding", "layer 3", "pooler", "final norm", "head", ...
        name: of its program.
        reads: what is fed in, by input.
        leaves: name in the stream, by output.
        write: its arithmetic; None where inputs are handed on as they are.
        tensors: weights by role: (name in the checkpoint, shape).
        rows: of the tensors that it takes; None for all.
        parallel: whether it needs no result of the stage before, and adds nothing to the depth.
    """

    step: str
    name: str
    reads: Mapping[str, Read]
    leaves: Mapping[str, str]
    write: Write | None = None
    tensors: Tensors = field(default_factory=dict)
    rows: slice | None = None
    parallel: bool = False

    def program(self, arithmetic: Arithmetic, source: TensorSource | None = None) -> Program:
        """The stage as a program; weights are constants read from the source, or inputs `weight.<role>` without one."""
        return program_of([self], arithmetic, source)

    def _weights(self, w: Writer, source: TensorSource | None) -> dict[str, Value]:
        if source is not None:
            rows = {role: self.rows or slice(0, shape[0]) for role, (_, shape) in self.tensors.items()}
            of = {role: source.rows(name, shape, rows[role]) for role, (name, shape) in self.tensors.items()}
            return {role: w.constant(tensor) for role, tensor in of.items()}
        shapes = {role: shape for role, (_, shape) in self.tensors.items()}
        if self.rows is not None:
            shapes = {role: (self.rows.stop - self.rows.start, *shape[1:]) for role, shape in shapes.items()}
        return {role: w.program.input(WEIGHT + role, shape, w.format) for role, shape in shapes.items()}


def program_of(
    stages: Sequence[Stage], arithmetic: Arithmetic, source: TensorSource | None = None, name: str = ""
) -> Program:
    """Stages that follow each other as one program, with the outputs of the last one; see `Stage.program`."""
    w = arithmetic.writer(name or stages[0].name)
    stream: dict[str, Value] = {}
    for stage in stages:
        for key, read in stage.reads.items():
            if read.name not in stream:
                stream[read.name] = w.program.input(key, read.shape, read.format or w.format)
        inputs = {key: stream[read.name] for key, read in stage.reads.items()}
        outputs = inputs if stage.write is None else stage.write(w, inputs, stage._weights(w, source))
        stream |= {stage.leaves[key]: value for key, value in outputs.items()}
        w.program.outputs = dict(outputs)
    return w.program


def forward_stages(
    spec: ModelSpec,
    tokens: int,
    past: int = 0,
    *,
    layers: tuple[int, int] | None = None,
    logits: Logits = "all",
    keep: bool = False,
    block: int = HEAD_BLOCK,
) -> list[Stage]:
    """A forward pass over tokens computed together, in the order in which it runs.

    The stream begins with `words` (and `token types` and `positions`, rows of their tables) and `position numbers`. It
    then holds `hidden`, `cos` and `sin`, `key 3` and `value 3` of layer 3 where they are kept, `pooled`, `features`
    (what the head reads) and `logits`.

    Args:
        spec: the model.
        tokens: how many.
        past: earlier tokens whose keys and values are held.
        layers: first, and behind the last; nothing that follows the layers runs unless the last one is among them.
        logits: of all tokens, of the last one, or none.
        keep: whether keys and values of these tokens are handed out.
        block: most weights of the head in one stage.
    """
    first, behind = layers or (0, spec.layers)
    stages = [_embedding(spec, tokens), *_rotary(spec, tokens)]
    stages += [_layer(spec, layer, tokens, past, keep) for layer in range(first, behind)]
    if behind < spec.layers:
        return stages
    if spec.pooler:
        stages.append(_pooler(spec, tokens))
    if spec.head is None or logits == "none":
        return stages
    if spec.head.pooled:
        return [*stages, *_head(spec, "pooled", 1, block)]
    read = 1 if logits == "last" else tokens
    return [*stages, _features(spec, read), *_head(spec, "features", read, block)]


def _embedding(spec: ModelSpec, tokens: int) -> Stage:
    """Rows of the tables to the hidden state: of words alone, or norm((words + token types) + positions)."""
    rows = (tokens, spec.width)
    if "positions" not in spec.architecture.embeddings:
        return Stage("embedding", "embedding", {"hidden": Read("words", rows)}, {"hidden": "hidden"})

    def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        h = residual(w.inside("token_types"), x["words"], x["token_types"])
        h = residual(w.inside("positions"), h, x["positions"])
        return {"hidden": norm(w, h, weights, spec.shape, "embedding_norm")}

    tables = {"words": "words", "token_types": "token types", "positions": "positions"}
    reads = {key: Read(name, rows) for key, name in tables.items()}
    tensors = _of(spec.embedding_tensors, "embedding_norm")
    return Stage("embedding", "embedding", reads, {"hidden": "hidden"}, write, tensors)


def _rotary(spec: ModelSpec, tokens: int) -> list[Stage]:
    """Positions to cos and sin: angles and both functions in FP32, whatever the format, then rounded to it."""
    if not spec.frequencies.size:
        return []

    def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        wide = replace(w, format=FLOAT32).inside("rotary")
        angles = rotary_angles(wide, x["positions"], wide.constant(spec.frequencies))
        return dict(zip(("cos", "sin"), map(w.inside("rotary").converted, angles), strict=True))

    reads = {"positions": Read("position numbers", (tokens, 1), FLOAT32)}
    return [Stage("embedding", "rotary", reads, {"cos": "cos", "sin": "sin"}, write)]


def _layer(spec: ModelSpec, layer: int, tokens: int, past: int, keep: bool) -> Stage:
    """One layer; of earlier keys those that its window sees."""
    shape = spec.layer_shape(layer)
    held = past if shape.window is None else min(past, shape.window - 1)
    reads = {"hidden": Read("hidden", (tokens, spec.width))}
    if spec.frequencies.size:
        reads |= {name: Read(name, (tokens, spec.frequencies.size)) for name in ("cos", "sin")}
    if held:
        cached = (shape.kv_heads, held, shape.head_dim)
        reads |= {name: Read(f"{name} {layer}", cached) for name in ("key", "value")}
    leaves = {"hidden": "hidden"} | ({f"new_{n}": f"{n} {layer}" for n in ("key", "value")} if keep else {})

    def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        rotary = (x["cos"], x["sin"]) if "cos" in x else None
        state = LayerState(x["key"], x["value"]) if held else None
        inner = w.inside(f"block{layer}")
        hidden, state = transformer_layer(inner, x["hidden"], weights, shape, rotary, state)
        if not keep:
            return {"hidden": hidden}
        new = {"new_key": state.key, "new_value": state.value}
        w = inner.inside("attention")
        return {"hidden": hidden, **{name: w.take(value, -2, held, held + tokens) for name, value in new.items()}}

    return Stage(f"layer {layer}", f"layer {layer}", reads, leaves, write, spec.layer_tensors(layer))


def _pooler(spec: ModelSpec, tokens: int) -> Stage:
    """tanh(first token weight^T + bias), [1, width]."""

    def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        inner = w.inside("pooler")
        first = linear(inner, inner.take(x["hidden"], -2, 0, 1), weights["pooler.weight"], weights["pooler.bias"])
        return {"pooled": ACTIVATIONS["tanh"](w.inside("pooler.activation").of_kind("activation"), first)}

    reads = {"hidden": Read("hidden", (tokens, spec.width))}
    return Stage("pooler", "pooler", reads, {"pooled": "pooled"}, write, _of(spec.ending_tensors, "pooler"))


def _features(spec: ModelSpec, tokens: int) -> Stage:
    """What the head reads: behind the final norm, or norm(activation(hidden weight^T + bias)), or the hidden state."""
    reads, leaves = {"hidden": Read("hidden", (tokens, spec.width))}, {"hidden": "features"}
    final = _of(spec.ending_tensors, "final_norm")

    def transformed(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        y = projection(w, x["hidden"], weights, "transform")
        y = ACTIVATIONS[spec.shape.activation](w.inside("transform.activation").of_kind("activation"), y)
        return {"hidden": norm(w, y, weights, spec.shape, "transform_norm")}

    def normed(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
        return {"hidden": norm(w, x["hidden"], weights, spec.shape, "final_norm")}

    if spec.transform_tensors:
        return Stage("head transform", "head transform", reads, leaves, transformed, spec.transform_tensors)
    return Stage("final norm", "final norm", reads, leaves, normed if final else None, final)


def _head(spec: ModelSpec, reads: str, tokens: int, block: int) -> list[Stage]:
    """Logits, a block of outputs after the other."""
    step = max(1, block // spec.width)
    blocks = [slice(start, min(start + step, spec.outputs)) for start in range(0, spec.outputs, step)]

    def of(rows: slice) -> Write:
        part = Excerpt(Span.all(tokens), Span(rows.start, rows.stop, spec.outputs), Span.all(spec.width))

        def write(w: Writer, x: Values, weights: Values) -> dict[str, Value]:
            bias = weights.get("head.bias")
            return {"logits": linear(w.inside("head"), x["hidden"], weights["head.weight"], bias, part=part)}

        return write

    fed, left = {"hidden": Read(reads, (tokens, spec.width))}, {"logits": "logits"}
    return [Stage("head", "head", fed, left, of(r), spec.head_tensors, r, parallel=r.start > 0) for r in blocks]


def _of(tensors: Tensors, start: str) -> Tensors:
    return {role: tensor for role, tensor in tensors.items() if role.startswith(start)}
