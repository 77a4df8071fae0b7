"""Process of a residual connection."""

from __future__ import annotations

from lava_nexus.execute.lava.operator_base import Operator


class Residual(Operator):
    """x + change; see `Operator`."""
