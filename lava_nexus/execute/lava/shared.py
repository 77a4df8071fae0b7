"""Memory that the host and a model's child process both see: how operands go in and results come out.

Lava's own ways are slow (`Var.get` sends one element a message) or bound to one message a step (Injector, Extractor).
Anonymous shared memory is inherited by fork, has no name in the file system and goes with its last user.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.neurons import Port


def shared_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """A zeroed array that stays shared with every process forked after this call."""
    kind = np.dtype(dtype)
    count = int(np.prod(shape, dtype=np.int64))
    memory = mmap.mmap(-1, max(1, count * kind.itemsize))
    return np.frombuffer(memory, dtype=kind, count=count).reshape(shape)


def shared_patterns(ports: Sequence[Port], sets: int) -> NDArray[np.uint64]:
    """Room for the bit patterns of `sets` sets, shared uint64 [sets, ports].

    Raises:
        NexusError: fewer than one set, or a port wider than a pattern.
    """
    if sets < 1:
        raise NexusError(f"capacity of {sets} sets is below 1")
    for port in ports:
        if port.width > 64:
            raise NexusError(f"port {port.name} has {port.width} bits, more than the 64 of a pattern")
    return shared_array((sets, len(ports)), np.uint64)
