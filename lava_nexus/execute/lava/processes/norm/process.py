"""Process of a normalisation."""

from __future__ import annotations

from lava_nexus.execute.lava.operator_base import Operator


class Norm(Operator):
    """x / sqrt(mean(x * x) + eps) * weight, every step rounded; see `Operator`."""
