"""CPU model of `Attention`."""

from __future__ import annotations

from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.operator_base import OperatorModel
from lava_nexus.execute.lava.processes.attention.process import Attention


@implements(proc=Attention, protocol=LoihiProtocol)
class AttentionModel(OperatorModel):
    """Evaluates the neurons of its segment; see `OperatorModel`."""
