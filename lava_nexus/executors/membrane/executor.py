"""Evaluates circuits with every neuron's membrane potential kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.executors.executor import Executor, Tally
from lava_nexus.executors.membrane.simulation import Membranes, Regime, Simulation
from lava_nexus.neurons import MEMORYLESS, NeuronModel


class MembraneExecutor(Executor):
    """v(t) = beta * v_after(t - 1) + sum w * s for every neuron, with the reset and threshold of a `NeuronModel`.

    Potentials are float64. Weights are integers, so that with beta -1, 0 or 1 and a margin of 0, 1/2 or 1 every
    potential is exact; otherwise each step rounds once for the product and once for the sum.

    Attributes:
        model: leak, reset and threshold placement of every neuron.
        regime: `reset`, each operand set finds v = 0 (what the published figures assume), or `streaming`, the network
            takes one operand set a time step and what a set leaves on a membrane meets the next.
        streams: independent copies of the network under `streaming`; set i is step i // streams of stream
            i % streams. Every invocation starts them afresh, at v = 0.
        threads: streams are shared among that many threads; None for the processors this process may use, 1 makes none.
    """

    name = "membrane"
    level = "vectorised neurons"

    def __init__(
        self,
        model: NeuronModel = MEMORYLESS,
        regime: Regime = "reset",
        streams: int = 1,
        threads: int | None = None,
    ) -> None:
        super().__init__()
        if regime not in ("reset", "streaming"):
            raise NexusError(f"regime '{regime}' is not one of reset, streaming")
        if streams < 1:
            raise NexusError(f"streams {streams} is below 1")
        if threads is not None and threads < 1:
            raise NexusError(f"threads {threads} is below 1")
        self.model = model
        self.regime: Regime = regime
        self.streams = streams
        self.threads = threads

    def invoke(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The circuit on every element of the broadcast operands; see `Executor.invoke`.

        Raises:
            NexusError: not one operand a port, a dtype that is not the port's, or shapes that do not broadcast.
        """
        words, shape = _words(circuit, operands)
        run = self._simulate(circuit, words, shape, record=False)
        self.tallies.add(Tally(circuit, run.sets, run.counts, run.active))
        return run.patterns.astype(circuit.output.pattern_dtype).reshape(shape)

    def membranes(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> Membranes:
        """Spikes and potentials of every neuron for every operand set, in flattened order; tallies nothing.

        Takes 9 bytes a neuron and operand set. Raises as `invoke` does.
        """
        words, shape = _words(circuit, operands)
        recorded = self._simulate(circuit, words, shape, record=True).membranes
        assert recorded is not None
        return recorded

    def _simulate(
        self, circuit: Circuit, words: Sequence[NDArray[Any]], shape: tuple[int, ...], record: bool
    ) -> Simulation:
        sets = int(np.prod(shape))
        # A reset between operand sets makes each set a stream of its own, one step long.
        streams = sets if self.regime == "reset" else min(self.streams, sets)
        run = Simulation(circuit.network, words, sets, self.model, streams, record)
        return run.run(self.threads) if sets else run


def _words(circuit: Circuit, operands: Sequence[NDArray[Any]]) -> tuple[list[NDArray[Any]], tuple[int, ...]]:
    """The operands flattened after broadcasting, and the broadcast shape."""
    if len(operands) != len(circuit.inputs):
        raise NexusError(f"circuit {circuit.name} takes {len(circuit.inputs)} operands, got {len(operands)}")
    arrays = [np.asarray(x) for x in operands]
    for port, array in zip(circuit.inputs, arrays, strict=True):
        if array.dtype != port.pattern_dtype:
            raise NexusError(
                f"operand {port.name} of circuit {circuit.name} holds {array.dtype}, "
                f"not patterns of {port.pattern_dtype}"
            )
    try:
        shape = np.broadcast_shapes(*(x.shape for x in arrays))
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in arrays)
        raise NexusError(f"circuit {circuit.name}: operands of shapes {shapes} do not broadcast") from None
    return [np.broadcast_to(x, shape).ravel() for x in arrays], shape
