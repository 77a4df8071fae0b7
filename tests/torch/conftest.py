"""What tests of PyTorch's own kernels share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lava_nexus.torch import orders


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread, or as many as OMP_NUM_THREADS says."""
    threads = torch.get_num_threads()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def no_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder where orders are kept, empty; what a test finds is forgotten after it."""
    monkeypatch.setenv("LAVA_NEXUS_CACHE", str(tmp_path))
    orders._kept_orders.cache_clear()
    yield tmp_path / "torch_orders"
    orders._kept_orders.cache_clear()
