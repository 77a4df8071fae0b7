"""Segments as Lava Processes, and the wires between Processes that pass values to each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from lava.magma.core.process.process import AbstractProcess

from lava_nexus.execute.lava.neuron_executor import NeuronLevel
from lava_nexus.execute.lava.operator_base import Operator
from lava_nexus.execute.lava.processes.activation.process import Activation
from lava_nexus.execute.lava.processes.attention.process import Attention
from lava_nexus.execute.lava.processes.layer.process import Layer
from lava_nexus.execute.lava.processes.linear.process import Linear
from lava_nexus.execute.lava.processes.norm.process import Norm
from lava_nexus.execute.lava.processes.pooling.process import Pooling
from lava_nexus.execute.lava.processes.residual.process import Residual
from lava_nexus.execute.lava.processes.softmax.process import Softmax
from lava_nexus.execute.lava.shared_tallies import SharedTallies
from lava_nexus.execute.lava.spike_ports import in_port, out_port
from lava_nexus.programs.program import Value
from lava_nexus.programs.segments import Segment

OPERATORS: dict[str, type[Operator]] = {
    "linear": Linear,
    "norm": Norm,
    "softmax": Softmax,
    "attention": Attention,
    "activation": Activation,
    "residual": Residual,
    "pooling": Pooling,
}


class Passing(Protocol):
    """What takes and gives values: a segment or a block."""

    @property
    def inputs(self) -> list[Value]:
        """Values that come from outside."""

    @property
    def outputs(self) -> list[Value]:
        """Values that others read."""


def operator(
    segment: Segment, batch: int, sets: int | None, level: NeuronLevel, tallies: SharedTallies | None = None
) -> Operator:
    """The Process of the segment's kind."""
    return OPERATORS.get(segment.kind, Layer)(segment, batch, sets, level, tallies)


def connect(processes: Iterable[tuple[Passing, AbstractProcess]], given: Mapping[int, Any]) -> dict[int, Any]:
    """Connects every input to the port that gives its value, by value number.

    Args:
        processes: Processes and what values each takes and gives.
        given: ports of values that come from elsewhere.

    Returns:
        The ports of all values, those given included.
    """
    pairs = list(processes)
    ports = dict(given)
    ports |= {value.number: out_port(process, value) for passing, process in pairs for value in passing.outputs}
    for passing, process in pairs:
        for value in passing.inputs:
            ports[value.number].connect(in_port(process, value))
    return ports
