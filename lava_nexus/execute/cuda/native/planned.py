"""Native sums as steps of a plan: rows of all nodes that read the same layer, or matrices of two activations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.execute.cuda.steps import Operand, Step, read
from lava_nexus.execute.native.layer import native_sums
from lava_nexus.execute.native.pairs import pair_sums
from lava_nexus.execute.tallies import Tally
from lava_nexus.programs.product import Native, Paired

Part = tuple[int, NDArray[Any]]
"""Number of a buffer, and numbers of elements there."""


@dataclass(frozen=True, eq=False)
class Formed(Step):
    """Native sums.

    Attributes:
        how: their kind.
        factors: rows, or both factors, with their shapes.
    """

    how: Native | Paired
    factors: Sequence[tuple[Operand, tuple[int, ...]]]
    counting: bool

    @property
    def reads(self) -> set[int]:
        """As of every step."""
        return {elements.buffer for operand, _ in self.factors for elements in operand}

    def run(self, executor: Any, buffers: dict[int, Any]) -> Iterable[Tally]:
        """As of every step."""
        given = [read(operand, buffers).reshape(shape) for operand, shape in self.factors]
        with executor.apart(add=False) as tallies:
            if isinstance(self.how, Native):
                found = native_sums(self.how.layer, given[0], executor)
            else:
                found = pair_sums(self.how.layer, given[0], given[1], executor)
        buffers[self.buffer] = found.reshape(-1)
        return tallies if self.counting else ()


def factors_of(
    how: Native | Paired, nodes: Sequence[Sequence[Part]], elements: Callable[[Sequence[Part]], Operand]
) -> list[tuple[Operand, tuple[int, ...]]]:
    """Those of several nodes together, from the operands of each, which are of equal rank."""
    if isinstance(how, Native):
        rows = [given[0] for given in nodes]
        inputs = how.layer.limbs.inputs
        return [(elements(rows), (sum(at.size for _, at in rows) // inputs, inputs))]
    sides: tuple[list[Part], list[Part]] = ([], [])
    for (left, x), (right, y) in nodes:
        lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        for side, buffer, at in zip(sides, (left, right), (x, y), strict=True):
            side.append((buffer, np.broadcast_to(at, (*lead, *at.shape[-2:]))))
    shapes = [side[0][1].shape[-2:] for side in sides]
    return [(elements(side), (-1, *shape)) for side, shape in zip(sides, shapes, strict=True)]
