"""Operators of LIF populations: Softmax, SiLU, GELU and normalisation, approximate and cheap."""

from lava_nexus.populations.catalogue import OPERATORS as OPERATORS
from lava_nexus.populations.catalogue import check_operator as check_operator
from lava_nexus.populations.catalogue import operator as operator
from lava_nexus.populations.operator import DEFAULT as DEFAULT
from lava_nexus.populations.operator import Operator as Operator
from lava_nexus.populations.operator import Options as Options
