"""CPU model of `Norm`."""

from __future__ import annotations

from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.operator_base import OperatorModel
from lava_nexus.execute.lava.processes.norm.process import Norm


@implements(proc=Norm, protocol=LoihiProtocol)
class NormModel(OperatorModel):
    """Evaluates the neurons of its segment; see `OperatorModel`."""
