"""One layer of a transformer, decoder or encoder: what the families differ in is data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lava_nexus.programs import shared
from lava_nexus.programs.excerpt import Excerpt, Span
from lava_nexus.programs.layers import (
    Normed,
    Weights,
    capped,
    deferred_norm,
    feed_forward,
    layer_norm,
    merge_heads,
    projection,
    residual,
    rms_norm,
    rotate,
    softmax,
    split_heads,
    widened,
)
from lava_nexus.programs.program import Value
from lava_nexus.programs.routing import Routing, mixture
from lava_nexus.programs.writer import Writer


def mix(w: Writer, query: Value, key: Value, value: Value, scale: float, softcap: float | None = None) -> Value:
    """softmax(query key^T * scale) value for each head, over all keys; scores s as c tanh(s / c) where c is given.

    Shapes: query [..., tokens, width], key and value [..., keys, width]; axes before those broadcast.
    """
    return _mixed(w, query, key, value, scale, None, softcap)


def causal_mix(
    w: Writer,
    query: Value,
    key: Value,
    value: Value,
    scale: float,
    window: int | None = None,
    softcap: float | None = None,
) -> Value:
    """`mix` in which a token sees itself and what came before, at most `window` keys in all.

    The last query stands at the last key. The mask is structural: the maximum and every sum of a token run over the
    keys that it sees, in their order, and nothing is computed for the others. So a token's bits do not depend on what
    comes after it, nor on whether keys and values come from a cache. Where orders come from PyTorch, they are those
    of its product of all these queries with all keys that one of them sees, whose masked weights are zeros.

    Shapes: query [..., tokens, width], key and value [..., keys, width] with keys >= tokens.
    """
    rows = []
    for seen in seen_by(query.shape[-2], key.shape[-2], window):
        operands = w.take(query, -2, seen.token.start, seen.token.stop), seen.of(w, key), seen.of(w, value)
        rows.append(_mixed(w, *operands, scale, seen, softcap))
    return w.concatenate(rows, -2)


@dataclass(frozen=True)
class Seen:
    """What one token of causal attention sees.

    Attributes:
        token: among those computed together.
        keys: that it sees, among all that one of these tokens sees.
        skipped: keys before those, which none of them sees.
    """

    token: Span
    keys: Span
    skipped: int

    def of(self, w: Writer, operand: Value) -> Value:
        """The rows seen of keys or values [..., keys, width]."""
        return w.take(operand, -2, self.skipped + self.keys.start, self.skipped + self.keys.stop)

    def scores(self, width: int) -> Excerpt:
        """Which part of query key^T its scores are."""
        return Excerpt(self.token, self.keys, Span.all(width))

    def values(self, width: int) -> Excerpt:
        """Which part of weights value its result is."""
        return Excerpt(self.token, Span.all(width), self.keys)


def seen_by(tokens: int, keys: int, window: int | None) -> list[Seen]:
    """What each token sees; the last one stands at the last key."""
    stops = range(keys - tokens + 1, keys + 1)
    starts = [0 if window is None else max(0, stop - window) for stop in stops]
    first = starts[0]
    return [
        Seen(Span(row, row + 1, tokens), Span(start - first, stop - first, keys - first), first)
        for row, (start, stop) in enumerate(zip(starts, stops, strict=True))
    ]


def scaled_scores(w: Writer, query: Value, key: Value, scale: float, seen: Seen | None = None) -> Value:
    """query key^T * scale; of one token's query and the keys that it sees where `seen` says so."""
    w = replace(w.of_kind("attention"), fresh="all" if seen is None else "row")
    if w.operators != "steps":  # there are fewer queries than scores
        return w.exact(shared.times_constant(w, query, scale), key)
    product = w.contract(query, key, excerpt=None if seen is None else seen.scores(query.shape[-1]))
    return w.apply("mul", product, w.constant(scale))


def aggregate(w: Writer, weights: Value, value: Value, seen: Seen | None = None) -> Value:
    """weights value; of one token's weights and the values that it sees where `seen` says so."""
    w = replace(w.of_kind("attention"), fresh="all" if seen is None else "term")
    return w.contract(weights, w.swapped(value), excerpt=None if seen is None else seen.values(value.shape[-1]))


def _mixed(
    w: Writer, query: Value, key: Value, value: Value, scale: float, seen: Seen | None, softcap: float | None
) -> Value:
    scores = scaled_scores(w.inside("scores"), query, key, scale, seen)
    scores = scores if softcap is None else capped(w.inside("softcap").of_kind("attention"), scores, softcap)
    inner = w.inside("softmax")
    if w.operators != "steps" and w.nonlinear.options("softmax", inner.layer) is None:
        values = replace(w.inside("values").of_kind("attention"), fresh="all" if seen is None else "term")
        return shared.weighted_values(values, widened(inner.of_kind("softmax")), scores, w.swapped(value))
    part = None if seen is None else seen.scores(query.shape[-1])
    weights = softmax(inner, scores, part)
    return aggregate(w.inside("values"), weights, value, seen)


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
        routing: of a feed-forward part of several experts; None for one.
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
    routing: Routing | None = None


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
    normed = _led(w, x, weights, shape, "attention_norm")
    mixed, state = attend(w.inside("attention"), normed, weights, shape, rotary, past)
    if shape.arrangement == "parallel":
        other = _led(w, x, weights, shape, "feed_forward_norm") if "feed_forward_norm.weight" in weights else normed
        both = residual(w.inside("parallel_sum"), mixed, _feed(w, other, weights, shape))
        return residual(w.inside("residual"), both, x), state
    mixed = _normed(w, mixed, weights, shape, "attention_out_norm")
    h = _added(w.inside("attention_residual"), x, mixed, shape)
    change = _feed(w, _led(w, h, weights, shape, "feed_forward_norm"), weights, shape)
    change = _normed(w, change, weights, shape, "feed_forward_out_norm")
    return _added(w.inside("feed_forward_residual"), h, change, shape), state


def _normed(w: Writer, x: Value, weights: Weights, shape: LayerShape, role: str) -> Value:
    """The norm of a role; x itself where the layer has none."""
    return norm(w, x, weights, shape, role) if f"{role}.weight" in weights else x


def _led(w: Writer, x: Value, weights: Weights, shape: LayerShape, role: str) -> Value | Normed:
    """The norm of a role that leads to linear layers alone."""
    inner, name = w.inside(role), f"{role}.weight"
    behind = w.operators == "deferred" and name in weights and shape.norm == "rms" and shape.routing is None
    if behind and w.nonlinear.options("rms_norm", inner.layer) is None:
        return deferred_norm(inner, x, weights[name], shape.eps)
    return _normed(w, x, weights, shape, role)


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
    x: Value | Normed,
    weights: Weights,
    shape: LayerShape,
    rotary: tuple[Value, Value] | None = None,
    past: LayerState | None = None,
) -> tuple[Value, LayerState]:
    """Attention with its four projections: project, norm heads, rotate, mix, merge, project.

    Query head i reads key and value head i // (heads / kv_heads). Source: Ainslie et al., 2023, arXiv 2305.13245.
    """
    asked, scale = x, shape.scale  # of queries with a factor behind, which takes longer, before their layer
    if isinstance(x, Normed) and rotary is None and not shape.query_key_norm and "query.bias" not in weights:
        asked, scale = x.times(w.inside("query.scale"), scale), 1.0
    query = split_heads(w, _projected(w, asked, weights, shape, "query"), shape.heads)
    key = split_heads(w, _projected(w, x, weights, shape, "key"), shape.kv_heads)
    value = split_heads(w, projection(w, x, weights, "value"), shape.kv_heads)
    if shape.query_key_norm and not shape.normed_together:
        query = rms_norm(w.inside("query_norm"), query, weights["query_norm.weight"], shape.eps)
        key = rms_norm(w.inside("key_norm"), key, weights["key_norm.weight"], shape.eps)
    if rotary is not None:
        turn, angles = w.inside("query_rotary"), rotary
        if w.operators != "steps" and 2 * rotary[0].shape[-1] == shape.head_dim:  # scores are scaled by their angles
            cos, sin = (shared.times_constant(widened(turn), angle, scale) for angle in rotary)
            angles, scale = (cos, sin), 1.0
        query, key = rotate(turn, query, *angles), rotate(w.inside("key_rotary"), key, *rotary)
    if past is not None:
        key, value = w.concatenate((past.key, key), -2), w.concatenate((past.value, value), -2)
    group, tokens = shape.heads // shape.kv_heads, x.shape[-2]
    query = w.reshape(query, shape.kv_heads, group, tokens, shape.head_dim)
    both = [w.reshape(v, shape.kv_heads, 1, v.shape[-2], shape.head_dim) for v in (key, value)]
    if shape.causal:
        mixed = causal_mix(w, query, both[0], both[1], scale, shape.window, shape.softcap)
    else:
        mixed = mix(w, query, both[0], both[1], scale, shape.softcap)
    merged = merge_heads(w, w.reshape(mixed, shape.heads, tokens, shape.head_dim))
    return projection(w, merged, weights, "output"), LayerState(key, value)


def _projected(w: Writer, x: Value | Normed, weights: Weights, shape: LayerShape, role: str) -> Value:
    """Queries or keys, with the norm over all heads where there is one."""
    y = projection(w, x, weights, role)
    if not (shape.query_key_norm and shape.normed_together):
        return y
    return rms_norm(w.inside(f"{role}_norm"), y, weights[f"{role}_norm.weight"], shape.eps)


def _feed(w: Writer, x: Value | Normed, weights: Weights, shape: LayerShape) -> Value:
    w = w.inside("feed_forward")
    if shape.routing is not None and isinstance(x, Value):
        return mixture(w, x, weights, shape.activation, shape.routing)
    return feed_forward(w, x, weights, shape.activation, shape.gated)
