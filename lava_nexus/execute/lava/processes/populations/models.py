"""Models of `Populations`: vectorised neurons, or Lava's own."""

from __future__ import annotations

from lava.magma.core.decorator import implements, tag
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.population_base import PopulationLif, PopulationVectorised
from lava_nexus.execute.lava.processes.populations.process import Populations


@implements(proc=Populations, protocol=LoihiProtocol)
class PopulationsVectorised(PopulationVectorised):
    """`Populations` on vectorised neurons."""


@implements(proc=Populations, protocol=LoihiProtocol)
@tag("lif")
class PopulationsLif(PopulationLif):
    """`Populations` as Lava's LIF and graded neurons."""
