"""Models of `Division`: vectorised neurons, or Lava's own."""

from __future__ import annotations

from lava.magma.core.decorator import implements, tag
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.population_base import PopulationLif, PopulationVectorised
from lava_nexus.execute.lava.processes.division.process import Division


@implements(proc=Division, protocol=LoihiProtocol)
class DivisionVectorised(PopulationVectorised):
    """`Division` on vectorised neurons."""


@implements(proc=Division, protocol=LoihiProtocol)
@tag("lif")
class DivisionLif(PopulationLif):
    """`Division` as Lava's LIF and graded neurons."""
