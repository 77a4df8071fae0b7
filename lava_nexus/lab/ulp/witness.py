"""PyTorch, the outside witness of the ULP tables: layers and single operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.torch.tensors import from_torch, to_torch

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
