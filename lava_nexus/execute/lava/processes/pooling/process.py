"""Process of pooling."""

from __future__ import annotations

from lava_nexus.execute.lava.operator_base import Operator


class Pooling(Operator):
    """Mean over the tokens; see `Operator`."""
