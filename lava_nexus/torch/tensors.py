"""Arrays of a format to PyTorch and back, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_nexus.formats import FloatFormat

# The FP8 types of PyTorch can be stored but not computed with.
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}


_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def to_torch(values: NDArray[Any], fmt: FloatFormat, double: bool = False) -> Tensor | None:
    """A tensor of the format's dtype, or of float64; None where PyTorch has no arithmetic in the format."""
    if double:
        return torch.from_numpy(values.astype(np.float64))
    if fmt.name not in DTYPES:
        return None
    patterns = np.array(fmt.to_patterns(values))
    return torch.from_numpy(patterns.view(f"i{patterns.itemsize}")).view(DTYPES[fmt.name])


def from_torch(tensor: Tensor, fmt: FloatFormat) -> NDArray[Any]:
    """A float64 array of a float64 tensor, else an array of the format's dtype."""
    if tensor.dtype == torch.float64:
        return np.asarray(tensor.numpy())
    return fmt.from_patterns(patterns_there(tensor).numpy().view(fmt.pattern_dtype))


def patterns_there(tensor: Tensor) -> Tensor:
    """The bits of a tensor as integers, on the device where it is."""
    return tensor.detach().contiguous().view(_INTEGERS[tensor.element_size()])


def numbers_there(patterns: Any, fmt: FloatFormat) -> Tensor:
    """Patterns on a device, handed over by DLPack, as a tensor of the format's dtype; nothing is copied."""
    dtype = DTYPES[fmt.name]
    return torch.from_dlpack(patterns.view(f"i{dtype.itemsize}")).view(dtype)
