"""Process of any part of a program that no other operator Process names."""

from __future__ import annotations

from lava_nexus.execute.lava.operator_base import Operator


class Layer(Operator):
    """Whatever the segment computes; see `Operator`."""
