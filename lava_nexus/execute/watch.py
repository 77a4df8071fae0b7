"""What watches a run for infinities and NaN, and says where the first of them arose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.formats import FloatFormat
from lava_nexus.programs.nodes import Apply, Node

Patterns = NDArray[Any]


class Watch:
    """Notes the first node of a program whose result is infinite or NaN.

    Attributes:
        met: where, what and how often; None where all was finite.
        told: whether it was told of any node.
    """

    def __init__(self) -> None:
        self.met: str | None = None
        self.told = False

    def __call__(self, node: Node, patterns: Patterns) -> None:
        """Told of a node's result."""
        fmt, self.told = node.result.format, True
        if self.met is not None or not isinstance(fmt, FloatFormat):
            return
        lost = unfinite(fmt, patterns)
        if lost.any():
            operator = node.circuit.label if isinstance(node, Apply) else f"a {type(node).__name__.lower()}"
            self.met = f"{int(lost.sum())} of {lost.size} results of {operator} in '{node.layer}' are infinite or NaN"


def unfinite(fmt: FloatFormat, patterns: Patterns) -> NDArray[np.bool_]:
    """Where patterns are infinities or NaN."""
    return np.asarray(~np.isfinite(fmt.from_patterns(patterns)))
