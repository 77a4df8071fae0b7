"""Tensors that PyTorch pickled, read as tensors and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lava_nexus.errors import NexusError


def read_pickled(path: Path) -> dict[str, Any]:
    """Tensors by name of a file that `torch.save` wrote; nothing in it is run.

    Raises:
        NexusError: PyTorch is not installed, or the file holds anything but a dictionary from names to tensors.
    """
    try:
        import torch
    except ImportError:
        raise NexusError(f"checkpoint '{path}' is read by PyTorch, which is not installed") from None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged or foreign pickle raises is not told
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NexusError(f"checkpoint '{path}' is no file of tensors alone: {reason}") from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise NexusError(f"checkpoint '{path}' holds no dictionary from names to tensors")
    return {str(name): tensor.detach() for name, tensor in found.items()}
