"""A LLaMA in plain PyTorch, to be trained: module by module, so that each can be looked into.

Importing it imports PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lava_nexus.lab.training.witness import FeedForward, RMSNorm

_NAMES = {
    "embedding": "model.embed_tokens",
    "final_norm": "model.norm",
    "head": "lm_head",
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
    **{f"attention.{name}": f"self_attn.{name[0]}_proj" for name in ("query", "key", "value", "output")},
    **{f"feed_forward.{name}": f"mlp.{name}_proj" for name in ("gate", "up", "down")},
}


class Decoder(nn.Module):
    """Tokens [batch, tokens] to logits [batch, tokens, words]; weights N(0, 1 / inputs), norms 1.

    Source: Touvron et al., 2023, arXiv 2302.13971.

    Args:
        sizes: keys and values of a config.json.
    """

    def __init__(self, sizes: Mapping[str, Any]) -> None:
        super().__init__()
        words, width, eps = sizes["vocab_size"], sizes["hidden_size"], sizes["rms_norm_eps"]
        self.embedding = nn.Embedding(words, width)
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes["num_hidden_layers"]))
        self.final_norm = RMSNorm(width, eps)
        self.head = nn.Linear(width, words, bias=False)
        pairs = sizes["head_dim"] // 2
        rates = sizes["rope_theta"] ** (-torch.arange(pairs) / pairs)
        self.register_buffer("rates", rates, persistent=False)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=1 / math.sqrt(parameter.shape[-1]))

    def tensors(self) -> dict[str, Tensor]:
        """Weights by their names in a checkpoint."""
        return {_stored(name): parameter.detach() for name, parameter in self.named_parameters()}

    def forward(self, ids: Tensor) -> Tensor:
        """As the class says."""
        x, tokens = self.embedding(ids), ids.shape[-1]
        positions = torch.arange(tokens, dtype=x.dtype, device=x.device)
        angles = positions[:, None] * self.rates
        cos, sin = angles.cos(), angles.sin()
        mask = torch.full((tokens, tokens), float("-inf"), dtype=x.dtype, device=x.device).triu(1)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        logits: Tensor = self.head(self.final_norm(x))
        return logits


class Layer(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""

    def __init__(self, sizes: Mapping[str, Any]) -> None:
        super().__init__()
        width, eps = sizes["hidden_size"], sizes["rms_norm_eps"]
        self.attention_norm = RMSNorm(width, eps)
        self.attention = CausalAttention(sizes)
        self.feed_forward_norm = RMSNorm(width, eps)
        self.feed_forward = FeedForward(width, sizes["intermediate_size"])

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """[batch, tokens, width] to the same."""
        x = x + self.attention(self.attention_norm(x), cos, sin, mask)
        changed: Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return changed


class CausalAttention(nn.Module):
    """softmax(scale * q k^T + mask) v in every head, RoPE before it, a key head for several of queries; no biases."""

    def __init__(self, sizes: Mapping[str, Any]) -> None:
        super().__init__()
        width, self.inner = sizes["hidden_size"], sizes["head_dim"]
        self.heads, self.key_heads = sizes["num_attention_heads"], sizes["num_key_value_heads"]
        self.query = nn.Linear(width, self.heads * self.inner, bias=False)
        self.key = nn.Linear(width, self.key_heads * self.inner, bias=False)
        self.value = nn.Linear(width, self.key_heads * self.inner, bias=False)
        self.output = nn.Linear(self.heads * self.inner, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """[batch, tokens, width] to the same; cos and sin [tokens, pairs], mask [tokens, tokens]."""
        q, k, v = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        q, k = _turned(q, cos, sin), _turned(k, cos, sin)
        group, shape = self.heads // self.key_heads, q.shape
        k, v = (part[:, :, None].expand(-1, -1, group, -1, -1).reshape(shape) for part in (k, v))
        scores = q @ k.transpose(-2, -1) * self.inner**-0.5 + mask
        mixed: Tensor = self.output((torch.softmax(scores, dim=-1) @ v).transpose(1, 2).flatten(start_dim=2))
        return mixed

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.inner)).transpose(1, 2)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    low, high = x.chunk(2, -1)
    return torch.cat([low * cos - high * sin, high * cos + low * sin], -1)


def _stored(name: str) -> str:
    """model.layers.0.mlp.up_proj.weight for layers.0.feed_forward.up.weight."""
    start, _, own = name.removesuffix(".weight").rpartition("layers.")
    if not start and not name.startswith("layers."):
        return f"{_NAMES[own]}.weight"
    number, _, module = own.partition(".")
    return f"model.layers.{number}.{_NAMES[module]}.weight"
