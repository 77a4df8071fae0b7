"""Operators of LIF populations: Softmax, SiLU, GELU and normalisation, approximate and cheap."""

from lava_nexus.populations.catalogue import OPERATORS, check_operator, operator
from lava_nexus.populations.operator import DEFAULT, Operator, Options

__all__ = ["DEFAULT", "OPERATORS", "Operator", "Options", "check_operator", "operator"]
