"""The digits transformer in plain PyTorch: the outside witness of the gate program, and what is trained.

It shares the specification (sizes, tensor names) with the program and nothing else. Importing it imports PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_nexus.models.digits import DIGITS, TransformerSpec


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight over the last axis.

    Source: B. Zhang, R. Sennrich, Root Mean Square Layer Normalization, arXiv 1910.07467.
    """

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] to [..., width]."""
        mean_square = (x * x).mean(dim=-1, keepdim=True)
        return x / torch.sqrt(mean_square + self.eps) * self.weight


class Attention(nn.Module):
    """softmax(scale * q k^T) v in every head, all tokens seen by all, then a projection; no biases.

    Source: A. Vaswani et al., Attention Is All You Need, arXiv 1706.03762.
    """

    def __init__(self, spec: TransformerSpec) -> None:
        super().__init__()
        self.spec = spec
        self.query = nn.Linear(spec.d_model, spec.d_model, bias=False)
        self.key = nn.Linear(spec.d_model, spec.d_model, bias=False)
        self.value = nn.Linear(spec.d_model, spec.d_model, bias=False)
        self.output = nn.Linear(spec.d_model, spec.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[n, tokens, d_model] to [n, tokens, d_model]."""
        q, k, v = self._heads(self.query(x)), self._heads(self.key(x)), self._heads(self.value(x))
        weights = torch.softmax(q @ k.transpose(-2, -1) * self.spec.scale, dim=-1)
        mixed: Tensor = self.output((weights @ v).transpose(1, 2).flatten(start_dim=2))
        return mixed

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.spec.heads, self.spec.head_dim)).transpose(1, 2)


class FeedForward(nn.Module):
    """SwiGLU: (SiLU(x gate^T) * (x up^T)) down^T, no biases.

    Source: N. Shazeer, GLU Variants Improve Transformer, arXiv 2002.05202.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., d_model] to [..., d_model]."""
        projected: Tensor = self.down(nn.functional.silu(self.gate(x)) * self.up(x))
        return projected


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)); dropout acts on what is added, in training only."""

    def __init__(self, spec: TransformerSpec, dropout: float) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(spec.d_model, spec.eps)
        self.attention = Attention(spec)
        self.feed_forward_norm = RMSNorm(spec.d_model, spec.eps)
        self.feed_forward = FeedForward(spec.d_model, spec.hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[n, tokens, d_model] to [n, tokens, d_model]."""
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class DigitsTransformer(nn.Module):
    """The whole model; names and shapes of its parameters are `spec.tensors`."""

    def __init__(self, spec: TransformerSpec = DIGITS, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Linear(spec.token_width, spec.d_model)
        self.positions = nn.Parameter(0.02 * torch.randn(spec.tokens, spec.d_model))
        self.blocks = nn.ModuleList(Block(spec, dropout) for _ in range(spec.blocks))
        self.final_norm = RMSNorm(spec.d_model, spec.eps)
        self.classifier = nn.Linear(spec.d_model, spec.classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [n, tokens, token_width] to logits [n, classes]."""
        x = self.embedding(tokens) + self.positions
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.classifier(self.final_norm(x).mean(dim=1))
        return logits


def witness(tensors: Mapping[str, NDArray[Any]], spec: TransformerSpec = DIGITS) -> DigitsTransformer:
    """The model with these weights (names and shapes of `spec.tensors`), in evaluation mode."""
    model = DigitsTransformer(spec)
    model.load_state_dict({name: torch.from_numpy(np.array(tensor, np.float32)) for name, tensor in tensors.items()})
    model.eval()
    return model


def witness_logits(
    tensors: Mapping[str, NDArray[Any]],
    tokens: NDArray[np.floating[Any]],
    spec: TransformerSpec = DIGITS,
    precision: type[np.float32] | type[np.float64] = np.float32,
) -> NDArray[Any]:
    """PyTorch's logits [n, classes] of tokens [n, tokens, token_width], computed in the precision."""
    inputs = torch.from_numpy(np.ascontiguousarray(tokens, precision))
    with torch.inference_mode():
        logits = witness(tensors, spec).to(inputs.dtype)(inputs)
    return np.asarray(logits.numpy())
