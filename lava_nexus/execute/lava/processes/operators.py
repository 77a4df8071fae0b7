"""Processes of a program: an operator for each layer, and a transformer block that holds its operators.

All operators are one Process and one model; their classes tell Lava's user what a layer computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, Protocol, cast, get_args

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU

from lava_nexus.errors import NexusError
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.execute.executor import Executor, level_word
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.lava.partition import Block
from lava_nexus.execute.lava.process import (
    LAVA_TAGS,
    Members,
    Process,
    SpikePortTypes,
    add_ports,
    in_name,
    in_port,
    models_of,
    out_name,
    out_port,
    receive,
    send,
    valid_sets,
)
from lava_nexus.execute.lava.shared import SharedTallies
from lava_nexus.execute.membrane import MembraneExecutor
from lava_nexus.programs.excerpt import Segment, port_name
from lava_nexus.programs.program import Value

NeuronLevel = Literal["word", "vectorised"]


def neuron_level(level: str) -> NeuronLevel:
    """What evaluates the neurons inside an operator Process: word operations, or a membrane each.

    Raises:
        NexusError: it is neither.
    """
    return cast(NeuronLevel, level_word(level, get_args(NeuronLevel), "operator Process's level"))


def neuron_executor(level: NeuronLevel, threads: int | None = None) -> Executor:
    """A fresh executor of that level; `threads` as the executors take it."""
    return BitslicedExecutor(threads=threads) if level == "word" else MembraneExecutor(threads=threads)


class Operator(Process):
    """outputs(t) = segment(inputs(t)): a batch of inputs a time step, answered in the same step.

    Args:
        segment: what is computed; its circuits' neurons are evaluated.
        batch: elements that pass together in one time step.
        sets: elements of the whole run; what comes after them is silence and counts for nothing. None: no end.
        level: what evaluates the neurons: "word" operations, or "vectorised" membranes; see `executor.LEVELS`.
        tallies: where to count; its own if None.
    """

    members: ClassVar[Members] = {
        "v<number>_in": "in, [batch, *shape, bits] for each value of the segment, bits MSB first.",
        "v<number>_out": "out, [batch, *shape, bits] for each value of the segment, bits MSB first.",
    }

    def __init__(
        self,
        segment: Segment,
        batch: int,
        sets: int | None = None,
        level: str = "word",
        tallies: SharedTallies | None = None,
    ) -> None:
        word = neuron_level(level)
        tallies = SharedTallies(segment.program) if tallies is None else tallies
        super().__init__(segment=segment, batch=batch, sets=sets, level=word, tallies=tallies, name=segment.name)
        self.segment = segment
        self.level = word
        self.tallies = tallies
        add_ports(self, segment.inputs, segment.outputs, batch)


class Linear(Operator):
    """y = x weight^T (+ bias), every product and every sum rounded; see `Operator`."""


class Norm(Operator):
    """x / sqrt(mean(x * x) + eps) * weight, every step rounded; see `Operator`."""


class Softmax(Operator):
    """exp(x - max x) / sum of exp(x - max x), every step rounded; see `Operator`."""


class Attention(Operator):
    """query key^T * scale, or weights value, for each head; see `Operator`."""


class Activation(Operator):
    """silu(gate) * up or the like, element by element; see `Operator`."""


class Residual(Operator):
    """x + change; see `Operator`."""


class Pooling(Operator):
    """Mean over the tokens; see `Operator`."""


class Layer(Operator):
    """Whatever the segment computes; see `Operator`."""


OPERATORS: dict[str, type[Operator]] = {
    "linear": Linear,
    "norm": Norm,
    "softmax": Softmax,
    "attention": Attention,
    "activation": Activation,
    "residual": Residual,
    "pooling": Pooling,
}


@requires(CPU)
@tag("vectorised", "lif", *LAVA_TAGS)
class Model(PyLoihiProcessModel, metaclass=SpikePortTypes):
    """Evaluates every neuron of the segment's circuits, by word operations or membrane by membrane."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._segment: Segment = proc_params["segment"]
        self._batch = proc_params["batch"]
        self._sets = proc_params["sets"]
        self._tallies: SharedTallies = proc_params["tallies"]
        self._executor = neuron_executor(proc_params["level"])

    def run_spk(self) -> None:
        sets = valid_sets(self.time_step, self._batch, self._sets)
        inputs = self._segment.inputs
        feeds = {port_name(value): receive(getattr(self, in_name(value)), value, sets) for value in inputs}
        results = self._evaluate(feeds) if sets else {}
        for value in self._segment.outputs:
            patterns = results.get(port_name(value), np.zeros((0, *value.shape), value.format.pattern_dtype))
            send(getattr(self, out_name(value)), value, patterns, self._batch)

    def _evaluate(self, feeds: dict[str, Any]) -> dict[str, Any]:
        try:
            result = run_program(self._segment.program, feeds, self._executor)
        except Exception as error:
            what = str(error) if isinstance(error, NexusError) else f"{type(error).__name__}: {error}"
            raise NexusError(f"layer '{self._segment.name}': {what}") from error
        self._tallies.add(result.layers)
        return result.outputs


for _operator in (*OPERATORS.values(), Layer):
    globals().update(models_of(_operator, Model))


class TransformerBlock(Process):
    """A block of operator Processes, each an operating-system process of its own.

    Args:
        block: its segments.
        batch, sets, level: as `Operator` takes them.
    """

    members: ClassVar[Members] = {
        "v<number>_in": "in, [batch, *shape, bits] for each value that passes the block's border.",
        "v<number>_out": "out, [batch, *shape, bits] for each value that passes the block's border.",
    }

    def __init__(self, block: Block, batch: int, sets: int | None = None, level: str = "word") -> None:
        word = neuron_level(level)
        tallies = {segment.name: SharedTallies(segment.program) for segment in block.segments}
        super().__init__(block=block, batch=batch, sets=sets, level=word, tallies=tallies, name=block.name)
        self.block = block
        self.level = word
        self.tallies = tallies
        add_ports(self, block.inputs, block.outputs, batch)


@implements(proc=TransformerBlock)
@tag("vectorised", "lif", *LAVA_TAGS)
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


class Passing(Protocol):
    """What takes and gives values: a segment or a block."""

    @property
    def inputs(self) -> list[Value]:
        """Values that come from outside."""

    @property
    def outputs(self) -> list[Value]:
        """Values that others read."""


def operator(
    segment: Segment, batch: int, sets: int | None, level: str, tallies: SharedTallies | None = None
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
