"""Process of an activation."""

from __future__ import annotations

from lava_nexus.execute.lava.operator_base import Operator


class Activation(Operator):
    """silu(gate) * up or the like, element by element; see `Operator`."""
