"""Evaluates circuits with every neuron's membrane potential kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import LEVELS, Evaluated, Executor
from lava_nexus.execute.membrane.physics import Physics
from lava_nexus.execute.membrane.simulation import Membranes, Regime, Simulation
from lava_nexus.execute.operands import Operands, checked_operands, real_number, refuse_unknown, whole_number
from lava_nexus.execute.tallies import Tally
from lava_nexus.formats import FloatFormat
from lava_nexus.neurons import IDEAL, MEMORYLESS, NeuronModel, NonIdealities, Port
from lava_nexus.populations import Operator

_DISTURBANCES = {field.name: field.default for field in fields(NonIdealities)}


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
        nonidealities: noise, spread and faults; each of its fields may be given by itself too, as `noise=0.2`.
        seed: of all that is random.
        explicit: whether potentials are computed where the tail probability would do.
    """

    name = "membrane"
    level = LEVELS["vectorised"]
    count = "activity"
    native = "steps"

    def __init__(
        self,
        model: NeuronModel = MEMORYLESS,
        regime: Regime = "reset",
        streams: int | None = 1,
        threads: int | None = None,
        nonidealities: NonIdealities = IDEAL,
        seed: int = 0,
        explicit: bool = False,
        **disturbances: Any,
    ) -> None:
        super().__init__()
        if not isinstance(model, NeuronModel):
            raise NexusError(f"model {model!r} is not a NeuronModel")
        if regime not in ("reset", "streaming"):
            raise NexusError(f"regime '{regime}' is not one of reset, streaming")
        self.model = model
        self.regime: Regime = regime
        self.streams = None if streams is None else whole_number("streams", streams)
        self.threads = None if threads is None else whole_number("threads", threads)
        self.nonidealities = _disturbed(nonidealities, disturbances)
        self.seed = whole_number("seed", seed, least=None)
        self.explicit = explicit
        self._invocations = 0

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Those of the constructor, and the fields of `NonIdealities`."""
        return (*(name for name in super().options() if name != "disturbances"), *_DISTURBANCES)

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
        """
        if flips is None:
            return super().invoke(circuit, operands)
        return self._invoked(circuit, operands, partial(self._evaluate, flips=flips))[0]

    def _evaluate(self, circuit: Circuit, operands: Operands, flips: NDArray[np.int64] | None = None) -> Evaluated:
        chosen = None if flips is None else np.broadcast_to(flips, operands.shape).astype(np.int64).ravel()
        run = self._simulate(circuit, operands, record=False, flips=chosen)
        ports = zip(run.ports, circuit.network.outputs, strict=True)
        results = [patterns.astype(port.pattern_dtype) for patterns, port in ports]
        return results, Tally(circuit, run.sets, run.counts, run.active)

    def _operate(self, operator: Operator, x: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tally]:
        if self.model != MEMORYLESS or self.nonidealities != IDEAL or self.regime != "reset":
            raise NexusError(
                f"{operator.label} declares its neurons itself; the membrane executor runs it ideal, with reset"
            )
        return super()._operate(operator, x)

    def membranes(self, circuit: Circuit, operands: Sequence[NDArray[Any]]) -> Membranes:
        """Spikes and potentials of every neuron for every operand set, in flattened order; tallies nothing.

        Takes 9 bytes a neuron and operand set. Raises as `invoke` does.
        """
        recorded = self._simulate(circuit, checked_operands(circuit, operands), record=True).membranes
        assert recorded is not None
        return recorded

    def _simulate(
        self,
        circuit: Circuit,
        operands: Operands,
        record: bool,
        flips: NDArray[np.int64] | None = None,
    ) -> Simulation:
        sets = operands.sets
        copies = min(self.streams or sets, max(sets, 1))
        # A reset between operand sets makes each set a stream of its own, one step long.
        streams = sets if self.regime == "reset" else copies
        invocation = self._invocations
        self._invocations += 1
        physics = Physics(
            self.model, self.nonidealities, self.explicit, (self.seed, invocation), self._manufacture(invocation)
        )
        run = Simulation(circuit.network, operands.whole, sets, physics, streams, max(copies, 1), record, flips)
        return run.run(self.threads) if sets else run

    def _manufacture(self, invocation: int) -> tuple[int, ...]:
        """What tells one manufactured copy from another, beside its number and its network."""
        return (self.seed, invocation) if self.streams is None else (self.seed,)


def _disturbed(given: NonIdealities, fields_given: dict[str, Any]) -> NonIdealities:
    """What is given, with single fields in place of its own."""
    if not isinstance(given, NonIdealities):
        raise NexusError(f"nonidealities {given!r} is not a NonIdealities")
    refuse_unknown("membrane", fields_given, MembraneExecutor.options())
    for name, value in fields_given.items():
        if isinstance(_DISTURBANCES[name], float):
            real_number(name, value)
    return replace(given, **fields_given)


def measured_spikes(circuit: Circuit, sets: int, seed: int = 0, executor: Executor | None = None) -> NDArray[np.int64]:
    """int64 [signals]: spikes over `sets` operand sets, N(0, 1) where a port has a float format, else random bits.

    Every executor that counts gives the same; the membrane executor, taken where there is none, starts at once.
    """
    return np.asarray(measured_tally(circuit, sets, seed, executor).signal_spikes, np.int64)


def measured_tally(circuit: Circuit, sets: int, seed: int = 0, executor: Executor | None = None) -> Tally:
    """All counts of the run of `measured_spikes`, active updates among them where the executor counts those."""
    engine = MembraneExecutor() if executor is None else executor
    rng = np.random.default_rng(seed)
    engine.invoke(circuit, [_operand(port, sets, rng) for port in circuit.inputs])
    tally: Tally = next(iter(engine.tallies))
    return tally


def _operand(port: Port, sets: int, rng: np.random.Generator) -> NDArray[Any]:
    fmt, width, dtype = port.format, port.width, port.pattern_dtype
    if port.name == "code" and fmt is None:  # of a native sum: 0 says that it is an ordinary number
        return np.zeros(sets, dtype)
    if isinstance(fmt, FloatFormat):
        return fmt.to_patterns(rng.standard_normal(sets).astype(np.float32).astype(fmt.dtype)).astype(dtype)
    return (rng.integers(0, 2**63, sets, dtype=np.uint64) & np.uint64(2**width - 1)).astype(dtype)
