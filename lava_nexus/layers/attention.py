"""Multi-head attention."""

from __future__ import annotations

from lava_nexus.layers.normalisation import softmax
from lava_nexus.layers.program import Value
from lava_nexus.layers.writer import Writer


def split_heads(w: Writer, x: Value, heads: int) -> Value:
    """[tokens, heads * width] to [heads, tokens, width]."""
    tokens, width = x.shape
    return w.transpose(w.reshape(x, tokens, heads, width // heads), -2, -3, -1)


def merge_heads(w: Writer, x: Value) -> Value:
    """[heads, tokens, width] to [tokens, heads * width]."""
    heads, tokens, width = x.shape
    return w.reshape(w.transpose(x, -2, -3, -1), tokens, heads * width)


def mix(w: Writer, query: Value, key: Value, value: Value, scale: float) -> Value:
    """softmax(query key^T * scale) value for each head, over all keys.

    Shapes: query [..., tokens, width], key and value [..., keys, width]; axes before those broadcast.
    """
    scores = w.inside("scores").of_kind("attention")
    scaled = scores.apply("mul", scores.contract(query, key), w.constant(scale))
    weights = softmax(w.inside("softmax"), scaled)
    inner = w.inside("values").of_kind("attention")
    return inner.contract(weights, inner.swapped(value))


def causal_mix(w: Writer, query: Value, key: Value, value: Value, scale: float, window: int | None = None) -> Value:
    """`mix` in which a token sees itself and what came before, at most `window` keys in all.

    The last query stands at the last key. The mask is structural: the maximum and every sum of a token run over the
    keys that it sees, in their order, and nothing is computed for the others. So a token's bits do not depend on what
    comes after it, nor on whether keys and values come from a cache.

    Shapes: query [..., tokens, width], key and value [..., keys, width] with keys >= tokens.
    """
    tokens, keys = query.shape[-2], key.shape[-2]
    rows = []
    for token in range(tokens):
        stop = keys - tokens + token + 1
        start = 0 if window is None else max(0, stop - window)
        seen = (w.take(key, -2, start, stop), w.take(value, -2, start, stop))
        rows.append(mix(w, w.take(query, -2, token, token + 1), *seen, scale))
    return w.concatenate(rows, -2)
