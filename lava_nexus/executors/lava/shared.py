"""Memory that the host and a model's child process both see: how operands go in and results come out.

Lava's own ways are slow (`Var.get` sends one element a message) or bound to one message a step (Injector, Extractor).
Anonymous shared memory is inherited by fork, has no name in the file system and goes with its last user.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def shared_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """A zeroed array that stays shared with every process forked after this call."""
    kind = np.dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    memory = mmap.mmap(-1, max(1, count * kind.itemsize))
    return np.frombuffer(memory, dtype=kind, count=count).reshape(shape)
