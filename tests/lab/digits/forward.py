"""The digits transformer written out in float64 loops over tokens and heads, for comparison."""

from __future__ import annotations

import numpy as np


def forward(w, sequence, heads, eps, scale):
    """Logits of one sequence [tokens, token_width]."""
    w = {name: tensor.astype(np.float64) for name, tensor in w.items()}
    x = np.array([w["embedding.weight"] @ t for t in sequence]) + w["embedding.bias"] + w["positions"]
    blocks = 1 + max(int(name.split(".")[1]) for name in w if name.startswith("blocks."))
    for i in range(blocks):
        part = {name.removeprefix(f"blocks.{i}."): t for name, t in w.items() if name.startswith(f"blocks.{i}.")}
        x = x + attention(part, norm(x, part["attention_norm.weight"], eps), heads, scale)
        x = x + feed_forward(part, norm(x, part["feed_forward_norm.weight"], eps))
    pooled = sum(norm(x, w["final_norm.weight"], eps)) / len(sequence)
    return w["classifier.weight"] @ pooled + w["classifier.bias"]


def norm(x, weight, eps):
    return np.array([row / np.sqrt(sum(row**2) / len(row) + eps) * weight for row in x])


def attention(part, x, heads, scale):
    q, k, v = (np.array([part[f"attention.{name}.weight"] @ row for row in x]) for name in ("query", "key", "value"))
    width = x.shape[1] // heads
    mixed = np.zeros_like(x)
    for head in range(heads):
        channels = slice(head * width, (head + 1) * width)
        for token in range(len(x)):
            terms = np.exp([scale * np.dot(q[token, channels], other[channels]) for other in k])
            mixed[token, channels] = sum(t * other[channels] for t, other in zip(terms, v, strict=True)) / sum(terms)
    return np.array([part["attention.output.weight"] @ row for row in mixed])


def feed_forward(part, x):
    out = []
    for row in x:
        gate, up = part["feed_forward.gate.weight"] @ row, part["feed_forward.up.weight"] @ row
        out.append(part["feed_forward.down.weight"] @ (gate / (1 + np.exp(-gate)) * up))
    return np.array(out)
