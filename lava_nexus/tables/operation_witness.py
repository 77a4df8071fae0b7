"""The operations of the ULP table in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lava_nexus.formats import FloatFormat
from lava_nexus.torch.tensors import from_torch, to_torch

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
