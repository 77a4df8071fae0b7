"""What all tests share.

Hypothesis has no deadline: the first call of a compiled kernel takes seconds, the second microseconds.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

from lava_nexus.errors import NexusError

# Before PyTorch is imported: with two workers on two processors, OpenMP's threads spend their time waiting in loops.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

pytest_plugins = ("tests.leftovers",)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported and collected stays: half a million objects that no later garbage collection looks at."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    """Skips a test of PyTorch's orders where a kernel is found to have none, with the sentence that says so."""
    outcome = yield
    error = outcome.excinfo and outcome.excinfo[1]
    if item.get_closest_marker("torch_order") and isinstance(error, NexusError) and "accumulate 'torch':" in str(error):
        outcome.force_exception(pytest.skip.Exception(str(error)))
