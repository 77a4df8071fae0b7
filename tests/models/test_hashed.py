"""Seeded BF16 weights: any part is that of the whole, numbers are BF16 ones, mean and deviation as stated."""

from __future__ import annotations

import numpy as np
import pytest

from lava_nexus.execute.weights import Rows
from lava_nexus.formats import BFLOAT16, FLOAT32
from lava_nexus.models.hashed import HashedTensors

SHAPE = (1500, 1000)


def test_parts_are_those_of_the_whole() -> None:
    source = HashedTensors(3)
    whole = source.rows("layer.weight", SHAPE, slice(0, 1500))  # more than one piece
    assert whole.shape == SHAPE and whole.dtype == np.float32
    np.testing.assert_array_equal(source.rows("layer.weight", SHAPE, slice(700, 1400)), whole[700:1400])
    np.testing.assert_array_equal(source.rows("layer.weight", SHAPE, np.array([1499, 3])), whole[[1499, 3]])
    for other in (HashedTensors(4).rows("layer.weight", SHAPE, slice(0, 9)), source.rows("b", SHAPE, slice(0, 9))):
        assert (other != whole[:9]).mean() > 0.9


def test_numbers_are_bf16_ones_of_the_stated_deviation() -> None:
    words = HashedTensors(0).rows("layer.weight", SHAPE, slice(0, 1500))
    assert not (words.view(np.uint32) & 0xFFFF).any()
    assert abs(words.mean()) < 1e-4 and words.std() == pytest.approx(0.02, rel=0.01)
    norms = HashedTensors(0).rows("final_norm.weight", (1000,), slice(0, 1000))
    assert norms.shape == (1000,) and norms.mean() == pytest.approx(1, abs=0.003)
    neighbours = words.reshape(-1)
    assert abs(np.corrcoef(neighbours[:-1], neighbours[1:])[0, 1]) < 0.005


def test_what_is_carried_is_the_upper_half_of_what_is_read() -> None:
    rows = Rows("layer.weight", SHAPE, slice(10, 30), FLOAT32, BFLOAT16)
    out = np.empty((20, 1000), rows.carried(HashedTensors(0)))
    rows.carry(HashedTensors(0), out)
    np.testing.assert_array_equal(out.astype(np.uint32) << 16, rows.read(HashedTensors(0)))
