"""Small random threshold networks for tests."""

from __future__ import annotations

import numpy as np

from lava_nexus.circuits import Circuit
from lava_nexus.neurons import FALSE, TRUE, Builder, Signal, ThresholdNetwork
from lava_nexus.neurons.built import Computed


def random_gates(builder: Builder, signals: list[Signal], count: int, rng: np.random.Generator) -> list[Signal]:
    """Adds up to `count` random gates over the signals (constants among their sources); returns all signals then."""
    known = [FALSE, TRUE, *signals]
    for _ in range(count):
        fan_in = int(rng.integers(1, 5))
        sources = rng.choice(known[-12:] if rng.random() < 0.7 else known, fan_in)
        weights = rng.choice([-2, -1, 1, 1, 1, 2, 3], fan_in)
        gate = builder.gate(zip(sources.tolist(), weights.tolist(), strict=True), int(rng.integers(-2, 5)))
        if gate not in known:
            known.append(gate)
    return known[2:]


def random_network(
    seed: int, width: int = 3, gates: int = 25, outputs: int = 6, max_delay: int = 62
) -> ThresholdNetwork:
    """Two input ports of `width` bits, random gates, and the last signals as output port `out`."""
    rng = np.random.default_rng(seed)
    builder = Builder()
    signals = builder.input("a", width=width) + builder.input("b", width=width)
    signals = random_gates(builder, signals, gates, rng)
    return builder.finish([("out", signals[-outputs:], None)], max_delay)


def as_circuit(network: ThresholdNetwork, name: str = "random") -> Circuit:
    """The network as a circuit without a golden function."""

    def golden(*_: object) -> np.ndarray:  # type: ignore[type-arg]
        raise AssertionError("this circuit has no golden function")

    return Circuit(name, "threshold", network, Computed(golden, "integers"))
