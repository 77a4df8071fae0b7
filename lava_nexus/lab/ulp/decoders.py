"""Decoders in PyTorch, the outside witness of the ULP tables, computed as the transformers library does.

They are gated pre-norm decoders (Qwen3, LLaMA, Mistral), and Phi.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lava_nexus.errors import NexusError
from lava_nexus.formats import FLOAT32, FloatFormat
from lava_nexus.models.model import Model
from lava_nexus.models.spec import Shape, Tensors
from lava_nexus.torch.tensors import DTYPES, from_torch, to_torch

Weights = Mapping[str, Tensor]
Function = Callable[..., Tensor]
Watch = Callable[[str, int, Function, tuple[Tensor, ...], Tensor], None]
"""Told of an operation: its name, the layer, what computes it, its operands and its result."""

_ACTIVATIONS: dict[str, Function] = {
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
}


class OnDevice:
    """A model's weights, rounded to its format, as tensors where PyTorch computes; those asked for last stay there."""

    def __init__(self, model: Model, device: str = "cpu") -> None:
        self.model, self.device = model, device
        self._last: tuple[str, dict[str, Tensor]] = "", {}

    def layer(self, layer: int) -> dict[str, Tensor]:
        """Of one layer, by role."""
        return self._asked(f"layer {layer}", self.model.spec.layer_tensors(layer))

    def ending(self) -> dict[str, Tensor]:
        """Of what follows the layers."""
        return self._asked("ending", {**self.model.spec.ending_tensors, **self.model.spec.head_tensors})

    def words(self, tokens: NDArray[np.int64]) -> Tensor:
        """Rows of the embedding."""
        return self.placed(self.model.source.rows(*self.model.spec.embedding_tensors["words.weight"], tokens))

    def placed(self, values: NDArray[Any]) -> Tensor:
        """Numbers, rounded to the format."""
        fmt = self.model.arithmetic.format
        tensor = to_torch(values.astype(fmt.dtype, copy=False), fmt)
        assert tensor is not None
        return tensor.to(self.device)

    def _asked(self, name: str, tensors: Tensors) -> dict[str, Tensor]:
        if self._last[0] != name:
            self._last = "", {}
            self._last = name, {role: self._read(*tensor) for role, tensor in tensors.items()}
        return self._last[1]

    def _read(self, name: str, shape: Shape) -> Tensor:
        source, rows = self.model.source, slice(0, shape[0])
        if self.model.arithmetic.format != FLOAT32 or not source.halved(name):
            return self.placed(source.rows(name, shape, rows))
        halves = np.empty(shape, np.uint16)
        source.upper_halves(name, shape, rows, halves)
        return torch.from_numpy(halves.view(np.int16)).to(self.device).view(torch.bfloat16).float()


class DecoderWitness:
    """The model's own weights, rounded to its format, in PyTorch.

    Attributes:
        model: whose weights they are.
        double: whether all is computed in float64.
        watch: told of every product, norm, softmax and activation.
        weights: where they are.
    """

    def __init__(
        self, model: Model, double: bool = False, watch: Watch | None = None, weights: OnDevice | None = None
    ) -> None:
        self.model, self.double, self.watch = model, double, watch
        self.weights = weights or OnDevice(model)
        spec, fmt = model.spec, self.format
        shape = spec.shape
        parallel = (shape.arrangement, shape.norm, shape.gated) == ("parallel", "layer", False)
        usual = spec.kind == "phi" and parallel and "feed_forward_norm" not in spec.architecture.roles
        if not (spec.plain or usual) or shape.activation not in _ACTIVATIONS:
            raise NexusError(
                f"PyTorch's column has no model of architecture '{spec.kind}', only gated pre-norm decoders and Phi"
            )
        if fmt.name not in DTYPES:
            raise NexusError(f"PyTorch's column has no arithmetic in {fmt}; choose one of {', '.join(DTYPES)}")

    @property
    def format(self) -> FloatFormat:
        """Of the weights, and of the arithmetic unless `double`."""
        return self.model.arithmetic.format

    def run(self, tokens: NDArray[np.int64], logits: str) -> tuple[list[NDArray[Any]], NDArray[Any]]:
        """Hidden states [tokens, width] that enter the first layer and leave each; logits of "all" or the last."""
        walk = self.walk(tokens, logits)
        hidden = [next(walk) for _ in range(self.model.spec.layers + 1)]
        return hidden, next(walk)

    def walk(self, tokens: NDArray[np.int64], logits: str) -> Iterator[NDArray[Any]]:
        """As `run`, one after the other, each computed when it is asked for; the logits come last."""
        x, behind = self._wide(self.weights.words(tokens)), self.model.spec.layers
        yield self._out(x)
        for layer in range(behind):
            x = self._layer(x, layer)
            yield self._out(x)
        x = self._norm(x if logits == "all" else x[-1:], self._ending, "final_norm", behind)
        yield self._out(self._linear("head", x, self._ending, "head", behind))

    def attention(self, x: NDArray[Any], layer: int) -> NDArray[Any]:
        """The attention part of a layer on numbers [tokens, width] that are normed already."""
        return self._out(self._attend(self._in(x), self._weights(layer), layer))

    def feed_forward(self, x: NDArray[Any], layer: int) -> NDArray[Any]:
        """The feed-forward part."""
        return self._out(self._feed_forward(self._in(x), self._weights(layer), layer))

    def _layer(self, x: Tensor, layer: int) -> Tensor:
        w = self._weights(layer)
        normed = self._norm(x, w, "attention_norm", layer)
        mixed = self._attend(normed, w, layer)
        if self.model.spec.shape.arrangement == "parallel":
            return mixed + self._feed_forward(normed, w, layer) + x
        x = x + mixed
        return x + self._feed_forward(self._norm(x, w, "feed_forward_norm", layer), w, layer)

    def _attend(self, x: Tensor, w: Weights, layer: int) -> Tensor:
        shape, tokens = self.model.spec.layer_shape(layer), len(x)

        def heads(role: str) -> Tensor:
            y = self._linear("qkv_projection", x, w, role, layer)
            return y.view(tokens, -1, shape.head_dim).transpose(0, 1).contiguous()

        query, key, value = heads("query"), heads("key"), heads("value")
        if shape.query_key_norm:
            query = self._norm(query, w, "query_norm", layer)
            key = self._norm(key, w, "key_norm", layer)
        query, key = self._rotated(query), self._rotated(key)
        group = shape.heads // shape.kv_heads
        key, value = key.repeat_interleave(group, 0), value.repeat_interleave(group, 0)
        seen = torch.ones(tokens, tokens, dtype=torch.bool, device=x.device).tril()
        if shape.window is not None:
            seen &= ~torch.ones_like(seen).tril(-shape.window)
        mask = torch.zeros(tokens, tokens, dtype=x.dtype, device=x.device).masked_fill(~seen, float("-inf"))
        scores = self._told("attention_scores", layer, partial(_scores, shape.scale), query, key)
        weights = self._told("softmax", layer, _softmax, scores + mask)
        mixed = self._told("value_aggregation", layer, torch.matmul, weights, value)
        return self._linear("output_projection", mixed.transpose(0, 1).reshape(tokens, -1), w, "output", layer)

    def _feed_forward(self, x: Tensor, w: Weights, layer: int) -> Tensor:
        shape = self.model.spec.shape
        first = [
            self._linear("gate_and_up", x, w, role, layer) for role in (("gate", "up") if shape.gated else ("up",))
        ]
        y = self._told(shape.activation, layer, _ACTIVATIONS[shape.activation], first[0])
        return self._linear("down", y * first[1] if shape.gated else y, w, "down", layer)

    def _linear(self, name: str, x: Tensor, w: Weights, role: str, layer: int) -> Tensor:
        bias = w.get(f"{role}.bias")
        return self._told(name, layer, functional.linear, x, w[f"{role}.weight"], *([] if bias is None else [bias]))

    def _norm(self, x: Tensor, w: Weights, role: str, layer: int) -> Tensor:
        eps, weight = self.model.spec.shape.eps, w[f"{role}.weight"]
        if self.model.spec.shape.norm == "layer":
            return self._told("layer_norm", layer, partial(_layer_norm, eps), x, weight, w[f"{role}.bias"])
        return self._told("rms_norm", layer, partial(_rms_norm, eps), x, weight)

    def _told(self, name: str, layer: int, function: Function, *operands: Tensor) -> Tensor:
        y = function(*operands)
        if self.watch is not None:
            self.watch(name, layer, function, operands, y)
        return y

    def _rotated(self, x: Tensor) -> Tensor:
        wide = torch.float64 if self.double else torch.float32
        frequencies = torch.from_numpy(self.model.spec.frequencies.copy()).to(x.device, wide)
        angles = torch.outer(torch.arange(x.shape[-2], dtype=wide, device=x.device), frequencies)
        cos, sin = angles.cos().to(x.dtype).repeat(1, 2), angles.sin().to(x.dtype).repeat(1, 2)
        turned, rest = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
        low, high = turned.chunk(2, -1)
        return torch.cat([turned * cos + torch.cat([-high, low], -1) * sin, rest], -1)

    def _weights(self, layer: int) -> dict[str, Tensor]:
        return {role: self._wide(tensor) for role, tensor in self.weights.layer(layer).items()}

    @property
    def _ending(self) -> dict[str, Tensor]:
        return {role: self._wide(tensor) for role, tensor in self.weights.ending().items()}

    def _wide(self, tensor: Tensor) -> Tensor:
        return tensor.double() if self.double else tensor

    def _in(self, values: NDArray[Any]) -> Tensor:
        return self._wide(self.weights.placed(values))

    def _out(self, tensor: Tensor) -> NDArray[Any]:
        return from_torch(tensor.cpu(), self.format)


def _scores(scale: float, query: Tensor, key: Tensor) -> Tensor:
    return query @ key.transpose(-1, -2) * scale


def _softmax(scores: Tensor) -> Tensor:
    return torch.softmax(scores, dim=-1)


def _rms_norm(eps: float, x: Tensor, weight: Tensor) -> Tensor:
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))


def _layer_norm(eps: float, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.layer_norm(x, weight.shape, weight, bias, eps)
