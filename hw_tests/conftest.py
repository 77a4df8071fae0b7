"""Tests that need a chip: skipped, with the reason, where Lava finds none."""

from __future__ import annotations

from pathlib import Path

import pytest


def _why_not() -> str:
    try:
        from lava.utils import loihi
    except ImportError:
        return "Lava is not installed (it needs Python 3.10)"
    if not loihi.is_installed():
        return "Intel's Loihi 2 extension of Lava is not installed, so there is no chip to run on"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _why_not()
    for item in (item for item in items if Path(__file__).parent in item.path.parents):
        item.add_marker(pytest.mark.hardware)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
