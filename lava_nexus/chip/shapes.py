"""A token of a decoder model as programs without weights: shapes alone, so that a model of any size can be mapped."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lava_nexus.chip.workload import WEIGHT, Workload
from lava_nexus.formats import FLOAT32, FloatFormat
from lava_nexus.programs.layers import linear, rms_norm
from lava_nexus.programs.program import Program, Value
from lava_nexus.programs.transformer import LayerShape, LayerState, transformer_layer
from lava_nexus.programs.writer import Writer

_EPS = 1e-6


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of a pre-norm decoder with RMSNorm.

    Attributes:
        width: of the residual stream.
        heads, kv_heads, head_dim: of attention; kv_heads divides heads.
        hidden: width inside the feed-forward part.
        gated: whether that is down(silu(gate) * up) or down(silu(up)).
        rotary: whether queries and keys are rotated; cos and sin are fed in.
        query_key_norm: whether each head's queries and keys are normed.
        layers: how many.
        vocabulary: rows of the head; 0 for layers alone.
    """

    width: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    gated: bool = True
    rotary: bool = True
    query_key_norm: bool = False
    layers: int = 1
    vocabulary: int = 0

    @property
    def weights(self) -> dict[str, tuple[int, ...]]:
        """Shapes of a layer's weights by role."""
        inner, shared = self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes: dict[str, tuple[int, ...]] = {
            "attention_norm": (self.width,),
            "query": (inner, self.width),
            "key": (shared, self.width),
            "value": (shared, self.width),
            "output": (self.width, inner),
            "feed_forward_norm": (self.width,),
            "up": (self.hidden, self.width),
            "down": (self.width, self.hidden),
        }
        if self.gated:
            shapes["gate"] = (self.hidden, self.width)
        if self.query_key_norm:
            shapes |= {"query_norm": (self.head_dim,), "key_norm": (self.head_dim,)}
        return shapes

    @property
    def parameters(self) -> int:
        """Weights of all layers, the last norm and the head."""
        layer = sum(math.prod(shape) for shape in self.weights.values())
        return self.layers * layer + (self.width * (self.vocabulary + 1) if self.vocabulary else 0)


def decode_workload(
    name: str, shape: DecoderShape, context: int, fmt: FloatFormat = FLOAT32, basis: str = "threshold"
) -> Workload:
    """One token that sees `context` tokens, itself among them: every layer, then the last norm and the head.

    The embedding is a row that the host looks up.
    """
    sections = [(layer_program(shape, context, fmt, basis), shape.layers)]
    if shape.vocabulary:
        sections.append((head_program(shape, fmt, basis), 1))
    return Workload(name, tuple(sections))


def layer_program(shape: DecoderShape, context: int, fmt: FloatFormat, basis: str) -> Program:
    """One layer for one token. Inputs: `hidden`, `cos` and `sin`, `key` and `value` of earlier tokens, weights."""
    w = Writer(Program("layer"), fmt, basis)
    take = w.program.input
    hidden = take("hidden", (1, shape.width), fmt)
    rotary = None
    if shape.rotary:
        pairs = (1, shape.head_dim // 2)
        rotary = take("cos", pairs, fmt), take("sin", pairs, fmt)
    past = None
    if context > 1:
        held = (shape.kv_heads, context - 1, shape.head_dim)
        past = LayerState(take("key", held, fmt), take("value", held, fmt))
    weights = {f"{role}.weight": _weight(w, role, of) for role, of in shape.weights.items()}
    layer = LayerShape(
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        scale=float(np.float32(1 / math.sqrt(shape.head_dim))),
        arrangement="pre_norm",
        norm="rms",
        eps=_EPS,
        activation="silu",
        gated=shape.gated,
        causal=True,
        query_key_norm=shape.query_key_norm,
    )
    out, state = transformer_layer(w.inside("block0"), hidden, weights, layer, rotary, past)
    new = {"new_key": state.key, "new_value": state.value}
    outputs = {name: w.take(value, -2, context - 1, context) for name, value in new.items()}
    w.program.outputs = {"hidden": out, **outputs}
    return w.program


def head_program(shape: DecoderShape, fmt: FloatFormat, basis: str) -> Program:
    """The last norm and the logits."""
    w = Writer(Program("head"), fmt, basis)
    hidden = w.program.input("hidden", (1, shape.width), fmt)
    normed = rms_norm(w.inside("final_norm"), hidden, _weight(w, "final_norm", (shape.width,)), _EPS)
    head = _weight(w, "head", (shape.vocabulary, shape.width))
    w.program.outputs["logits"] = linear(w.inside("head"), normed, head)
    return w.program


def _weight(w: Writer, role: str, shape: tuple[int, ...]) -> Value:
    return w.program.input(WEIGHT + role, shape, w.format)
