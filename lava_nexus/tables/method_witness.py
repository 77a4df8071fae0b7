"""The gated feed-forward block in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from torch.nn import functional

from lava_nexus.errors import NexusError
from lava_nexus.formats import FloatFormat
from lava_nexus.torch.tensors import from_torch, to_torch


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
