"""The named gates and IF populations, wired by hand, at both levels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("lava")

from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

from lava_nexus.errors import NexusError
from lava_nexus.execute.lava import And, FullAdder, IFPopulation, Majority, Mux, Not, Or, Session, Xor, run
from lava_nexus.neurons import NeuronModel

LANES, STEPS = 4, 20
WANT = {
    And: {"out": lambda a, b, c: a & b},
    Or: {"out": lambda a, b, c: a | b},
    Not: {"out": lambda a, b, c: 1 - a},
    Xor: {"out": lambda a, b, c: a ^ b},
    Mux: {"out": lambda a, b, c: np.where(c, a, b)},
    Majority: {"out": lambda a, b, c: (a + b + c) // 2},
    FullAdder: {"sum": lambda a, b, c: (a + b + c) % 2, "carry": lambda a, b, c: (a + b + c) // 2},
}


def after_each_other(symbols: int) -> list[int]:
    """The shortest sequence in which every symbol follows every symbol."""
    around = [x for i in range(symbols) for x in (i, *(y for j in range(i + 1, symbols) for y in (i, j)))]
    return [*around, around[0]]


@pytest.mark.parametrize("level", ["vectorised", "lif"])
def test_gates_on_all_operands_back_to_back(level):
    """Every one of the 8 operand sets right after every one, so that nothing of a wave may reach the next."""
    sets = after_each_other(8)
    assert len(set(pairwise(sets))) == 64
    lanes = np.array([sets[16 * lane : 16 * lane + 17] + [0] * (STEPS - 17) for lane in range(LANES)])
    data = {name: lanes >> i & 1 for i, name in enumerate("abc")}
    data["strobe"] = np.ones((LANES, STEPS), np.int64)
    sources = {name: Source(data=values) for name, values in data.items()}
    sinks = {}
    for gate_class in WANT:
        gate = gate_class(shape=(LANES,))
        for name in gate.in_names():
            sources[name].s_out.connect(getattr(gate, name))
        for result in gate.results:
            sinks[gate, result] = Sink(shape=(LANES,), buffer=STEPS)
            getattr(gate, result).connect(sinks[gate, result].a_in)
    with Session(sources["a"], level) as session:
        session.run(STEPS)
        for (gate, result), sink in sinks.items():
            late = gate.latency(level)
            want = WANT[type(gate)][result](data["a"], data["b"], data["c"])
            got = sink.data.get()
            assert np.array_equal(got[:, late:], want[:, :-late]), (type(gate).__name__, result)
            assert not got[:, :late].any()


@pytest.mark.parametrize(("gate", "neurons", "depth"), [(And, 1, 1), (Not, 1, 1), (Xor, 2, 2), (Mux, 2, 2)])
def test_sizes(gate, neurons, depth):
    assert (gate().network.neurons, gate().network.depth) == (neurons, depth)


def populations_run(level, data, populations, weights):
    """Spikes [neurons, steps] of each population behind a Dense of its own, run side by side."""
    source, steps = Source(data=data), data.shape[1]
    sinks = []
    for population in populations:
        dense, sink = Dense(weights=weights), Sink(shape=population.a_in.shape, buffer=steps)
        source.s_out.connect(dense.s_in)
        dense.a_out.connect(population.a_in)
        population.s_out.connect(sink.a_in)
        sinks.append(sink)
    with Session(source, level) as session:
        session.run(steps)
        return [sink.data.get() for sink in sinks]


@pytest.mark.parametrize("level", ["vectorised", "lif"])
def test_a_memoryless_population(level):
    """[a + b >= 2], [a - b >= 1], [2a + 2b - c >= 1] with doubled weights; Dense takes one step."""
    data = np.random.default_rng(0).integers(0, 2, (3, 40))
    weights, thresholds = np.array([[1, 1, 0], [1, -1, 0], [2, 2, -1]]), np.array([2, 1, 1])
    (got,) = populations_run(level, data, [IFPopulation((3,), thresholds, unit=2)], 2 * weights)
    want = weights @ data >= thresholds[:, None]
    assert np.array_equal(got[:, 1:], want[:, :-1])


def test_leak_and_reset():
    """T = 2 fires from 3/2 on; one unit arrives every step. By hand: beta = 1, soft: v = 1, 2 and 1.5 fire, 1, ..."""
    want = {
        NeuronModel(beta=1.0, reset="soft"): [0, 1, 1, 0, 1, 1, 0, 1, 1, 0],
        NeuronModel(beta=1.0, reset="hard"): [0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        NeuronModel(beta=0.25, reset="soft"): [0] * 10,
        NeuronModel(beta=0.5, reset="soft"): [0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        NeuronModel(beta=0.5, reset="soft", strict=True): [0, 0, 1, 0, 1, 0, 1, 0, 1, 0],
        NeuronModel(beta=0.5, reset="soft", margin=0.0): [0] * 10,
        NeuronModel(beta=1.0, reset="full"): [0] * 10,
    }
    populations = [IFPopulation((1,), 2, model) for model in want]
    got = populations_run("vectorised", np.ones((1, 11), np.int64), populations, np.ones((1, 1)))
    for model, spikes in zip(want, got, strict=True):
        assert spikes[0, 1:].tolist() == want[model], model


def test_what_has_no_lif_form():
    with pytest.raises(NexusError, match="has no LIF form: it is not memoryless"):
        run(IFPopulation((1,), 2, NeuronModel(beta=0.5, reset="soft")), 1, "lif")
    with pytest.raises(NexusError, match="LIF bias of size 4998, above 4095"):
        run(IFPopulation((2,), [1, 2500], unit=2), 1, "lif")
    with pytest.raises(NexusError, match="unit weight of 3"):
        IFPopulation((2,), 1, unit=3)
    with pytest.raises(NexusError, match=r"gate has shape \(0,\), which is no tuple"):
        And(shape=(0,))
