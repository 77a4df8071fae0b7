"""Models of `Exponentiation`: vectorised neurons, or Lava's own."""

from __future__ import annotations

from lava.magma.core.decorator import implements, tag
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.population_base import PopulationLif, PopulationVectorised
from lava_nexus.execute.lava.processes.exponentiation.process import Exponentiation


@implements(proc=Exponentiation, protocol=LoihiProtocol)
class ExponentiationVectorised(PopulationVectorised):
    """`Exponentiation` on vectorised neurons."""


@implements(proc=Exponentiation, protocol=LoihiProtocol)
@tag("lif")
class ExponentiationLif(PopulationLif):
    """`Exponentiation` as Lava's LIF and graded neurons."""
