"""Model of `TransformerBlock`: its operators, wired."""

from __future__ import annotations

from lava.magma.core.decorator import implements, tag
from lava.magma.core.model.sub.model import AbstractSubProcessModel

from lava_nexus.execute.lava.operators import connect, operator
from lava_nexus.execute.lava.processes.transformer_block.process import TransformerBlock
from lava_nexus.execute.lava.spike_ports import in_port, out_port


@implements(proc=TransformerBlock)
@tag("vectorised", "lif")
class TransformerBlockModel(AbstractSubProcessModel):
    """One operator Process a segment; within a time step the batch passes through all of them."""

    def __init__(self, proc: TransformerBlock) -> None:
        block, parameters = proc.block, proc.proc_params
        inside = [
            (s, operator(s, parameters["batch"], parameters["sets"], proc.level, proc.tallies[s.name]))
            for s in block.segments
        ]
        for segment, process in inside:
            setattr(self, segment.name.replace(".", "_"), process)  # where Lava looks for them
        ports = connect(inside, {value.number: in_port(proc, value) for value in block.inputs})
        for value in block.outputs:
            ports[value.number].connect(out_port(proc, value))
