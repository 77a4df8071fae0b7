"""Models of `L2Norm`: vectorised neurons, or Lava's own."""

from __future__ import annotations

from lava.magma.core.decorator import implements, tag
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.population_base import PopulationLif, PopulationVectorised
from lava_nexus.execute.lava.processes.l2_norm.process import L2Norm


@implements(proc=L2Norm, protocol=LoihiProtocol)
class L2NormVectorised(PopulationVectorised):
    """`L2Norm` on vectorised neurons."""


@implements(proc=L2Norm, protocol=LoihiProtocol)
@tag("lif")
class L2NormLif(PopulationLif):
    """`L2Norm` as Lava's LIF and graded neurons."""
