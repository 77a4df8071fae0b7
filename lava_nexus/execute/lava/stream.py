"""Operand sets streamed through one network in Lava, one wave a time step: encoder, network, decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava.processes.coding import Decoder, Encoder
from lava_nexus.execute.lava.processes.network import Network
from lava_nexus.execute.lava.session import Session
from lava_nexus.execute.lava.waves import Level, time_steps
from lava_nexus.neurons import MEMORYLESS, NeuronModel, ThresholdNetwork


@dataclass(frozen=True)
class Timing:
    """Time steps of runs.

    Attributes:
        predicted: what `timing.time_steps` says.
        taken: steps from the first set's entry to the last result's arrival, as the decoder saw it.
    """

    predicted: int = 0
    taken: int = 0

    def __add__(self, other: Timing) -> Timing:
        return Timing(self.predicted + other.predicted, self.taken + other.taken)


class Stream:
    """A running Lava graph for one network; a context manager.

    Attributes:
        network: the Process, for its spike counts and trains.
        session: the children.
        timing: time steps predicted and taken so far.
    """

    def __init__(
        self,
        network: ThresholdNetwork,
        level: Level,
        lanes: int,
        capacity: int,
        timeout: float,
        record_steps: int = 0,
        model: NeuronModel = MEMORYLESS,
    ) -> None:
        if level == "vectorised" and model != MEMORYLESS:
            raise NexusError(f"Lava level 'vectorised' runs memoryless neurons only, not {model}; choose level 'lif'")
        self._level = level
        self._lanes = lanes
        self._capacity = capacity
        self.timing = Timing()
        self.network = Network(network, lanes, record_steps, model=model)
        self._encoder = Encoder(network.inputs, capacity, lanes)
        self._decoder = Decoder(network.outputs, capacity, lanes)
        self._encoder.s_out.connect(self.network.a_in)
        self.network.s_out.connect(self._decoder.a_in)
        self.session = Session(self.network, level, timeout)

    def __call__(self, operands: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Patterns [sets] of each input port to patterns [sets] of each output port."""
        sets = len(operands[0]) if operands else 1
        parts = range(0, sets, self._capacity)
        results = [self._chunk([o[i : i + self._capacity] for o in operands]) for i in parts]
        return [np.concatenate(port) for port in zip(*results, strict=True)]

    def _chunk(self, operands: list[NDArray[Any]]) -> list[NDArray[Any]]:
        sets = len(operands[0]) if operands else 1
        before = self.session.steps
        steps = time_steps(self.network.network, sets, self._lanes, self._level)
        self._encoder.load(*operands)
        self.session.run(steps)
        results = self._decoder.take()
        if len(results[0]) != sets:
            raise NexusError(f"Lava returned {len(results[0])} of {sets} results within the predicted {steps} steps")
        self.timing += Timing(steps, self._decoder.last_step - before)
        return results

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: Any) -> None:
        self.session.close()
