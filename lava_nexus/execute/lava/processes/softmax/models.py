"""CPU model of `Softmax`."""

from __future__ import annotations

from lava.magma.core.decorator import implements
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_nexus.execute.lava.operator_base import OperatorModel
from lava_nexus.execute.lava.processes.softmax.process import Softmax


@implements(proc=Softmax, protocol=LoihiProtocol)
class SoftmaxModel(OperatorModel):
    """Evaluates the neurons of its segment; see `OperatorModel`."""
