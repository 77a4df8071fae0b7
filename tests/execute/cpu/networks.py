"""Small networks to run: textbook circuits out of threshold gates, and random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from lava_nexus.circuits import Circuit
from lava_nexus.neurons import FALSE, TRUE, Builder, Signal, ThresholdNetwork
from lava_nexus.neurons.built import Computed


def full_adder(b: Builder, x: Signal, y: Signal, z: Signal) -> tuple[Signal, Signal]:
    carry = b.gate([(x, 1), (y, 1), (z, 1)], 2)
    return b.gate([(x, 1), (y, 1), (z, 1), (carry, -2)], 1), carry


def ripple_adder(width: int) -> ThresholdNetwork:
    """x + y modulo 2^width."""
    b = Builder()
    x, y = b.input("x", width=width), b.input("y", width=width)
    carry, total = FALSE, []
    for i in range(width):
        bit, carry = full_adder(b, x[i], y[i], carry)
        total.append(bit)
    return b.finish([("sum", total, None)])


def counter(width: int) -> ThresholdNetwork:
    """How many bits of x are set: each bit of the answer is one gate that subtracts the higher ones."""
    b = Builder()
    x = b.input("x", width=width)
    higher: list[tuple[Signal, int]] = []
    for place in reversed(range(width.bit_length())):
        gate = b.gate([*((s, 1) for s in x), *((s, -weight) for s, weight in higher)], 1 << place)
        higher.append((gate, 1 << place))
    return b.finish([("count", [signal for signal, _ in reversed(higher)], None)])


@st.composite
def random_networks(draw: st.DrawFn) -> ThresholdNetwork:
    """Up to two input ports, up to twelve gates over anything earlier, relays and constants among the outputs."""
    b = Builder()
    signals = [FALSE, TRUE]
    for name in draw(st.sampled_from((["x"], ["x", "y"]))):
        signals += b.input(name, width=draw(st.integers(1, 9)))
    for _ in range(draw(st.integers(1, 12))):
        sources = draw(st.lists(st.sampled_from(signals), min_size=1, max_size=9))
        weights = draw(st.lists(st.integers(-9, 9), min_size=len(sources), max_size=len(sources)))
        signals.append(b.gate(list(zip(sources, weights, strict=True)), draw(st.integers(-12, 12))))
    outputs = draw(st.lists(st.sampled_from(signals), min_size=1, max_size=17))
    return b.finish([("out", outputs, None)], max_delay=draw(st.integers(0, 3)))


def as_circuit(network: ThresholdNetwork) -> Circuit:
    """The network as a circuit whose golden function is never asked for."""
    return Circuit("test", "threshold", network, golden=Computed(lambda *operands: operands[0], "integers"))


def random_operands(network: ThresholdNetwork, shape: int | tuple[int, ...], seed: int = 0) -> list[NDArray[Any]]:
    """Uniform patterns for every input port."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 1 << port.width, shape, dtype=np.uint64, endpoint=False).astype(port.pattern_dtype)
        if port.width < 64
        else rng.integers(0, 2**64 - 1, shape, dtype=np.uint64, endpoint=True)
        for port in network.inputs
    ]
