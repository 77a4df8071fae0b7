"""Transformer blocks."""

from __future__ import annotations

from dataclasses import dataclass

from lava_nexus.layers.attention import AttentionWeights, attention
from lava_nexus.layers.feed_forward import FeedForwardWeights, swiglu
from lava_nexus.layers.linear import residual
from lava_nexus.layers.normalisation import rms_norm
from lava_nexus.layers.program import Value
from lava_nexus.layers.writer import Writer


@dataclass(frozen=True)
class BlockWeights:
    """Weights of a pre-norm block; norms are [width]."""

    attention_norm: Value
    attention: AttentionWeights
    feed_forward_norm: Value
    feed_forward: FeedForwardWeights


def pre_norm_block(w: Writer, x: Value, weights: BlockWeights, heads: int, scale: float, eps: float) -> Value:
    """h = x + attention(norm(x)); h + swiglu(norm(h)), for x [tokens, width]."""
    normed = rms_norm(w.inside("attention_norm"), x, weights.attention_norm, eps)
    mixed = attention(w.inside("attention"), normed, weights.attention, heads, scale)
    h = residual(w.inside("attention_residual"), x, mixed)
    normed = rms_norm(w.inside("feed_forward_norm"), h, weights.feed_forward_norm, eps)
    change = swiglu(w.inside("feed_forward"), normed, weights.feed_forward)
    return residual(w.inside("feed_forward_residual"), h, change)
