"""What the operator Processes (linear, norm, softmax, ...) share: each holds one segment of a program."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.resources import CPU

from lava_nexus.errors import NexusError
from lava_nexus.execute.interpret import run_program
from lava_nexus.execute.lava.neuron_executor import NeuronLevel, check_level, neuron_executor
from lava_nexus.execute.lava.process import Process
from lava_nexus.execute.lava.shared_tallies import SharedTallies
from lava_nexus.execute.lava.spike_ports import SpikePortTypes, add_ports, in_name, out_name, receive, send, valid_sets
from lava_nexus.programs.segments import Segment, port_name


class Operator(Process):
    """outputs(t) = segment(inputs(t)): a batch of inputs a time step, answered in the same step.

    Ports:
        v<number>_in, v<number>_out: [batch, *shape, bits] for each value of the segment, bits MSB first.

    Args:
        segment: what is computed; its circuits' neurons are evaluated.
        batch: elements that pass together in one time step.
        sets: elements of the whole run; what comes after them is silence and counts for nothing. None: no end.
        level: what evaluates the neurons.
        tallies: where to count; its own if None.
    """

    def __init__(
        self,
        segment: Segment,
        batch: int,
        sets: int | None = None,
        level: NeuronLevel = "word logic",
        tallies: SharedTallies | None = None,
    ) -> None:
        check_level(level)
        tallies = SharedTallies(segment.program) if tallies is None else tallies
        super().__init__(segment=segment, batch=batch, sets=sets, level=level, tallies=tallies, name=segment.name)
        self.segment = segment
        self.level = level
        self.tallies = tallies
        add_ports(self, segment.inputs, segment.outputs, batch)


@requires(CPU)
@tag("vectorised", "lif")
class OperatorModel(PyLoihiProcessModel, metaclass=SpikePortTypes):
    """Evaluates every neuron of the segment's circuits, by word operations or membrane by membrane."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._segment: Segment = proc_params["segment"]
        self._batch = proc_params["batch"]
        self._sets = proc_params["sets"]
        self._tallies: SharedTallies = proc_params["tallies"]
        self._executor = neuron_executor(proc_params["level"])

    def run_spk(self) -> None:
        """One time step."""
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
