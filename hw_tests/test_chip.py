"""The first thing to try on a chip: FP32 addition, bit for bit as on the CPU. Not yet run by anyone."""

from __future__ import annotations

import numpy as np

import lava_nexus as nexus


def test_add_on_the_chip_gives_the_bits_of_ieee() -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 2**32, 64, dtype=np.uint32).view(np.float32) for _ in range(2))
    value = nexus.run(nexus.circuit("add", nexus.FLOAT32), x, y, executor="lava").value
    with np.errstate(all="ignore"):
        expected = x + y
    same = value.view(np.uint32) == expected.view(np.uint32)
    assert (same | (np.isnan(value) & np.isnan(expected))).all()
