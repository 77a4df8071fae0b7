"""Evaluates circuits with every neuron's membrane potential kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits.circuit import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tally
from lava_nexus.execute.membrane.physics import Physics
from lava_nexus.execute.membrane.simulation import Membranes, Regime, Simulation
from lava_nexus.neurons import IDEAL, MEMORYLESS, NeuronModel, NonIdealities
from lava_nexus.populations import Operator


class MembraneExecutor(Executor):
    """v(t) = beta * v_after(t - 1) + sum w * s for every neuron, with the reset and threshold of a `NeuronModel`.

    Potentials are float64. Weights are integers, so that with beta -1, 0 or 1 and a margin of 0, 1/2 or 1 every
    potential is exact; otherwise each step rounds once for the product and once for the sum.

    What `NonIdealities` add is drawn from (seed, invocation, neuron, lane, step), whatever the number of threads. Where
    a membrane keeps nothing, noise and fresh normal spread are drawn as flips with the exact tail probability of the
    integer potential; else, and with `explicit`, as normal deviates. Noise alone gives the same spikes either way: both
    come from the same draw.

    Attributes:
        model: leak, reset and threshold placement of every neuron.
        regime: `reset`, each operand set finds v = 0 (what the published figures assume), or `streaming`, the network
            takes one operand set a time step and what a set leaves on a membrane meets the next.
        streams: independent copies of the network; set i is step i // streams of copy i % streams. None gives every set
            of every invocation a copy of its own. Every invocation starts at v = 0; stuck neurons and fixed thresholds
            of a copy are the same in all of them.
        threads: streams are shared among that many threads; None for the processors this process may use, 1 makes none.
        nonidealities: noise, spread and faults.
        seed: of all that is random.
        explicit: whether potentials are computed where the tail probability would do.
    """

    name = "membrane"
    level = "vectorised neurons"

    def __init__(
        self,
        model: NeuronModel = MEMORYLESS,
        regime: Regime = "reset",
        streams: int | None = 1,
        threads: int | None = None,
        nonidealities: NonIdealities = IDEAL,
        seed: int = 0,
        explicit: bool = False,
    ) -> None:
        super().__init__()
        if regime not in ("reset", "streaming"):
            raise NexusError(f"regime '{regime}' is not one of reset, streaming")
        if streams is not None and streams < 1:
            raise NexusError(f"streams {streams} is below 1")
        if threads is not None and threads < 1:
            raise NexusError(f"threads {threads} is below 1")
        self.model = model
        self.regime: Regime = regime
        self.streams = streams
        self.threads = threads
        self.nonidealities = nonidealities
        self.seed = seed
        self.explicit = explicit
        self._invocations = 0

    @property
    def ideal(self) -> bool:
        """Whether no neuron leaks, keeps a residue or is disturbed."""
        return self.model == MEMORYLESS and self.nonidealities == IDEAL

    def begin(self, part: int) -> None:
        """Numbers the invocations that follow from the part's own number on."""
        super().begin(part)
        self._invocations = part << 32

    def invoke(
        self, circuit: Circuit, operands: Sequence[NDArray[Any]], flips: NDArray[np.int64] | None = None
    ) -> NDArray[Any]:
        """The circuit on every element of the broadcast operands; see `Executor.invoke`.

        `flips`, in the broadcast shape, names for each operand set a neuron (0-based) whose spike is inverted, or -1:
        the single faults of fault injection.

        Raises:
            NexusError: not one operand a port, a dtype that is not the port's, or shapes that do not broadcast.
        """
        return self._invoked(circuit, operands, flips)[0]

    def invoke_all(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """As `invoke`: patterns of every output port."""
        return self._invoked(circuit, operands, None)

    def _invoked(
        self, circuit: Circuit, operands: Sequence[NDArray[Any]], flips: NDArray[np.int64] | None
    ) -> tuple[NDArray[Any], ...]:
        words, shape = _words(circuit, operands)
        chosen = None if flips is None else np.broadcast_to(flips, shape).astype(np.int64).ravel()
        run = self._simulate(circuit, words, shape, record=False, flips=chosen)
        self.tallies.add(Tally(circuit, run.sets, run.counts, run.active))
        ports = zip(run.ports, circuit.network.outputs, strict=True)
        return tuple(patterns.astype(port.pattern_dtype).reshape(shape) for patterns, port in ports)

    def operate(self, operator: Operator, operand: NDArray[Any]) -> NDArray[Any]:
        """The operator of LIF populations on every row, see `Executor.operate`.

        Raises:
            NexusError: the neurons of this executor are not the ideal ones that populations declare for themselves.
        """
        if self.model != MEMORYLESS or self.nonidealities != IDEAL or self.regime != "reset":
            raise NexusError(
                f"{operator.label} declares its neurons itself; the membrane executor runs it ideal, with reset"
            )
        return super().operate(operator, operand)

    def membranes(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> Membranes:
        """Spikes and potentials of every neuron for every operand set, in flattened order; tallies nothing.

        Takes 9 bytes a neuron and operand set. Raises as `invoke` does.
        """
        words, shape = _words(circuit, operands)
        recorded = self._simulate(circuit, words, shape, record=True).membranes
        assert recorded is not None
        return recorded

    def _simulate(
        self,
        circuit: Circuit,
        words: Sequence[NDArray[Any]],
        shape: tuple[int, ...],
        record: bool,
        flips: NDArray[np.int64] | None = None,
    ) -> Simulation:
        sets = int(np.prod(shape))
        copies = min(self.streams or sets, max(sets, 1))
        # A reset between operand sets makes each set a stream of its own, one step long.
        streams = sets if self.regime == "reset" else copies
        invocation = self._invocations
        self._invocations += 1
        physics = Physics(
            self.model, self.nonidealities, self.explicit, (self.seed, invocation), self._manufacture(invocation)
        )
        run = Simulation(circuit.network, words, sets, physics, streams, max(copies, 1), record, flips)
        return run.run(self.threads) if sets else run

    def _manufacture(self, invocation: int) -> tuple[int, ...]:
        """What tells one manufactured copy from another, beside its number and its network."""
        return (self.seed, invocation) if self.streams is None else (self.seed,)


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
