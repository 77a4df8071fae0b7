"""Circuits and operands that the simulator, the stand-in and a chip are all tried with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

import lava_nexus as nexus
from lava_nexus.circuits import Circuit


@dataclass(frozen=True)
class Vector:
    """A circuit by name and format, operands as patterns, and the results of numpy or ml_dtypes as patterns."""

    name: str
    format: Any
    operands: tuple[NDArray[Any], ...]
    expected: NDArray[Any]

    @property
    def circuit(self) -> Circuit:
        return nexus.circuit(self.name, self.format)

    @property
    def values(self) -> list[NDArray[Any]]:
        return [self.format.from_patterns(patterns) for patterns in self.operands]

    def agrees(self, value: NDArray[Any]) -> bool:
        """Whether results have the expected bits; any NaN stands for any other."""
        same = self.format.to_patterns(value) == self.expected
        nan = np.isnan(value.astype(np.float64)) & np.isnan(self.format.from_patterns(self.expected).astype(np.float64))
        return bool((same | nan).all())


_TYPES = {
    nexus.FLOAT8_E4M3FN: ml_dtypes.float8_e4m3fn,
    nexus.FLOAT32: np.float32,
}
_OPERATIONS = {"add": np.add, "mul": np.multiply}


def vector(name: str, fmt: Any, sets: int, seed: int = 0) -> Vector:
    """Corner patterns first (zeros, least subnormal, largest, all ones, signs), then any."""
    rng = np.random.default_rng(seed)
    top = 1 << fmt.bits
    corners = np.array([0, 1, top // 2 - 1, top // 2, top // 2 + 1, top - 1, top - 2], np.uint64)
    operands = []
    for _ in range(2):
        rest = rng.integers(0, top, max(0, sets - len(corners)), dtype=np.uint64)
        mixed = np.concatenate([rng.permutation(corners), rest])[:sets]
        operands.append(mixed.astype(fmt.to_patterns(np.zeros(1)).dtype))
    kind = _TYPES[fmt]
    with np.errstate(all="ignore"):
        result = _OPERATIONS[name](*(o.view(kind) for o in operands)).astype(kind)
    return Vector(name, fmt, tuple(operands), result.view(operands[0].dtype))


VECTORS = {
    "add FP8": vector("add", nexus.FLOAT8_E4M3FN, 16),
    "mul FP8": vector("mul", nexus.FLOAT8_E4M3FN, 16),
}
LARGER_VECTORS = {
    "add FP32": vector("add", nexus.FLOAT32, 256),
    "mul FP32": vector("mul", nexus.FLOAT32, 256),
}
