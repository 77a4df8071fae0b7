"""Process of one half of attention."""

from __future__ import annotations

from lava_nexus.execute.lava.operator_base import Operator


class Attention(Operator):
    """query key^T * scale, or weights value, for each head; see `Operator`."""
