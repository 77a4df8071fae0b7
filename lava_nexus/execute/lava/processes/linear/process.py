"""Process of a linear layer."""

from __future__ import annotations

from lava_nexus.execute.lava.operator_base import Operator


class Linear(Operator):
    """y = x weight^T (+ bias), every product and every sum rounded; see `Operator`."""
