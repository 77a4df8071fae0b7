"""One layer of a transformer, decoder or encoder: what the families differ in is data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lava_nexus.programs.attention import causal_mix, merge_heads, mix, split_heads
from lava_nexus.programs.layers import Weights, feed_forward, layer_norm, projection, residual, rms_norm, rotate
from lava_nexus.programs.program import Value
from lava_nexus.programs.writer import Writer


@dataclass(frozen=True)
class LayerShape:
    """What a transformer layer is.

    pre_norm:  h = x + norm(attention(norm(x))); h + norm(feed_forward(norm(h))), of the norms those that have weights
    post_norm: h = norm(attention(x) + x); norm(feed_forward(h) + h)
    parallel:  (attention(norm(x)) + feed_forward(norm(x))) + x, by one norm or two

    Attributes:
        heads, kv_heads: of queries, and of keys and values; kv_heads divides heads.
        head_dim: width of a head.
        scale: what every score is multiplied by.
        arrangement: order of norms, attention and feed-forward part.
        norm: "rms" or "layer".
        eps: of every norm.
        activation: one of `ACTIVATIONS`.
        gated: whether the feed-forward part is down(activation(gate(x)) * up(x)) or down(activation(up(x))).
        causal: whether a token sees only itself and what came before.
        window: most keys that a token sees, None for all.
        query_key_norm: whether each head's queries and keys pass through an RMSNorm of their own before RoPE.
        normed_together: whether that norm is over the channels of all heads.
        residual_scale: what attention and feed-forward part are multiplied by before they are added to the stream.
        softcap: c of scores as c tanh(score / c); None for none.
    """

    heads: int
    kv_heads: int
    head_dim: int
    scale: float
    arrangement: Literal["pre_norm", "post_norm", "parallel"]
    norm: Literal["rms", "layer"]
    eps: float
    activation: str
    gated: bool
    causal: bool
    window: int | None = None
    query_key_norm: bool = False
    normed_together: bool = False
    residual_scale: float = 1.0
    softcap: float | None = None


@dataclass(frozen=True)
class LayerState:
    """Keys, RoPE applied, and values of the tokens so far: [kv_heads, tokens, head_dim] each."""

    key: Value
    value: Value


def transformer_layer(
    w: Writer,
    x: Value,
    weights: Weights,
    shape: LayerShape,
    rotary: tuple[Value, Value] | None = None,
    past: LayerState | None = None,
) -> tuple[Value, LayerState]:
    """(the layer's output for x [tokens, width], keys and values of all tokens so far).

    Args:
        w: where it is written.
        x: the residual stream.
        weights: by role.
        shape: of the layer.
        rotary: cos and sin [tokens, pairs] of the tokens' positions, None without RoPE.
        past: keys and values of earlier tokens.
    """
    if shape.arrangement == "post_norm":
        mixed, state = attend(w.inside("attention"), x, weights, shape, rotary, past)
        h = norm(w, residual(w.inside("attention_residual"), mixed, x), weights, shape, "attention_norm")
        change = _feed(w, h, weights, shape)
        summed = residual(w.inside("feed_forward_residual"), change, h)
        return norm(w, summed, weights, shape, "feed_forward_norm"), state
    normed = _normed(w, x, weights, shape, "attention_norm")
    mixed, state = attend(w.inside("attention"), normed, weights, shape, rotary, past)
    if shape.arrangement == "parallel":
        other = norm(w, x, weights, shape, "feed_forward_norm") if "feed_forward_norm.weight" in weights else normed
        both = residual(w.inside("parallel_sum"), mixed, _feed(w, other, weights, shape))
        return residual(w.inside("residual"), both, x), state
    mixed = _normed(w, mixed, weights, shape, "attention_out_norm")
    h = _added(w.inside("attention_residual"), x, mixed, shape)
    change = _feed(w, _normed(w, h, weights, shape, "feed_forward_norm"), weights, shape)
    change = _normed(w, change, weights, shape, "feed_forward_out_norm")
    return _added(w.inside("feed_forward_residual"), h, change, shape), state


def _normed(w: Writer, x: Value, weights: Weights, shape: LayerShape, role: str) -> Value:
    """The norm of a role; x itself where the layer has none."""
    return norm(w, x, weights, shape, role) if f"{role}.weight" in weights else x


def _added(w: Writer, x: Value, change: Value, shape: LayerShape) -> Value:
    if shape.residual_scale != 1.0:
        change = w.of_kind("residual").apply("mul", change, w.constant(shape.residual_scale))
    return residual(w, x, change)


def norm(w: Writer, x: Value, weights: Weights, shape: LayerShape, role: str) -> Value:
    """The shape's norm with the weights of a role, in a layer of that name."""
    inner, weight = w.inside(role), weights[f"{role}.weight"]
    if shape.norm == "rms":
        return rms_norm(inner, x, weight, shape.eps)
    return layer_norm(inner, x, weight, weights[f"{role}.bias"], shape.eps)


def attend(
    w: Writer,
    x: Value,
    weights: Weights,
    shape: LayerShape,
    rotary: tuple[Value, Value] | None = None,
    past: LayerState | None = None,
) -> tuple[Value, LayerState]:
    """Attention with its four projections: project, norm heads, rotate, mix, merge, project.

    Query head i reads key and value head i // (heads / kv_heads). Source: Ainslie et al., 2023, arXiv 2305.13245.
    """
    query = split_heads(w, _projected(w, x, weights, shape, "query"), shape.heads)
    key = split_heads(w, _projected(w, x, weights, shape, "key"), shape.kv_heads)
    value = split_heads(w, projection(w, x, weights, "value"), shape.kv_heads)
    if shape.query_key_norm and not shape.normed_together:
        query = rms_norm(w.inside("query_norm"), query, weights["query_norm.weight"], shape.eps)
        key = rms_norm(w.inside("key_norm"), key, weights["key_norm.weight"], shape.eps)
    if rotary is not None:
        query, key = rotate(w.inside("query_rotary"), query, *rotary), rotate(w.inside("key_rotary"), key, *rotary)
    if past is not None:
        key, value = w.concatenate((past.key, key), -2), w.concatenate((past.value, value), -2)
    group, tokens = shape.heads // shape.kv_heads, x.shape[-2]
    query = w.reshape(query, shape.kv_heads, group, tokens, shape.head_dim)
    shared = [w.reshape(v, shape.kv_heads, 1, v.shape[-2], shape.head_dim) for v in (key, value)]
    if shape.causal:
        mixed = causal_mix(w, query, shared[0], shared[1], shape.scale, shape.window, shape.softcap)
    else:
        mixed = mix(w, query, shared[0], shared[1], shape.scale, shape.softcap)
    merged = merge_heads(w, w.reshape(mixed, shape.heads, tokens, shape.head_dim))
    return projection(w, merged, weights, "output"), LayerState(key, value)


def _projected(w: Writer, x: Value, weights: Weights, shape: LayerShape, role: str) -> Value:
    """Queries or keys, with the norm over all heads where there is one."""
    y = projection(w, x, weights, role)
    if not (shape.query_key_norm and shape.normed_together):
        return y
    return rms_norm(w.inside(f"{role}_norm"), y, weights[f"{role}_norm.weight"], shape.eps)


def _feed(w: Writer, x: Value, weights: Weights, shape: LayerShape) -> Value:
    return feed_forward(w.inside("feed_forward"), x, weights, shape.activation, shape.gated)
