"""CPU model of `Linear`."""

from __future__ import annotations

from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.operator_base import OperatorModel
from lava_nexus.execute.lava.processes.linear.process import Linear


@implements(proc=Linear, protocol=LoihiProtocol)
class LinearModel(OperatorModel):
    """Evaluates the neurons of its segment; see `OperatorModel`."""
