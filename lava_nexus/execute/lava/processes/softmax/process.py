"""Process of softmax."""

from __future__ import annotations

from lava_nexus.execute.lava.operator_base import Operator


class Softmax(Operator):
    """exp(x - max x) / sum of exp(x - max x), every step rounded; see `Operator`."""
