"""Multi-head attention."""

from __future__ import annotations

from dataclasses import dataclass

from lava_nexus.programs.excerpt import Excerpt, Span
from lava_nexus.programs.layers import capped, softmax
from lava_nexus.programs.program import Value
from lava_nexus.programs.writer import Writer


def split_heads(w: Writer, x: Value, heads: int) -> Value:
    """[tokens, heads * width] to [heads, tokens, width]."""
    tokens, width = x.shape
    return w.transpose(w.reshape(x, tokens, heads, width // heads), -2, -3, -1)


def merge_heads(w: Writer, x: Value) -> Value:
    """[heads, tokens, width] to [tokens, heads * width]."""
    heads, tokens, width = x.shape
    return w.reshape(w.transpose(x, -2, -3, -1), tokens, heads * width)


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
    w = w.of_kind("attention")
    product = w.contract(query, key, excerpt=None if seen is None else seen.scores(query.shape[-1]))
    return w.apply("mul", product, w.constant(scale))


def aggregate(w: Writer, weights: Value, value: Value, seen: Seen | None = None) -> Value:
    """weights value; of one token's weights and the values that it sees where `seen` says so."""
    w = w.of_kind("attention")
    return w.contract(weights, w.swapped(value), excerpt=None if seen is None else seen.values(value.shape[-1]))


def _mixed(
    w: Writer, query: Value, key: Value, value: Value, scale: float, seen: Seen | None, softcap: float | None
) -> Value:
    scores = scaled_scores(w.inside("scores"), query, key, scale, seen)
    scores = scores if softcap is None else capped(w.inside("softcap").of_kind("attention"), scores, softcap)
    part = None if seen is None else seen.scores(query.shape[-1])
    weights = softmax(w.inside("softmax"), scores, part)
    return aggregate(w.inside("values"), weights, value, seen)
