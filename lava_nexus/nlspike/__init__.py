"""Operators of LIF populations: Softmax, SiLU, GELU and normalisation, approximate and cheap."""

from lava_nexus.nlspike.catalogue import OPERATORS, check_operator, operator
from lava_nexus.nlspike.operator import Operator
from lava_nexus.nlspike.options import DEFAULT, Options

__all__ = ["DEFAULT", "OPERATORS", "Operator", "Options", "check_operator", "operator"]
