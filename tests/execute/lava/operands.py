"""Operand sets for tests, drawn from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FLOAT32
from lava_nexus.neurons import ThresholdNetwork


def random_operands(network: ThresholdNetwork, sets: int, seed: int = 0) -> list[NDArray[Any]]:
    """Uniform patterns for each input port."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 1 << port.width, sets).astype(port.pattern_dtype) for port in network.inputs]


def float32_pairs(sets: int, seed: int = 0) -> list[NDArray[np.uint32]]:
    """Pairs of FP32 patterns: numbers close enough to interact, any patterns, and special values, in turn."""
    rng = np.random.default_rng(seed)
    special = np.array([0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000], np.uint32)
    pairs = []
    for _ in range(2):
        near = FLOAT32.to_patterns(rng.standard_normal(sets).astype(np.float32))
        anything = rng.integers(0, 1 << 32, sets, dtype=np.uint64).astype(np.uint32)
        signed = rng.choice(special, sets) | rng.choice(np.array([0, FLOAT32.sign_mask], np.uint32), sets)
        pairs.append(np.choose(rng.integers(0, 3, sets), [near, anything, signed]).astype(np.uint32))
    return pairs
