"""No Lava run of these tests leaves a process or a segment of shared memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.execute.lava.leftovers import children


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left() -> Iterator[None]:
    """After every module: no child more than before it, no file of the shared memory that was made in it."""
    try:
        from lava.magma.runtime.message_infrastructure.shared_memory_manager import SharedMemoryManager
    except ImportError:
        yield
        return
    before, made = children(), []
    create = SharedMemoryManager.create_shared_memory

    def noted(manager: Any, size: int) -> Any:
        made.append(create(manager, size))
        return made[-1]

    SharedMemoryManager.create_shared_memory = noted
    try:
        yield
    finally:
        SharedMemoryManager.create_shared_memory = create
    gc.collect()
    assert children() <= before
    assert not [memory.name for memory in made if Path("/dev/shm", memory.name).exists()]
