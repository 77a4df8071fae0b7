"""PyTorch, the outside witness of the ULP tables: layers, single operations, and gated pre-norm decoders.

A decoder (Qwen3, LLaMA, Mistral) is computed as the transformers library does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.models.model import Model
from lava_nexus.torch.tensors import DTYPES, from_torch, to_torch

Tensors = dict[str, Tensor]
Values = NDArray[Any]


def _divided_by_root(v: Tensors, eps: float) -> Tensor:
    x = v["x"]
    return x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + eps) * v["weight"]


FORWARD: dict[str, Callable[[Tensors, float], Tensor]] = {
    "linear": lambda v, eps: functional.linear(v["x"], v["weight"], v["bias"]),
    "rms_norm": _divided_by_root,
    "silu": lambda v, eps: functional.silu(v["x"]),
    "softmax": lambda v, eps: torch.softmax(v["x"], dim=-1),
    "qkv_projection": lambda v, eps: functional.linear(v["x"], v["weight"]),
    "output_projection": lambda v, eps: functional.linear(v["x"], v["weight"]),
    "attention_scores": lambda v, eps: v["x"] @ v["key"].T * v["x"].shape[-1] ** -0.5,
    "value_aggregation": lambda v, eps: v["weights"] @ v["x"],
}


def component_in_torch(
    name: str, feeds: Mapping[str, Values], eps: float, fmt: FloatFormat, double: bool = False
) -> dict[str, Values] | None:
    """Outputs by part, [problems, ...]: in the format, or with `double` in float64, not rounded.

    Each problem is a call of its own, so that a weight's gradient sums over its own tokens only. None where PyTorch has
    no arithmetic in the format.
    """
    found: dict[str, list[Values]] = {}
    for i in range(len(feeds["x"])):
        tensors = {key: to_torch(array[i], fmt, double) for key, array in feeds.items()}
        if any(tensor is None for tensor in tensors.values()):
            return None
        outputs = _one(FORWARD[name], {key: t for key, t in tensors.items() if t is not None}, eps)
        for part, tensor in outputs.items():
            found.setdefault(part, []).append(from_torch(tensor, fmt))
    return {part: np.stack(arrays) for part, arrays in found.items()}


def _one(forward: Callable[[Tensors, float], Tensor], tensors: Tensors, eps: float) -> Tensors:
    """Forward pass, and gradients where there is a dy."""
    leaves = {key: tensor.requires_grad_() for key, tensor in tensors.items() if key != "dy"}
    y = forward(leaves, eps)
    if "dy" not in tensors:
        return {"forward": y.detach()}
    grads = torch.autograd.grad(y, list(leaves.values()), tensors["dy"])
    return {"forward": y.detach(), **{f"grad {key}": grad for key, grad in zip(leaves, grads, strict=True)}}


def swiglu_in_torch(
    x: NDArray[Any], weights: Mapping[str, NDArray[Any]], fmt: FloatFormat, double: bool = False
) -> NDArray[Any]:
    """(silu(x gate^T) * (x up^T)) down^T in the format, or with `double` in float64, not rounded.

    Raises:
        NexusError: PyTorch has no arithmetic in the format.
    """
    tensors = {name: to_torch(values, fmt, double) for name, values in {"x": x, **weights}.items()}
    if any(tensor is None for tensor in tensors.values()):
        raise NexusError(f"'methods' is compared with PyTorch, which has no arithmetic in {fmt}")
    gate, up = (functional.linear(tensors["x"], tensors[name]) for name in ("gate", "up"))
    return from_torch(functional.linear(functional.silu(gate) * up, tensors["down"]), fmt)


# PyTorch has no fused multiply-add, no exact dot product and no conversion to compare in ULP.
IN_TORCH: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "sqrt": torch.sqrt,
    "reciprocal": torch.reciprocal,
    "rsqrt": torch.rsqrt,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    "erf": torch.erf,
    "neg": torch.neg,
    "abs": torch.abs,
    "min": torch.minimum,
    "max": torch.maximum,
}


def operation_in_torch(
    name: str, operands: Sequence[NDArray[Any]], fmt: FloatFormat, double: bool = False
) -> NDArray[Any] | None:
    """The results: in the format, or with `double` in float64, not rounded; None where PyTorch cannot compute them."""
    tensors = [to_torch(operand, fmt, double) for operand in operands]
    if name not in IN_TORCH or any(tensor is None for tensor in tensors):
        return None
    return from_torch(IN_TORCH[name](*tensors), fmt)


Weights = Mapping[str, Tensor]
Function = Callable[..., Tensor]
Watch = Callable[[str, int, Function, tuple[Tensor, ...], Tensor], None]
"""Told of an operation: its name, the layer, what computes it, its operands and its result."""


@dataclass(frozen=True)
class DecoderWitness:
    """The model's own weights, rounded to its format, in PyTorch.

    Attributes:
        model: whose weights they are.
        double: whether all is computed in float64.
        watch: told of every product, norm, softmax and activation.
    """

    model: Model
    double: bool = False
    watch: Watch | None = None

    def __post_init__(self) -> None:
        spec, fmt = self.model.spec, self.format
        if not spec.plain:
            raise NexusError(
                f"PyTorch's column has no model of architecture '{spec.kind}', only gated pre-norm decoders"
            )
        if fmt.name not in DTYPES:
            raise NexusError(f"PyTorch's column has no arithmetic in {fmt}; choose one of {', '.join(DTYPES)}")

    @property
    def format(self) -> FloatFormat:
        """Of the weights, and of the arithmetic unless `double`."""
        return self.model.arithmetic.format

    def run(self, tokens: NDArray[np.int64], logits: str) -> tuple[list[NDArray[Any]], NDArray[Any]]:
        """Hidden states [tokens, width] that enter the first layer and leave each; logits of "all" or the last."""
        spec, source = self.model.spec, self.model.source
        x = self._tensors(source.tensors(spec.embedding_tensors))["words.weight"][torch.from_numpy(tokens)]
        hidden = [x]
        for layer in range(spec.layers):
            x = self._layer(x, layer)
            hidden.append(x)
        ending = self._tensors(source.tensors(spec.ending_tensors))
        behind = spec.layers
        x = self._norm(x if logits == "all" else x[-1:], ending["final_norm.weight"], behind)
        head = self._tensors(source.tensors(spec.head_tensors))["head.weight"]
        y = self._told("head", behind, functional.linear, x, head)
        return [self._out(h) for h in hidden], self._out(y)

    def attention(self, x: NDArray[Any], layer: int) -> NDArray[Any]:
        """The attention part of a layer on numbers [tokens, width] that are normed already."""
        return self._out(self._attend(self._in(x), self._weights(layer), layer))

    def feed_forward(self, x: NDArray[Any], layer: int) -> NDArray[Any]:
        """The feed-forward part."""
        return self._out(self._feed_forward(self._in(x), self._weights(layer), layer))

    def _layer(self, x: Tensor, layer: int) -> Tensor:
        w = self._weights(layer)
        x = x + self._attend(self._norm(x, w["attention_norm.weight"], layer), w, layer)
        return x + self._feed_forward(self._norm(x, w["feed_forward_norm.weight"], layer), w, layer)

    def _attend(self, x: Tensor, w: Weights, layer: int) -> Tensor:
        shape, tokens = self.model.spec.layer_shape(layer), len(x)

        def heads(role: str) -> Tensor:
            y = self._linear("qkv_projection", x, w, role, layer)
            return y.view(tokens, -1, shape.head_dim).transpose(0, 1).contiguous()

        query, key, value = heads("query"), heads("key"), heads("value")
        if shape.query_key_norm:
            query = self._norm(query, w["query_norm.weight"], layer)
            key = self._norm(key, w["key_norm.weight"], layer)
        query, key = self._rotated(query), self._rotated(key)
        group = shape.heads // shape.kv_heads
        key, value = key.repeat_interleave(group, 0), value.repeat_interleave(group, 0)
        seen = torch.ones(tokens, tokens, dtype=torch.bool).tril()
        if shape.window is not None:
            seen &= ~torch.ones_like(seen).tril(-shape.window)
        mask = torch.zeros(tokens, tokens, dtype=x.dtype).masked_fill(~seen, float("-inf"))
        scores = self._told("attention_scores", layer, partial(_scores, shape.scale), query, key)
        weights = self._told("softmax", layer, _softmax, scores + mask)
        mixed = self._told("value_aggregation", layer, torch.matmul, weights, value)
        return self._linear("output_projection", mixed.transpose(0, 1).reshape(tokens, -1), w, "output", layer)

    def _feed_forward(self, x: Tensor, w: Weights, layer: int) -> Tensor:
        gate, up = (self._linear("gate_and_up", x, w, role, layer) for role in ("gate", "up"))
        return self._linear("down", self._told("silu", layer, functional.silu, gate) * up, w, "down", layer)

    def _linear(self, name: str, x: Tensor, w: Weights, role: str, layer: int) -> Tensor:
        bias = w.get(f"{role}.bias")
        return self._told(name, layer, functional.linear, x, w[f"{role}.weight"], *([] if bias is None else [bias]))

    def _norm(self, x: Tensor, weight: Tensor, layer: int) -> Tensor:
        return self._told("rms_norm", layer, partial(_rms_norm, self.model.spec.shape.eps), x, weight)

    def _told(self, name: str, layer: int, function: Function, *operands: Tensor) -> Tensor:
        y = function(*operands)
        if self.watch is not None:
            self.watch(name, layer, function, operands, y)
        return y

    def _rotated(self, x: Tensor) -> Tensor:
        wide = torch.float64 if self.double else torch.float32
        frequencies = torch.from_numpy(self.model.spec.frequencies.copy()).to(wide)
        angles = torch.outer(torch.arange(x.shape[-2], dtype=wide), frequencies)
        cos, sin = angles.cos().to(x.dtype).repeat(1, 2), angles.sin().to(x.dtype).repeat(1, 2)
        turned, rest = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
        low, high = turned.chunk(2, -1)
        return torch.cat([turned * cos + torch.cat([-high, low], -1) * sin, rest], -1)

    def _weights(self, layer: int) -> dict[str, Tensor]:
        return self._tensors(self.model.layer_tensors(layer))

    def _tensors(self, tensors: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        return {role: self._in(tensor.astype(self.format.dtype)) for role, tensor in tensors.items()}

    def _in(self, values: NDArray[Any]) -> Tensor:
        tensor = to_torch(values, self.format, self.double)
        assert tensor is not None
        return tensor

    def _out(self, tensor: Tensor) -> NDArray[Any]:
        return from_torch(tensor, self.format)


def _scores(scale: float, query: Tensor, key: Tensor) -> Tensor:
    return query @ key.transpose(-1, -2) * scale


def _softmax(scores: Tensor) -> Tensor:
    return torch.softmax(scores, dim=-1)


def _rms_norm(eps: float, x: Tensor, weight: Tensor) -> Tensor:
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))
