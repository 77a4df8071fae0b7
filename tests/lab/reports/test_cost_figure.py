"""Figure of what layers of models cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from lava_nexus.errors import NexusError
from lava_nexus.lab.figures.costs import Cost, cost_figure


def test_runs_of_all_sizes_are_drawn(tmp_path: Path) -> None:
    costs = [Cost("a", n, 8, n * 10**7, 2.0 * n, 1.0 * n, 10**8) for n in (1, 2, 16)] + [
        Cost("b", 1, 1, 9, 0.1, 1e-4, 9)
    ]
    path = cost_figure(costs, "Cost", tmp_path / "cost.png")
    assert path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 10_000
    with pytest.raises(NexusError, match="there is no run"):
        cost_figure([], "Cost", tmp_path / "none.png")
