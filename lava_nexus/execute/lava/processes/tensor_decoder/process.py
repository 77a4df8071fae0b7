"""Process that collects what a program puts out."""

from __future__ import annotations

from collections.abc import Sequence

from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.shared import shared_array
from lava_nexus.execute.lava.spike_ports import add_ports
from lava_nexus.programs.program import Value


class TensorDecoder(Process):
    """pattern = sum of channel[..., i] * 2^(bits - 1 - i): the inverse of `TensorEncoder`.

    Ports:
        v<number>_in: [batch, *shape, bits] for each value.

    Attributes:
        patterns: by value, shared with the model: [sets, *shape], filled `batch` elements a time step.

    Args:
        values: what to collect.
        batch: elements a time step.
        sets: elements to collect in all.
    """

    def __init__(self, values: Sequence[Value], batch: int, sets: int, name: str = "decoder") -> None:
        patterns = {v: shared_array((sets, *v.shape), v.format.pattern_dtype) for v in values}
        super().__init__(patterns=patterns, batch=batch, sets=sets, name=name)
        self.inputs = list(values)
        self.outputs: list[Value] = []
        self.patterns = patterns
        add_ports(self, values, (), batch)
