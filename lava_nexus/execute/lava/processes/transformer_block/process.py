"""Hierarchical Process of a transformer block."""

from __future__ import annotations

from lava_nexus.execute.lava.neuron_executor import NeuronLevel, check_level
from lava_nexus.execute.lava.partition import Block
from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.shared_tallies import SharedTallies
from lava_nexus.execute.lava.spike_ports import add_ports


class TransformerBlock(Process):
    """A block of operator Processes, each an operating-system process of its own: see `models.py`.

    Ports:
        v<number>_in, v<number>_out: [batch, *shape, bits] for each value that passes the block's border.

    Args:
        block: its segments.
        batch, sets, level: as `Operator` takes them.
    """

    def __init__(self, block: Block, batch: int, sets: int | None = None, level: NeuronLevel = "word logic") -> None:
        check_level(level)
        tallies = {segment.name: SharedTallies(segment.program) for segment in block.segments}
        super().__init__(block=block, batch=batch, sets=sets, level=level, tallies=tallies, name=block.name)
        self.block = block
        self.level = level
        self.tallies = tallies
        add_ports(self, block.inputs, block.outputs, batch)
