"""Where outputs are cut: every output once, nothing empty."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lava_nexus.execute.shares import shares, tiles


@given(st.integers(1, 500), st.integers(1, 9), st.sampled_from([1, 8, 32]))
def test_shares_hold_every_column_once_and_are_not_empty(columns: int, parts: int, word: int) -> None:
    found = shares(columns, parts, word)
    assert [i for one in found for i in range(one.start, one.stop)] == list(range(columns))
    assert len(found) <= parts and all(one.start < one.stop for one in found)
    assert all(one.start % word == 0 for one in found)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple), st.integers(1, 60))
def test_tiles_hold_every_element_once(shape: tuple[int, ...], most: int) -> None:
    seen = np.zeros(shape, np.int64)
    for tile in tiles(shape, most):
        assert 0 < seen[tile].size <= most
        seen[tile] += 1
    assert (seen == 1).all()
