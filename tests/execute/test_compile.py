"""Compiled functions run where nothing can be kept on disk, too."""

from __future__ import annotations

import numba
import pytest

from lava_nexus.neurons.compiled import kept


def test_without_a_directory_to_keep_it_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(x: int) -> int:
        return 2 * x

    assert kept(twice)(4) == 8
    real = numba.njit

    def no_locator(**options: bool) -> object:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", no_locator)
    compiled = kept(twice)
    assert compiled(21) == 42 and compiled.signatures
