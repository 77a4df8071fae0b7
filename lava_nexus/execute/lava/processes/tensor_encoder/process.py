"""Process that feeds tensors into a program, as spikes by spatial bit encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.spike_ports import add_ports
from lava_nexus.programs.program import Value


class TensorEncoder(Process):
    """channel[..., i] = bit (bits - 1 - i) of the pattern: the next `batch` elements in every time step, then silence.

    Ports:
        v<number>_out: [batch, *shape, bits] for each value.

    Args:
        feeds: values and their patterns [sets, *shape].
        batch: elements a time step.
    """

    def __init__(self, feeds: Mapping[Value, NDArray[Any]], batch: int, name: str = "encoder") -> None:
        super().__init__(feeds=dict(feeds), batch=batch, name=name)
        self.inputs: list[Value] = []
        self.outputs = list(feeds)
        add_ports(self, (), feeds, batch)
