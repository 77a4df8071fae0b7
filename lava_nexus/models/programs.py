"""A model's programs: what turns positions into angles, tokens into hidden states, a layer, and what ends it.

The host looks up rows of the tables (words, positions, token types) by token id and feeds them in as patterns; it feeds
positions too. All else is circuits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from lava_nexus.formats import FLOAT32, FloatFormat
from lava_nexus.models.spec import ModelSpec
from lava_nexus.models.tensors import Weights
from lava_nexus.programs import GATES, Nonlinear, Program, SpikingLinear, Value, Writer, linear
from lava_nexus.programs.excerpt import Excerpt, Span
from lava_nexus.programs.layers import ACTIVATIONS, projection, residual, rotary_angles
from lava_nexus.programs.order import Accumulate, Orders
from lava_nexus.programs.transformer import LayerState, norm, transformer_layer

Tensors = Mapping[str, Weights]


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
    """

    format: FloatFormat = FLOAT32
    basis: str = "threshold"
    accumulate: Accumulate | Orders = "sequential"
    nonlinear: Nonlinear = GATES
    spikes: SpikingLinear | None = None
    weights: Literal["operand", "constant"] = "operand"
    weight_format: FloatFormat | None = None
    accumulate_format: FloatFormat | None = None

    def of_batch(self, batch: int) -> Arithmetic:
        """The same for so many sequences at once: PyTorch's orders may depend on it, named ones do not."""
        if isinstance(self.accumulate, str):
            return self
        return replace(self, accumulate=self.accumulate.of_batch(batch))

    def writer(self, name: str) -> Writer:
        """A writer of a new program."""
        return Writer(
            Program(name),
            self.format,
            self.basis,
            self.accumulate,
            nonlinear=self.nonlinear,
            spikes=self.spikes,
            weights=self.weights,
            weight_format=self.weight_format,
            accumulate_format=self.accumulate_format,
        )


def rotary_program(arithmetic: Arithmetic, spec: ModelSpec, tokens: int) -> Program:
    """`positions` FP32 [tokens, 1] to `cos` and `sin` [tokens, pairs].

    Angles and both functions are FP32, whatever the format, and are then rounded to it.
    """
    w = replace(arithmetic, format=FLOAT32).writer("rotary").inside("rotary")
    positions = w.program.input("positions", (tokens, 1), FLOAT32)
    narrow = replace(w, format=arithmetic.format)
    for name, value in zip(("cos", "sin"), rotary_angles(w, positions, w.constant(spec.frequencies)), strict=True):
        w.program.outputs[name] = narrow.converted(value)
    return w.program


def embedding_program(arithmetic: Arithmetic, spec: ModelSpec, tokens: int, tensors: Tensors) -> Program:
    """Rows of the tables [tokens, width] to `hidden`: (words + token_types) + positions, then the norm."""
    w = arithmetic.writer("embedding")
    rows = [w.program.input(name, (tokens, spec.width), w.format) for name in ("words", "token_types", "positions")]
    h = residual(w.inside("token_types"), rows[0], rows[1])
    h = residual(w.inside("positions"), h, rows[2])
    w.program.outputs["hidden"] = norm(w, h, _constants(w, tensors), spec.shape, "embedding_norm")
    return w.program


def layer_program(
    arithmetic: Arithmetic, spec: ModelSpec, layer: int, tokens: int, past: int, keep: bool, tensors: Tensors
) -> Program:
    """`hidden` [tokens, width] to `hidden`, by one layer.

    Further inputs: `cos` and `sin` where the model has RoPE, `key` and `value` [kv_heads, past, head_dim] where past is
    above 0.
    Further outputs: `key` and `value` of all tokens so far, if they are to be kept.
    """
    w = arithmetic.writer(f"layer {layer}")
    take = w.program.input
    hidden = take("hidden", (tokens, spec.width), w.format)
    rotary: tuple[Value, Value] | None = None
    if spec.frequencies.size:
        pairs = (tokens, spec.frequencies.size)
        rotary = take("cos", pairs, w.format), take("sin", pairs, w.format)
    state = None
    if past:
        held = (spec.shape.kv_heads, past, spec.shape.head_dim)
        state = LayerState(take("key", held, w.format), take("value", held, w.format))
    inner, weights = w.inside(f"block{layer}"), _constants(w, tensors)
    out, state = transformer_layer(inner, hidden, weights, spec.layer_shape(layer), rotary, state)
    w.program.outputs["hidden"] = out
    if keep:
        w.program.outputs |= {"key": state.key, "value": state.value}
    return w.program


def norm_program(arithmetic: Arithmetic, spec: ModelSpec, tokens: int, tensors: Tensors) -> Program:
    """`hidden` [tokens, width] to `hidden`, by the norm behind the last layer."""
    w = arithmetic.writer("final norm")
    hidden = w.program.input("hidden", (tokens, spec.width), w.format)
    w.program.outputs["hidden"] = norm(w, hidden, _constants(w, tensors), spec.shape, "final_norm")
    return w.program


def head_program(arithmetic: Arithmetic, spec: ModelSpec, tokens: int, outputs: Span, tensors: Tensors) -> Program:
    """`hidden` [tokens, width] to `logits` [tokens, outputs], for these outputs, of which the tensors are rows."""
    w = arithmetic.writer("head")
    hidden, weights = w.program.input("hidden", (tokens, spec.width), w.format), _constants(w, tensors)
    part = Excerpt(Span.all(tokens), outputs, Span.all(spec.width))
    bias = weights.get("head.bias")
    w.program.outputs["logits"] = linear(w.inside("head"), hidden, weights["head.weight"], bias, part=part)
    return w.program


def transform_program(arithmetic: Arithmetic, spec: ModelSpec, tokens: int, tensors: Tensors) -> Program:
    """`hidden` [tokens, width] to `hidden`: norm(activation(hidden weight^T + bias)), in front of some heads."""
    w = arithmetic.writer("head transform")
    hidden, weights = w.program.input("hidden", (tokens, spec.width), w.format), _constants(w, tensors)
    y = projection(w, hidden, weights, "transform")
    y = ACTIVATIONS[spec.shape.activation](w.inside("transform.activation").of_kind("activation"), y)
    w.program.outputs["hidden"] = norm(w, y, weights, spec.shape, "transform_norm")
    return w.program


def pooler_program(arithmetic: Arithmetic, spec: ModelSpec, tokens: int, tensors: Tensors) -> Program:
    """`hidden` [tokens, width] to `pooled` [1, width]: tanh(first token weight^T + bias)."""
    w = arithmetic.writer("pooler")
    hidden, weights = w.program.input("hidden", (tokens, spec.width), w.format), _constants(w, tensors)
    inner = w.inside("pooler")
    first = linear(inner, inner.take(hidden, -2, 0, 1), weights["pooler.weight"], weights["pooler.bias"])
    w.program.outputs["pooled"] = ACTIVATIONS["tanh"](w.inside("pooler.activation").of_kind("activation"), first)
    return w.program


def _constants(w: Writer, tensors: Tensors) -> dict[str, Value]:
    return {role: w.constant(tensor) for role, tensor in tensors.items()}
