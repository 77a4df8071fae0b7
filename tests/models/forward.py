"""Transformers in plain loops over numpy scalars of one format: what the programs must equal in every bit."""

from __future__ import annotations

from math import erf, sqrt, tanh
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.programs import oracle

Values = NDArray[Any]
Tensors = dict[str, Values]


def angles(tokens: int, pairs: int, dtype: Any, theta: float = 10000.0) -> tuple[Values, Values]:
    """cos and sin [tokens, pairs]: the angle rounded to FP32, each function to FP32, then to the format."""
    exponents = [float(np.float32(2 * i) / np.float32(2 * pairs)) for i in range(pairs)]
    inverse = [np.float32(1) / np.float32(theta**exponent) for exponent in exponents]
    turns = np.array([[np.float32(t) * f for f in inverse] for t in range(tokens)], np.float64)
    return tuple(f(turns).astype(np.float32).astype(dtype) for f in (np.cos, np.sin))  # type: ignore[return-value]


def rotate(x: Values, cos: Values, sin: Values) -> Values:
    """x [tokens, width], the first 2 * pairs channels turned."""
    pairs = cos.shape[1]
    out = x.copy()
    for t in range(len(x)):
        for i in range(pairs):
            a, b = x[t, i], x[t, i + pairs]
            out[t, i] = a * cos[t, i] - b * sin[t, i]
            out[t, i + pairs] = b * cos[t, i] + a * sin[t, i]
    return out


def linear(x: Values, tensors: Tensors, name: str) -> Values:
    """x weight^T + bias."""
    y = oracle.matmul(x, tensors[f"{name}.weight"])
    return y + tensors[f"{name}.bias"] if f"{name}.bias" in tensors else y


def layer_norm(x: Values, tensors: Tensors, name: str, eps: float) -> Values:
    """(x - mean) / sqrt(mean square + eps) * weight + bias."""
    d = x - (oracle.fold(x) / x.dtype.type(x.shape[-1]))[..., None]
    return oracle.rms_norm(d, tensors[f"{name}.weight"], eps) + tensors[f"{name}.bias"]


def attend(q: Values, k: Values, v: Values, scale: float, causal: bool, window: int | None) -> Values:
    """One head, [tokens, width] each."""
    rows = []
    for t in range(len(q)):
        stop = t + 1 if causal else len(k)
        start = max(0, stop - window) if window else 0
        scores = oracle.matmul(q[t : t + 1], k[start:stop]) * q.dtype.type(np.float32(scale))
        rows.append(oracle.matmul(oracle.softmax(scores), np.ascontiguousarray(v[start:stop].T)))
    return np.concatenate(rows)


def attention(x: Values, tensors: Tensors, names: dict[str, str], shape: Any) -> Values:
    """Attention of a layer; `names` from role to tensor name."""
    q, k, v = (linear(x, tensors, names[role]) for role in ("query", "key", "value"))
    width, scale, parts = shape.head_dim, 1 / sqrt(shape.head_dim), []
    for head in range(shape.heads):
        other = head // (shape.heads // shape.kv_heads)
        mine = q[:, head * width : (head + 1) * width]
        key, value = (m[:, other * width : (other + 1) * width] for m in (k, v))
        if shape.query_key_norm:
            mine = oracle.rms_norm(mine, tensors[names["query_norm"] + ".weight"], shape.eps)
            key = oracle.rms_norm(key, tensors[names["key_norm"] + ".weight"], shape.eps)
        if names["pairs"]:
            cos_sin = angles(len(x), int(names["pairs"]), x.dtype)
            mine, key = rotate(mine, *cos_sin), rotate(key, *cos_sin)
        parts.append(attend(mine, key, value, scale, shape.causal, shape.window))
    return linear(np.concatenate(parts, axis=1), tensors, names["output"])


def activation(x: Values, name: str) -> Values:
    """Correctly rounded, through FP64; SiLU in its four steps."""
    functions = {
        "gelu": lambda a: a * 0.5 * (1 + erf(a / sqrt(2))),
        "gelu_tanh": lambda a: 0.5 * a * (1 + tanh(sqrt(2 / np.pi) * (a + 0.044715 * a**3))),
    }
    if name == "silu":
        return oracle.silu(x)
    return np.vectorize(lambda a: x.dtype.type(functions[name](float(a))), otypes=[x.dtype])(x)


def layer(x: Values, tensors: Tensors, names: dict[str, str], shape: Any) -> Values:
    """One layer of any arrangement."""

    def norm(h: Values, role: str) -> Values:
        if shape.norm == "layer":
            return layer_norm(h, tensors, names[role], shape.eps)
        return oracle.rms_norm(h, tensors[names[role] + ".weight"], shape.eps)

    def feed(h: Values) -> Values:
        up = linear(h, tensors, names["up"])
        inner = activation(linear(h, tensors, names["gate"]), shape.activation) * up if shape.gated else None
        return linear(activation(up, shape.activation) if inner is None else inner, tensors, names["down"])

    if shape.arrangement == "post_norm":
        h = norm(attention(x, tensors, names, shape) + x, "attention_norm")
        return norm(feed(h) + h, "feed_forward_norm")
    n = norm(x, "attention_norm")
    mixed = attention(n, tensors, names, shape)
    if shape.arrangement == "parallel":
        return (mixed + feed(n)) + x
    h = x + mixed
    return h + feed(norm(h, "feed_forward_norm"))
