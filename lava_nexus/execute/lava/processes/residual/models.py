"""CPU model of `Residual`."""

from __future__ import annotations

from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.operator_base import OperatorModel
from lava_nexus.execute.lava.processes.residual.process import Residual


@implements(proc=Residual, protocol=LoihiProtocol)
class ResidualModel(OperatorModel):
    """Evaluates the neurons of its segment; see `OperatorModel`."""
